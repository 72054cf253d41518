#include "controller/status/status_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace portreeve::status {
namespace {

using gatewayapi::Condition;
using Json = nlohmann::ordered_json;

template <typename T>
void PutIfSet(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = *value;
}

Json ConditionsJson(const std::vector<Condition>& conditions) {
  Json json = Json::array();
  for (const Condition& condition : conditions) json.push_back(ConditionJson(condition));
  return json;
}

Json ListenerJson(const gatewayapi::ListenerStatus& listener) {
  return {{"name", listener.name},
          {"supportedKinds", KindsJson(listener.supported_kinds)},
          {"attachedRoutes", listener.attached_routes},
          {"conditions", ConditionsJson(listener.conditions)}};
}

}  // namespace

Json ConditionJson(const Condition& condition) {
  Json json = {{"type", condition.type}, {"status", condition.status}};
  PutIfSet(json, "observedGeneration", condition.observed_generation);
  if (!condition.last_transition_time.empty()) json["lastTransitionTime"] = condition.last_transition_time;
  json["reason"] = condition.reason;
  json["message"] = condition.message;
  return json;
}

Json ParentRefJson(const gatewayapi::ParentReference& ref) {
  Json json = {{"group", ref.group}, {"kind", ref.kind}};
  PutIfSet(json, "namespace", ref.namespace_);
  json["name"] = ref.name;
  PutIfSet(json, "sectionName", ref.section_name);
  PutIfSet(json, "port", ref.port);
  return json;
}

Json KindsJson(const std::vector<gatewayapi::RouteGroupKind>& kinds) {
  Json json = Json::array();
  for (const auto& kind : kinds) json.push_back({{"group", kind.group}, {"kind", kind.kind}});
  return json;
}

Json AddressesJson(const std::vector<gatewayapi::GatewayAddress>& addresses) {
  Json json = Json::array();
  for (const auto& address : addresses) {
    Json one = {{"type", address.type}};
    PutIfSet(one, "value", address.value);
    PutIfSet(one, "routability", address.routability);
    json.push_back(std::move(one));
  }
  return json;
}

Json FeaturesJson(const std::vector<std::string>& features) {
  Json json = Json::array();
  for (const std::string& feature : features) json.push_back({{"name", feature}});
  return json;
}

Json StatusJson(const gatewayapi::GatewayClass::Status& status) {
  Json json = {{"conditions", ConditionsJson(status.conditions)}};
  if (!status.supported_features.empty()) json["supportedFeatures"] = FeaturesJson(status.supported_features);
  return json;
}

Json StatusJson(const gatewayapi::GatewayStatus& status) {
  Json json = Json::object();
  if (!status.addresses.empty()) json["addresses"] = AddressesJson(status.addresses);
  json["conditions"] = ConditionsJson(status.conditions);
  json["listeners"] = Json::array();
  for (const auto& listener : status.listeners) json["listeners"].push_back(ListenerJson(listener));
  PutIfSet(json, "attachedListenerSets", status.attached_listener_sets);
  return json;
}

Json StatusJson(const gatewayapi::HTTPRoute::Status& status) {
  Json parents = Json::array();
  for (const auto& parent : status.parents) {
    parents.push_back({{"parentRef", ParentRefJson(parent.parent_ref)},
                       {"controllerName", parent.controller_name},
                       {"conditions", ConditionsJson(parent.conditions)}});
  }
  return {{"parents", std::move(parents)}};
}

Json ObjectJson(const translate::ObjectStatus& status) {
  Json metadata = Json::object();
  if (!status.key.namespace_.empty()) metadata["namespace"] = status.key.namespace_;
  metadata["name"] = status.key.name;
  metadata["generation"] = status.generation;
  Json json;
  json["apiVersion"] = gatewayapi::ApiVersionOf(status.key.kind);
  json["kind"] = std::string(gatewayapi::ToString(status.key.kind));
  json["metadata"] = std::move(metadata);
  json["status"] = Json::object();
  if (status.gateway_class != nullptr) json["status"] = StatusJson(*status.gateway_class);
  if (status.gateway != nullptr) json["status"] = StatusJson(*status.gateway);
  if (status.route != nullptr) json["status"] = StatusJson(*status.route);
  return json;
}

}  // namespace portreeve::status
