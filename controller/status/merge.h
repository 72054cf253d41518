// What a status becomes: ours, laid over what is stored in the API server. Pure.
//
// Conditions and entries that aren't ours stay as they are stored, in value and in place, with fields that nobody here
// knows: whole JSON values are carried over. What is ours, per list: the condition types of translate/statuses.h, the
// entries with our controllerName, and of a Gateway addresses, listeners and their counts.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "controller/translate/translator.h"

namespace portreeve::status {

// Conditions of one list, foreign ones included, that the CRDs allow. Ours that don't fit are left out, the last first.
inline constexpr std::size_t kMaxConditions = 8;

// A condition of ours that says that something isn't as its author wants it, and didn't say so before.
struct Complaint {
  std::string type;
  std::string reason;
  // "listener https: …" where it is about a part.
  std::string message;

  bool operator==(const Complaint&) const = default;
};

enum class Difference {
  kNone,
  // Only how many routes are attached to listeners.
  kCounts,
  kMore,
};

struct Merged {
  Difference difference = Difference::kNone;
  // A condition of ours is about a newer generation than `desired`: whoever wrote it knows more.
  bool stale = false;
  std::vector<Complaint> complaints;
};

// `stored`: the object's `status` (null if it has none). `patch` becomes what a merge patch says of `status`: those of
// its members that differ, each whole. `now`: the lastTransitionTime of conditions whose status changes.
Merged Merge(const nlohmann::ordered_json& stored, const translate::ObjectStatus& desired, std::string_view now,
             nlohmann::ordered_json* patch);

// Whether somebody else has a condition or an entry in a list of ours. Then a status has to be merged from the object
// as the API server has it: a decoded one lacks fields that Decode doesn't know.
bool HasForeign(const gatewayapi::GatewayClass::Status& status);
bool HasForeign(const gatewayapi::GatewayStatus& status);
bool HasForeign(const gatewayapi::HTTPRoute::Status& status);

}  // namespace portreeve::status
