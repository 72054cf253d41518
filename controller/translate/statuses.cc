#include "controller/translate/statuses.h"

#include <algorithm>

#include "controller/translate/translator.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Condition;
using gatewayapi::ListenerStatus;
using gatewayapi::RouteParentStatus;

}  // namespace

std::vector<Condition> MergeConditions(const std::vector<Condition>& stored,
                                       std::span<const std::string_view> own_types, const std::vector<Condition>& own) {
  std::vector<Condition> merged;
  std::vector<bool> placed(own.size(), false);
  for (const Condition& condition : stored) {
    if (std::ranges::find(own_types, condition.type) == own_types.end()) {
      merged.push_back(condition);
      continue;
    }
    auto it = std::ranges::find(own, condition.type, &Condition::type);
    if (it == own.end()) continue;
    const size_t i = static_cast<size_t>(it - own.begin());
    if (placed[i]) continue;
    placed[i] = true;
    merged.push_back(*it);
  }
  for (size_t i = 0; i < own.size(); ++i) {
    if (!placed[i]) merged.push_back(own[i]);
  }
  return merged;
}

std::vector<RouteParentStatus> MergeParents(const std::vector<RouteParentStatus>& stored,
                                            const std::vector<RouteParentStatus>& own) {
  std::vector<RouteParentStatus> merged;
  std::vector<bool> placed(own.size(), false);
  for (const RouteParentStatus& entry : stored) {
    if (entry.controller_name != ControllerName()) {
      merged.push_back(entry);
      continue;
    }
    auto it = std::ranges::find(own, entry.parent_ref, &RouteParentStatus::parent_ref);
    if (it == own.end()) continue;
    const size_t i = static_cast<size_t>(it - own.begin());
    if (placed[i]) continue;
    placed[i] = true;
    merged.push_back(*it);
    merged.back().conditions = MergeConditions(entry.conditions, kOwnOfRoute, it->conditions);
  }
  for (size_t i = 0; i < own.size(); ++i) {
    if (!placed[i]) merged.push_back(own[i]);
  }
  return merged;
}

std::vector<ListenerStatus> MergeListeners(const std::vector<ListenerStatus>& stored,
                                           const std::vector<ListenerStatus>& own) {
  std::vector<ListenerStatus> merged = own;
  for (ListenerStatus& listener : merged) {
    auto it = std::ranges::find(stored, listener.name, &ListenerStatus::name);
    if (it != stored.end()) listener.conditions = MergeConditions(it->conditions, kOwnOfListener, listener.conditions);
  }
  return merged;
}

}  // namespace portreeve::translate
