// Replaces all of a path, or the prefix that matched (Gateway API HTTPPathModifier). Used by redirects and rewrites.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/http/arena.h"

namespace portreeve::filter {

class PathModifier {
 public:
  enum class Type : std::uint8_t { kFull, kPrefix };

  // `value` begins with "/" or is empty (as "/"), without query, and is normalised (http::NormalizePath). `field` is
  // its path for error messages.
  static absl::StatusOr<PathModifier> Create(Type type, std::string_view value, std::string_view field);

  struct Result {
    // Begins with exactly one "/". Points into the arena, the modifier, or `path`.
    std::string_view path;
    // The part of it that took the prefix's place, without "/" at its end.
    std::string_view prefix;
  };

  // kPrefix replaces `matched_prefix` (no "/" at its end), with which `path` begins, else nullopt. What follows it is
  // left as it is, escapes too; when nothing is left, "/". A "/" at the end of the value neither adds nor eats one. "*"
  // counts as an empty path.
  std::optional<Result> Apply(std::string_view path, std::string_view matched_prefix, http::Arena& arena) const;

 private:
  PathModifier(Type type, std::string value) : type_(type), value_(std::move(value)) {}

  Type type_;
  // kFull: the path. kPrefix: without "/" at its end.
  std::string value_;
};

// Drops all but one "/" at the start: "//host/x" in a Location would name another authority (RFC 3986 section 4.2).
std::string_view WithOneLeadingSlash(std::string_view path);

}  // namespace portreeve::filter
