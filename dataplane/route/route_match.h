// What matching gives.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// The rule that serves a request. Pointers and views live as long as the table and the head do.
struct RouteMatch {
  // Null: nothing matches (404).
  const config::Rule* rule = nullptr;
  // Which of the rule's matches it was.
  std::uint32_t match_index = 0;
  PathMatch::Type path_type = PathMatch::Type::kPrefix;
  // The part of head.path that a kPrefix match covers, without "/" at its end ("" for the prefix "/"): what
  // ReplacePrefixMatch replaces. Empty for the other types.
  std::string_view matched_prefix;
  // As written in the route ("*.example.com"; "" for any): whose entries it was found among.
  std::string_view hostname;

  explicit operator bool() const { return rule != nullptr; }
};

}  // namespace portreeve::route
