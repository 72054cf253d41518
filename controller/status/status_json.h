// Statuses in the shape that Kubernetes has them in.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "controller/translate/translator.h"

namespace portreeve::status {

// Optional fields that aren't set are left out, as the API server does it; so is an empty lastTransitionTime.
nlohmann::ordered_json ConditionJson(const gatewayapi::Condition& condition);
nlohmann::ordered_json ParentRefJson(const gatewayapi::ParentReference& ref);
nlohmann::ordered_json KindsJson(const std::vector<gatewayapi::RouteGroupKind>& kinds);
nlohmann::ordered_json AddressesJson(const std::vector<gatewayapi::GatewayAddress>& addresses);
nlohmann::ordered_json FeaturesJson(const std::vector<std::string>& features);

// The value of the object's `status`.
nlohmann::ordered_json StatusJson(const gatewayapi::GatewayClass::Status& status);
nlohmann::ordered_json StatusJson(const gatewayapi::GatewayStatus& status);
nlohmann::ordered_json StatusJson(const gatewayapi::HTTPRoute::Status& status);

// {"apiVersion", "kind", "metadata": {"namespace", "name", "generation"}, "status": {…}}
nlohmann::ordered_json ObjectJson(const translate::ObjectStatus& status);

}  // namespace portreeve::status
