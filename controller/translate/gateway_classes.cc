#include "controller/translate/gateway_classes.h"

#include "controller/translate/conditions.h"
#include "controller/translate/statuses.h"
#include "controller/translate/supported_features.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {

bool IsOurs(const gatewayapi::GatewayClass& gateway_class) {
  return gateway_class.spec.controller_name == ControllerName();
}

std::optional<std::string> ObjectionToParameters(const store::ClusterState& state, std::string_view field,
                                                 std::string_view group, std::string_view kind,
                                                 const gatewayapi::NamespacedName& name) {
  if (group != gatewayapi::kPortreeveGroup || kind != gatewayapi::ToString(gatewayapi::Kind::kDataPlaneConfig)) {
    return Concat(field, ": ", group, "/", kind, " isn't known: name a ", gatewayapi::kPortreeveGroup,
                  "/DataPlaneConfig, or remove it");
  }
  if (state.Find<gatewayapi::DataPlaneConfig>(name.namespace_, name.name) != nullptr) return std::nullopt;
  return Concat(field, ": DataPlaneConfig ", name.ToString(), " doesn't exist: make it, or name another");
}

std::optional<std::string> ObjectionToClass(const store::ClusterState& state,
                                            const gatewayapi::GatewayClass& gateway_class) {
  if (!gateway_class.spec.parameters_ref.has_value()) return std::nullopt;
  const gatewayapi::ObjectReference& ref = *gateway_class.spec.parameters_ref;
  return ObjectionToParameters(state, "spec.parametersRef", ref.group, ref.kind,
                               {ref.namespace_.value_or(""), ref.name});
}

std::vector<std::string> SupportedFeatures(bool in_cluster) {
  std::vector<std::string> features;
  for (const SupportedFeature& feature : kSupportedFeatures) {
    if (in_cluster || !feature.in_cluster_only) features.emplace_back(feature.name);
  }
  return features;
}

std::shared_ptr<const gatewayapi::GatewayClass::Status> StatusOfClass(const store::ClusterState& state,
                                                                      const gatewayapi::GatewayClass& gateway_class,
                                                                      bool in_cluster,
                                                                      const std::string& version_problem) {
  const std::optional<std::string> objection = ObjectionToClass(state, gateway_class);
  const int64_t generation = gateway_class.metadata.generation;
  const bool known = version_problem.empty();
  auto status = std::make_shared<gatewayapi::GatewayClass::Status>();
  status->conditions = MergeConditions(
      gateway_class.status.conditions, kOwnOfGatewayClass,
      {MakeCondition("Accepted", !objection, objection ? "InvalidParameters" : "Accepted",
                     objection.value_or("the class is accepted"), generation),
       MakeCondition("SupportedVersion", known, known ? "SupportedVersion" : "UnsupportedVersion",
                     known ? "the version of the Gateway API is supported" : version_problem, generation)});
  status->supported_features = SupportedFeatures(in_cluster);
  return status;
}

}  // namespace portreeve::translate
