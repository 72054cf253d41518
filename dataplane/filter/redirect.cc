#include "dataplane/filter/redirect.h"

#include <absl/strings/str_cat.h>

#include <charconv>
#include <cstddef>

#include "dataplane/filter/field_checks.h"

namespace portreeve::filter {
namespace {

constexpr std::uint32_t DefaultPort(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

bool IsRedirectStatus(std::uint32_t status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

FilterResult Fail(FilterContext& context) {
  context.reason = http::Reason::kInvalidRewrite;
  return FilterResult::kFail;
}

}  // namespace

absl::StatusOr<Redirect> Redirect::Create(RedirectConfig config, std::string_view field) {
  const std::string path(field);
  if (!config.scheme.empty() && config.scheme != "http" && config.scheme != "https") {
    return FieldError(path + ".scheme", "must be \"http\" or \"https\"");
  }
  if (!config.hostname.empty()) {
    absl::StatusOr<std::string> hostname = ValidateHostname(path + ".hostname", config.hostname);
    if (!hostname.ok()) return hostname.status();
    config.hostname = *std::move(hostname);
  }
  if (config.port > 65535) return FieldError(path + ".port", "must be from 1 to 65535");
  if (config.status == 0) config.status = 302;
  if (!IsRedirectStatus(config.status)) {
    return FieldError(path + ".statusCode", absl::StrCat(config.status, " is none of 301, 302, 303, 307 and 308"));
  }
  return Redirect(std::move(config));
}

FilterResult Redirect::Apply(const http::RequestHead& head, FilterContext& context) const {
  std::string_view path = head.path == "*" ? std::string_view("/") : WithOneLeadingSlash(head.path);
  if (config_.path.has_value()) {
    const auto result = config_.path->Apply(head.path, context.matched_prefix, context.arena);
    if (!result.has_value()) return Fail(context);
    path = result->path;
  }
  const std::string_view question = head.has_query ? "?" : "";
  const std::string_view scheme = config_.scheme.empty() ? head.scheme : std::string_view(config_.scheme);
  const std::string_view host = config_.hostname.empty() ? head.host : std::string_view(config_.hostname);
  if (host.empty()) {
    if (!config_.scheme.empty() || config_.port != 0) return Fail(context);
    context.reply.location = context.arena.Concat({path, question, head.query});
  } else {
    char buffer[8];
    const std::string_view port = PortSuffix(scheme, context.listener_port, buffer);
    context.reply.location = context.arena.Concat({scheme, "://", host, port, path, question, head.query});
  }
  context.reply.status = static_cast<int>(config_.status);
  context.reason = http::Reason::kRedirected;
  return FilterResult::kReply;
}

// ":8443", or nothing for the default port of the scheme.
std::string_view Redirect::PortSuffix(std::string_view scheme, std::uint16_t listener_port, char (&buffer)[8]) const {
  std::uint32_t port = config_.port;
  if (port == 0) port = config_.scheme.empty() ? listener_port : DefaultPort(scheme);
  if (port == DefaultPort(scheme)) return {};
  buffer[0] = ':';
  const std::to_chars_result end = std::to_chars(buffer + 1, buffer + sizeof(buffer), port);
  return {buffer, static_cast<std::size_t>(end.ptr - buffer)};
}

}  // namespace portreeve::filter
