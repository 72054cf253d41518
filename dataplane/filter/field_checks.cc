#include "dataplane/filter/field_checks.h"

#include <optional>

#include "dataplane/http/arena.h"
#include "dataplane/http/ascii.h"
#include "dataplane/http/header_list.h"
#include "dataplane/http/path.h"

namespace portreeve::filter {
namespace {

// The codecs own these: a filter that wrote one could make two servers read a message differently.
bool IsFramingField(http::HeaderId id) {
  switch (id) {
    case http::HeaderId::kConnection:
    case http::HeaderId::kContentLength:
    case http::HeaderId::kExpect:
    case http::HeaderId::kHttp2Settings:
    case http::HeaderId::kKeepAlive:
    case http::HeaderId::kProxyConnection:
    case http::HeaderId::kTe:
    case http::HeaderId::kTrailer:
    case http::HeaderId::kTransferEncoding:
    case http::HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status FieldError(std::string_view field, std::string_view message) {
  std::string text(field);
  text.append(": ").append(message);
  return absl::InvalidArgumentError(text);
}

absl::Status ValidateHeaderName(std::string_view field, std::string_view name) {
  if (!http::IsToken(name)) return FieldError(field, "not a field name (RFC 9110 section 5.1)");
  if (IsFramingField(http::HeaderIdOf(name))) {
    return FieldError(field, "the gateway itself frames messages; a filter may not touch this field");
  }
  return absl::OkStatus();
}

absl::Status ValidateHeaderValue(std::string_view field, std::string_view value) {
  if (!http::IsFieldValue(value)) {
    return FieldError(field, "holds a control character, or a blank at an end (RFC 9110 section 5.5)");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ValidateHostname(std::string_view field, std::string_view hostname) {
  http::Arena arena;
  const std::optional<http::Authority> authority = http::ParseAuthority(hostname, arena);
  if (!authority.has_value() || authority->port.has_value()) return FieldError(field, "not a hostname without port");
  return std::string(authority->host);
}

}  // namespace portreeve::filter
