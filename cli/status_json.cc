#include "cli/status_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace portreeve::cli {
namespace {

using gatewayapi::Condition;
using Json = nlohmann::ordered_json;

// Optional fields that aren't set are left out, as the API server does it.
template <typename T>
void PutIfSet(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

Json ConditionsJson(const std::vector<Condition>& conditions) {
  Json json = Json::array();
  for (const Condition& condition : conditions) {
    Json one = {{"type", condition.type}, {"status", condition.status}};
    PutIfSet(one, "observedGeneration", condition.observed_generation);
    // The writer of the status knows it; here nothing is written.
    if (!condition.last_transition_time.empty()) one["lastTransitionTime"] = condition.last_transition_time;
    one["reason"] = condition.reason;
    one["message"] = condition.message;
    json.push_back(std::move(one));
  }
  return json;
}

Json StatusJson(const gatewayapi::GatewayClass::Status& status) {
  Json json = {{"conditions", ConditionsJson(status.conditions)}};
  if (status.supported_features.empty()) return json;
  for (const std::string& feature : status.supported_features) json["supportedFeatures"].push_back({{"name", feature}});
  return json;
}

Json ListenerJson(const gatewayapi::ListenerStatus& listener) {
  Json kinds = Json::array();
  for (const auto& kind : listener.supported_kinds) kinds.push_back({{"group", kind.group}, {"kind", kind.kind}});
  return {{"name", listener.name},
          {"supportedKinds", std::move(kinds)},
          {"attachedRoutes", listener.attached_routes},
          {"conditions", ConditionsJson(listener.conditions)}};
}

Json StatusJson(const gatewayapi::GatewayStatus& status) {
  Json json = Json::object();
  for (const auto& address : status.addresses) {
    Json one = {{"type", address.type}};
    PutIfSet(one, "value", address.value);
    json["addresses"].push_back(std::move(one));
  }
  json["conditions"] = ConditionsJson(status.conditions);
  json["listeners"] = Json::array();
  for (const auto& listener : status.listeners) json["listeners"].push_back(ListenerJson(listener));
  PutIfSet(json, "attachedListenerSets", status.attached_listener_sets);
  return json;
}

Json StatusJson(const gatewayapi::HTTPRoute::Status& status) {
  Json parents = Json::array();
  for (const auto& parent : status.parents) {
    const gatewayapi::ParentReference& ref = parent.parent_ref;
    Json reference = {{"group", ref.group}, {"kind", ref.kind}};
    PutIfSet(reference, "namespace", ref.namespace_);
    reference["name"] = ref.name;
    PutIfSet(reference, "sectionName", ref.section_name);
    PutIfSet(reference, "port", ref.port);
    parents.push_back({{"parentRef", std::move(reference)},
                       {"controllerName", parent.controller_name},
                       {"conditions", ConditionsJson(parent.conditions)}});
  }
  return {{"parents", std::move(parents)}};
}

}  // namespace

nlohmann::ordered_json ObjectJson(const translate::ObjectStatus& status) {
  Json metadata = Json::object();
  if (!status.key.namespace_.empty()) metadata["namespace"] = status.key.namespace_;
  metadata["name"] = status.key.name;
  metadata["generation"] = status.generation;
  Json json;
  json["apiVersion"] = std::string(gatewayapi::GroupOf(status.key.kind)) + "/v1";
  json["kind"] = std::string(gatewayapi::ToString(status.key.kind));
  json["metadata"] = std::move(metadata);
  json["status"] = Json::object();
  if (status.gateway_class != nullptr) json["status"] = StatusJson(*status.gateway_class);
  if (status.gateway != nullptr) json["status"] = StatusJson(*status.gateway);
  if (status.route != nullptr) json["status"] = StatusJson(*status.route);
  return json;
}

}  // namespace portreeve::cli
