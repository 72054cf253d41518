#include "controller/status/merge.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "controller/status/status_json.h"
#include "controller/translate/statuses.h"

namespace portreeve::status {
namespace {

using gatewayapi::Condition;
using gatewayapi::ListenerStatus;
using gatewayapi::ParentReference;
using gatewayapi::RouteParentStatus;
using Json = nlohmann::ordered_json;
using OwnTypes = std::span<const std::string_view>;

// Those whose True is the bad news.
constexpr std::string_view kNegative[] = {"Conflicted", "OverlappingTLSConfig", "PartiallyInvalid"};
// They say that something takes its time, not that it can't be done.
constexpr std::string_view kWaiting[] = {"Pending", "AddressNotAssigned"};

template <typename List>
bool IsAmong(std::string_view text, const List& list) {
  return std::ranges::find(list, text) != std::ranges::end(list);
}

// Null where there is nothing of that name.
const Json& At(const Json& json, const char* name) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(name);
  return found == json.end() ? kNothing : *found;
}

std::string TextAt(const Json& json, const char* name, const char* otherwise = "") {
  const Json& value = At(json, name);
  return value.is_string() ? value.get<std::string>() : otherwise;
}

std::optional<std::string> OptionalText(const Json& json, const char* name) {
  const Json& value = At(json, name);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::optional<std::int64_t> OptionalNumber(const Json& json, const char* name) {
  const Json& value = At(json, name);
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<std::int64_t>();
}

// The entries of a list; none if it isn't one.
std::span<const Json> Entries(const Json& list) {
  if (!list.is_array()) return {};
  return list.get_ref<const Json::array_t&>();
}

bool Differs(const Json& stored, const Condition& condition) {
  return TextAt(stored, "status") != condition.status || TextAt(stored, "reason") != condition.reason ||
         TextAt(stored, "message") != condition.message ||
         OptionalNumber(stored, "observedGeneration") != condition.observed_generation ||
         TextAt(stored, "lastTransitionTime").empty();
}

bool IsComplaint(const Condition& condition) {
  return condition.status == (IsAmong(condition.type, kNegative) ? "True" : "False") &&
         !IsAmong(condition.reason, kWaiting);
}

class Merger {
 public:
  Merger(const translate::ObjectStatus& desired, std::string_view now) : desired_(desired), now_(now) {}

  void Class(const Json& stored, Json* patch);
  void Gateway(const Json& stored, Json* patch);
  void Route(const Json& stored, Json* patch);

  Merged merged() && { return std::move(merged_); }

 private:
  bool Conditions(const Json& stored, OwnTypes own_types, const std::vector<Condition>& desired,
                  const std::string& where, Json* out);
  Json Fresh(const Json& stored, const Condition& condition, const std::string& where);
  bool Listener(const Json& stored, const ListenerStatus& desired, Json* out);
  void Raise(Difference difference) { merged_.difference = std::max(merged_.difference, difference); }

  const translate::ObjectStatus& desired_;
  const std::string_view now_;
  Merged merged_;
};

// `stored` is null for a condition that isn't there yet.
Json Merger::Fresh(const Json& stored, const Condition& condition, const std::string& where) {
  Condition fresh = condition;
  fresh.last_transition_time = TextAt(stored, "lastTransitionTime");
  if (TextAt(stored, "status") != condition.status || fresh.last_transition_time.empty()) {
    fresh.last_transition_time = now_;
  }
  const bool said = TextAt(stored, "status") == condition.status && TextAt(stored, "reason") == condition.reason &&
                    TextAt(stored, "message") == condition.message;
  if (!said && IsComplaint(condition)) {
    merged_.complaints.push_back({condition.type, condition.reason, where + condition.message});
  }
  return ConditionJson(fresh);
}

// True if `out`, the list as it should be, isn't what is stored.
bool Merger::Conditions(const Json& stored, OwnTypes own_types, const std::vector<Condition>& desired,
                        const std::string& where, Json* out) {
  *out = Json::array();
  bool differs = false;
  std::vector<std::string> placed;
  for (const Json& entry : Entries(stored)) {
    const std::string type = TextAt(entry, "type");
    if (!IsAmong(type, own_types)) {
      out->push_back(entry);
      continue;
    }
    if (OptionalNumber(entry, "observedGeneration").value_or(0) > desired_.generation) merged_.stale = true;
    const auto wanted = std::ranges::find(desired, type, &Condition::type);
    if (wanted == desired.end() || IsAmong(type, placed)) {
      differs = true;
      continue;
    }
    placed.push_back(type);
    const bool changed = Differs(entry, *wanted);
    out->push_back(changed ? Fresh(entry, *wanted, where) : entry);
    differs |= changed;
  }
  for (const Condition& condition : desired) {
    if (!IsAmong(condition.type, own_types) || IsAmong(condition.type, placed)) continue;
    if (out->size() == kMaxConditions) break;
    out->push_back(Fresh(Json(), condition, where));
    differs = true;
  }
  return differs;
}

void Merger::Class(const Json& stored, Json* patch) {
  const gatewayapi::GatewayClass::Status& desired = *desired_.gateway_class;
  Json conditions;
  if (Conditions(At(stored, "conditions"), translate::kOwnOfGatewayClass, desired.conditions, "", &conditions)) {
    (*patch)["conditions"] = std::move(conditions);
    Raise(Difference::kMore);
  }
  std::vector<std::string> features;
  for (const Json& entry : Entries(At(stored, "supportedFeatures"))) features.push_back(TextAt(entry, "name"));
  if (features != desired.supported_features) {
    (*patch)["supportedFeatures"] = FeaturesJson(desired.supported_features);
    Raise(Difference::kMore);
  }
}

// True if `out` isn't what is stored.
bool Merger::Listener(const Json& stored, const ListenerStatus& desired, Json* out) {
  *out = stored.is_object() ? stored : Json::object();
  Difference difference = stored.is_object() ? Difference::kNone : Difference::kMore;
  (*out)["name"] = desired.name;

  std::vector<gatewayapi::RouteGroupKind> kinds;
  for (const Json& kind : Entries(At(stored, "supportedKinds"))) {
    kinds.push_back({TextAt(kind, "group", std::string(gatewayapi::kGatewayGroup).c_str()), TextAt(kind, "kind")});
  }
  if (!At(stored, "supportedKinds").is_array() || kinds != desired.supported_kinds) {
    difference = Difference::kMore;
    (*out)["supportedKinds"] = KindsJson(desired.supported_kinds);
  }
  if (OptionalNumber(stored, "attachedRoutes") != desired.attached_routes) {
    difference = std::max(difference, Difference::kCounts);
    (*out)["attachedRoutes"] = desired.attached_routes;
  }
  Json conditions;
  if (Conditions(At(stored, "conditions"), translate::kOwnOfListener, desired.conditions,
                 "listener " + desired.name + ": ", &conditions)) {
    difference = Difference::kMore;
    (*out)["conditions"] = std::move(conditions);
  }
  Raise(difference);
  return difference != Difference::kNone;
}

void Merger::Gateway(const Json& stored, Json* patch) {
  const gatewayapi::GatewayStatus& desired = *desired_.gateway;
  Json conditions;
  if (Conditions(At(stored, "conditions"), translate::kOwnOfGateway, desired.conditions, "", &conditions)) {
    (*patch)["conditions"] = std::move(conditions);
    Raise(Difference::kMore);
  }
  std::vector<gatewayapi::GatewayAddress> addresses;
  for (const Json& entry : Entries(At(stored, "addresses"))) {
    addresses.push_back(
        {TextAt(entry, "type", "IPAddress"), OptionalText(entry, "value"), OptionalText(entry, "routability")});
  }
  if (addresses != desired.addresses) {
    (*patch)["addresses"] = AddressesJson(desired.addresses);
    Raise(Difference::kMore);
  }
  if (desired.attached_listener_sets.has_value() &&
      OptionalNumber(stored, "attachedListenerSets") != *desired.attached_listener_sets) {
    (*patch)["attachedListenerSets"] = *desired.attached_listener_sets;
    Raise(Difference::kMore);
  }

  const std::span<const Json> entries = Entries(At(stored, "listeners"));
  Json listeners = Json::array();
  bool differs = entries.size() != desired.listeners.size();
  for (const ListenerStatus& listener : desired.listeners) {
    const auto entry =
        std::ranges::find_if(entries, [&](const Json& one) { return TextAt(one, "name") == listener.name; });
    differs |= Listener(entry == entries.end() ? Json() : *entry, listener, &listeners.emplace_back());
  }
  if (entries.size() != desired.listeners.size()) Raise(Difference::kMore);
  if (differs || !At(stored, "listeners").is_array()) (*patch)["listeners"] = std::move(listeners);
}

ParentReference ReadParentRef(const Json& json) {
  ParentReference ref;
  ref.group = TextAt(json, "group", std::string(gatewayapi::kGatewayGroup).c_str());
  ref.kind = TextAt(json, "kind", "Gateway");
  ref.namespace_ = OptionalText(json, "namespace");
  ref.name = TextAt(json, "name");
  ref.section_name = OptionalText(json, "sectionName");
  if (const auto port = OptionalNumber(json, "port")) ref.port = static_cast<std::uint16_t>(*port);
  return ref;
}

void Merger::Route(const Json& stored, Json* patch) {
  std::vector<const RouteParentStatus*> own;
  for (const RouteParentStatus& parent : desired_.route->parents) {
    if (parent.controller_name == translate::ControllerName()) own.push_back(&parent);
  }
  Json parents = Json::array();
  bool differs = false;
  for (const Json& entry : Entries(At(stored, "parents"))) {
    if (TextAt(entry, "controllerName") != translate::ControllerName()) {
      parents.push_back(entry);
      continue;
    }
    const ParentReference ref = ReadParentRef(At(entry, "parentRef"));
    const auto wanted =
        std::ranges::find_if(own, [&](const RouteParentStatus* parent) { return parent->parent_ref == ref; });
    Json conditions;
    const bool changed =
        Conditions(At(entry, "conditions"), translate::kOwnOfRoute,
                   wanted == own.end() ? std::vector<Condition>() : (*wanted)->conditions, "", &conditions);
    if (wanted == own.end()) {
      differs = true;
      continue;
    }
    own.erase(wanted);
    Json& kept = parents.emplace_back(entry);
    if (changed) kept["conditions"] = std::move(conditions);
    differs |= changed;
  }
  for (const RouteParentStatus* parent : own) {
    differs = true;
    Json conditions;
    Conditions(Json(), translate::kOwnOfRoute, parent->conditions, "", &conditions);
    parents.push_back({{"parentRef", ParentRefJson(parent->parent_ref)},
                       {"controllerName", parent->controller_name},
                       {"conditions", std::move(conditions)}});
  }
  if (!differs) return;
  (*patch)["parents"] = std::move(parents);
  Raise(Difference::kMore);
}

bool HasForeign(const std::vector<Condition>& conditions, OwnTypes own_types) {
  return std::ranges::any_of(conditions, [&](const Condition& one) { return !IsAmong(one.type, own_types); });
}

}  // namespace

Merged Merge(const Json& stored, const translate::ObjectStatus& desired, std::string_view now, Json* patch) {
  *patch = Json::object();
  Merger merger(desired, now);
  if (desired.gateway_class != nullptr) merger.Class(stored, patch);
  if (desired.gateway != nullptr) merger.Gateway(stored, patch);
  if (desired.route != nullptr) merger.Route(stored, patch);
  return std::move(merger).merged();
}

bool HasForeign(const gatewayapi::GatewayClass::Status& status) {
  return HasForeign(status.conditions, translate::kOwnOfGatewayClass);
}

bool HasForeign(const gatewayapi::GatewayStatus& status) {
  return HasForeign(status.conditions, translate::kOwnOfGateway) ||
         std::ranges::any_of(status.listeners, [](const ListenerStatus& listener) {
           return HasForeign(listener.conditions, translate::kOwnOfListener);
         });
}

bool HasForeign(const gatewayapi::HTTPRoute::Status& status) {
  return std::ranges::any_of(status.parents, [](const RouteParentStatus& parent) {
    return parent.controller_name != translate::ControllerName() ||
           HasForeign(parent.conditions, translate::kOwnOfRoute);
  });
}

}  // namespace portreeve::status
