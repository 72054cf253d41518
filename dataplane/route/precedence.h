// Which of two entries of one hostname goes first, and why.
#pragma once

#include <cstdint>

#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// What tells two entries apart, in the order in which it is looked at.
enum class Precedence : std::uint8_t {
  kPathType,
  kPrefixLength,
  kMethod,
  kHeaders,
  kQuery,
  kAge,
  kName,
  kRule,
  kMatch,
  // Nothing does.
  kSame,
};

struct Comparison {
  // `a` goes before `b`.
  bool first = false;
  // The first difference, which decides.
  Precedence by = Precedence::kSame;
};

// Precedes(a, b) with its reason: there is no other order.
Comparison Compare(const RouteEntry& a, const RouteEntry& b);

}  // namespace portreeve::route
