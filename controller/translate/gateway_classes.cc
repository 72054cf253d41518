#include "controller/translate/gateway_classes.h"

#include "controller/translate/conditions.h"
#include "controller/translate/statuses.h"
#include "controller/translate/supported_features.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {

bool IsOurs(const gatewayapi::GatewayClass& gateway_class) {
  return gateway_class.spec.controller_name == kControllerName;
}

std::optional<std::string> ObjectionToClass(const gatewayapi::GatewayClass& gateway_class) {
  if (!gateway_class.spec.parameters_ref.has_value()) return std::nullopt;
  const gatewayapi::ObjectReference& ref = *gateway_class.spec.parameters_ref;
  return Concat("spec.parametersRef: ", ref.group, "/", ref.kind,
                " isn't known: this release has no parameters, so remove it");
}

std::vector<std::string> SupportedFeatures(bool in_cluster) {
  std::vector<std::string> features;
  for (const SupportedFeature& feature : kSupportedFeatures) {
    if (in_cluster || !feature.in_cluster_only) features.emplace_back(feature.name);
  }
  return features;
}

std::shared_ptr<const gatewayapi::GatewayClass::Status> StatusOfClass(const gatewayapi::GatewayClass& gateway_class,
                                                                      bool in_cluster) {
  const std::optional<std::string> objection = ObjectionToClass(gateway_class);
  const int64_t generation = gateway_class.metadata.generation;
  auto status = std::make_shared<gatewayapi::GatewayClass::Status>();
  status->conditions =
      MergeConditions(gateway_class.status.conditions, kOwnOfGatewayClass,
                      {MakeCondition("Accepted", !objection, objection ? "InvalidParameters" : "Accepted",
                                     objection.value_or("the class is accepted"), generation),
                       MakeCondition("SupportedVersion", true, "SupportedVersion",
                                     "the version of the Gateway API is supported", generation)});
  status->supported_features = SupportedFeatures(in_cluster);
  return status;
}

}  // namespace portreeve::translate
