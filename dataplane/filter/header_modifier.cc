#include "dataplane/filter/header_modifier.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "dataplane/filter/field_checks.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/path.h"

namespace portreeve::filter {
namespace {

std::string Element(const std::string& field, const char* list, std::size_t index) {
  return absl::StrCat(field, ".", list, "[", index, "]");
}

absl::Status ValidateLines(const std::string& field, const char* list, const std::vector<HeaderValue>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string element = Element(field, list, i);
    absl::Status status = ValidateHeaderName(element + ".name", lines[i].name);
    if (status.ok()) status = ValidateHeaderValue(element + ".value", lines[i].value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Validate(const std::string& field, const HeaderModifierConfig& config) {
  absl::Status status = ValidateLines(field, "set", config.set);
  if (status.ok()) status = ValidateLines(field, "add", config.add);
  for (std::size_t i = 0; status.ok() && i < config.remove.size(); ++i) {
    status = ValidateHeaderName(Element(field, "remove", i), config.remove[i]);
  }
  return status;
}

bool IsHost(std::string_view name) {
  return http::HeaderIdOf(name) == http::HeaderId::kHost;
}

// A request has exactly one Host (RFC 9112 section 3.2).
absl::Status RefuseHost(const std::string& field, const HeaderModifierConfig& config) {
  for (std::size_t i = 0; i < config.add.size(); ++i) {
    if (IsHost(config.add[i].name)) {
      return FieldError(Element(field, "add", i) + ".name", "Host can be set, not added: a request has one");
    }
  }
  for (std::size_t i = 0; i < config.remove.size(); ++i) {
    if (IsHost(config.remove[i])) return FieldError(Element(field, "remove", i), "a request can't go without Host");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HeaderModifier> HeaderModifier::Create(Direction direction, HeaderModifierConfig config,
                                                      std::string_view field) {
  const std::string path(field);
  absl::Status status = Validate(path, config);
  if (status.ok() && direction == Direction::kRequest) status = RefuseHost(path, config);
  if (!status.ok()) return status;

  HeaderModifier result;
  for (std::size_t i = 0; i < config.set.size(); ++i) {
    HeaderValue& line = config.set[i];
    if (direction == Direction::kResponse || !IsHost(line.name)) {
      result.config_.set.push_back(std::move(line));
      continue;
    }
    http::Arena arena;
    const std::optional<http::Authority> authority = http::ParseAuthority(line.value, arena);
    if (!authority.has_value()) return FieldError(Element(path, "set", i) + ".value", "not a host with optional port");
    result.host_ = std::string(authority->host);
    result.authority_ = std::move(line.value);
  }
  result.config_.add = std::move(config.add);
  result.config_.remove = std::move(config.remove);
  return result;
}

void HeaderModifier::Apply(http::RequestHead& head) const {
  if (!authority_.empty()) {
    head.authority = authority_;
    head.host = host_;
  }
  Apply(head.headers);
}

void HeaderModifier::Apply(http::ResponseHead& head) const {
  Apply(head.headers);
}

void HeaderModifier::Apply(http::HeaderList& headers) const {
  for (const HeaderValue& line : config_.set) headers.Set(line.name, line.value);
  for (const HeaderValue& line : config_.add) headers.Add(line.name, line.value);
  for (const std::string& name : config_.remove) headers.Remove(name);
}

}  // namespace portreeve::filter
