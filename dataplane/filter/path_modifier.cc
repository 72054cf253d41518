#include "dataplane/filter/path_modifier.h"

#include <optional>

#include "dataplane/filter/field_checks.h"
#include "dataplane/http/path.h"

namespace portreeve::filter {

absl::StatusOr<PathModifier> PathModifier::Create(Type type, std::string_view value, std::string_view field) {
  http::Arena arena;
  const std::optional<std::string_view> path = http::NormalizePath(value.empty() ? "/" : value, arena);
  if (!path.has_value()) {
    return FieldError(field,
                      "must be empty or begin with \"/\", and hold only what a URI path may (RFC 3986 section 3.3)");
  }
  std::string text(WithOneLeadingSlash(*path));
  if (type == Type::kPrefix) {
    while (!text.empty() && text.back() == '/') text.pop_back();
  }
  return PathModifier(type, std::move(text));
}

std::optional<PathModifier::Result> PathModifier::Apply(std::string_view path, std::string_view matched_prefix,
                                                        http::Arena& arena) const {
  if (type_ == Type::kFull) return Result{value_, value_};
  if (path == "*") path = {};
  if (!path.starts_with(matched_prefix)) return std::nullopt;
  std::string_view rest = path.substr(matched_prefix.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  if (value_.empty()) {
    rest = rest.empty() ? std::string_view("/") : WithOneLeadingSlash(rest);
    return Result{rest, rest.substr(0, 0)};
  }
  if (rest.empty()) return Result{value_, value_};
  const std::string_view result = arena.Concat({value_, rest});
  return Result{result, result.substr(0, value_.size())};
}

std::string_view WithOneLeadingSlash(std::string_view path) {
  while (path.size() > 1 && path[0] == '/' && path[1] == '/') path.remove_prefix(1);
  return path;
}

}  // namespace portreeve::filter
