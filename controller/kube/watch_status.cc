#include "controller/kube/watch_status.h"

#include <absl/strings/str_cat.h>

#include "common/log.h"

namespace portreeve::kube {

std::string_view ToString(WatchState state) {
  switch (state) {
    case WatchState::kListing:
      return "listing";
    case WatchState::kWatching:
      return "watching";
    case WatchState::kRetrying:
      return "retrying";
    case WatchState::kRefused:
      return "refused";
    case WatchState::kForbidden:
      return "forbidden";
    case WatchState::kMissing:
      return "missing";
  }
  return "";
}

std::string RbacRule(const WatchedKind& kind) {
  return absl::StrCat("apiGroups: [\"", std::string(kind.group), "\"], resources: [\"", std::string(kind.plural),
                      "\"], verbs: [\"get\", \"list\", \"watch\"]");
}

void WatchLog::Say(const ReflectorStatus& now) {
  switch (now.state) {
    case WatchState::kWatching:
      if (said_missing_) log::Info("a kind is on: its CRD is there", {{"kind", kind_.name}});
      if (said_trouble_) log::Info("a kind is read again", {{"kind", kind_.name}, {"namespace", namespace_}});
      said_missing_ = false;
      said_trouble_ = false;
      return;
    case WatchState::kMissing:
      if (!said_missing_) {
        log::Warning("a kind is off until its CRD is there", {{"kind", kind_.name}, {"reason", now.reason}});
      }
      said_missing_ = true;
      return;
    case WatchState::kForbidden:
    case WatchState::kRefused:
      return SayTrouble(now);
    case WatchState::kListing:
    case WatchState::kRetrying:
      log::Debug("a watch begins anew", {{"kind", kind_.name}, {"namespace", namespace_}, {"reason", now.reason}});
  }
}

void WatchLog::SayTrouble(const ReflectorStatus& now) {
  if (std::exchange(said_trouble_, true)) return;
  if (now.state == WatchState::kForbidden) {
    log::Warning("RBAC forbids to read a kind; all others go on",
                 {{"kind", kind_.name},
                  {"namespace", namespace_},
                  {"reason", now.reason},
                  {"remedy", absl::StrCat("grant the controller the rule {", RbacRule(kind_), "}")}});
  } else {
    log::Warning("the API server refuses to tell of a kind",
                 {{"kind", kind_.name}, {"namespace", namespace_}, {"reason", now.reason}});
  }
}

}  // namespace portreeve::kube
