// GatewayClasses: which are ours, and what we say of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/gateway.h"

namespace portreeve::translate {

// It names our controller.
bool IsOurs(const gatewayapi::GatewayClass& gateway_class);

// Why a class of ours isn't accepted; its Gateways aren't served then.
std::optional<std::string> ObjectionToClass(const gatewayapi::GatewayClass& gateway_class);

// The features of the conformance suite that this release has, sorted. `in_cluster`: addresses are provisioned.
std::vector<std::string> SupportedFeatures(bool in_cluster);

// The status that a class of ours should have.
std::shared_ptr<const gatewayapi::GatewayClass::Status> StatusOfClass(const gatewayapi::GatewayClass& gateway_class,
                                                                      bool in_cluster);

}  // namespace portreeve::translate
