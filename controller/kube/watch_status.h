// How it stands with a watch, and what an operator should know of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controller/kube/kind.h"

namespace portreeve::kube {

enum class WatchState : std::uint8_t {
  kListing,
  kWatching,
  kRetrying,   // something went wrong that time should heal; it waits and tries again
  kRefused,    // the server answers, but not what was asked; it tries again
  kForbidden,  // RBAC says no; it tries again
  kMissing,    // the server doesn't have this kind; it looks again, and at once when its CRD comes
};

inline constexpr WatchState kAllWatchStates[] = {WatchState::kListing, WatchState::kWatching,  WatchState::kRetrying,
                                                 WatchState::kRefused, WatchState::kForbidden, WatchState::kMissing};

// "listing", "watching" and so on.
std::string_view ToString(WatchState state);

struct ReflectorStatus {
  WatchState state = WatchState::kListing;
  std::string reason;        // what is wrong, in one line; empty while all is well
  bool unreachable = false;  // the server itself, or the way to it, is at fault
  // What there was has been told once; or there is nothing, since the kind is missing; or it may not be read, for so
  // long that it is no matter of order, and the others are worth something without it.
  bool read = false;
  std::uint64_t lists = 0;     // begun
  std::uint64_t watches = 0;   // begun
  std::uint64_t events = 0;    // without bookmarks
  std::uint64_t failures = 0;  // of lists and watches
};

// "apiGroups: …, resources: …, verbs: …": what a role must have for this kind to be read.
std::string RbacRule(const WatchedKind& kind);

// A line for each thing that something can be done about, once for as long as it lasts, and one when it is over. That
// the server itself is away is ServerProbe's to say. Belongs to one thread.
class WatchLog {
 public:
  // `kind` outlives it.
  WatchLog(const WatchedKind& kind, std::string namespace_) : kind_(kind), namespace_(std::move(namespace_)) {}

  void Say(const ReflectorStatus& now);

 private:
  void SayTrouble(const ReflectorStatus& now);

  const WatchedKind& kind_;
  const std::string namespace_;
  bool said_missing_ = false;
  bool said_trouble_ = false;
};

}  // namespace portreeve::kube
