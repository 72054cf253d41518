// GatewayClasses: which are ours, and what we say of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/gateway.h"
#include "controller/store/cluster_state.h"

namespace portreeve::translate {

// It names our controller.
bool IsOurs(const gatewayapi::GatewayClass& gateway_class);

// Why `field`, a parametersRef, names no DataPlaneConfig that there is. A cluster's data planes are run as that says;
// elsewhere it changes nothing, and has to be right all the same.
std::optional<std::string> ObjectionToParameters(const store::ClusterState& state, std::string_view field,
                                                 std::string_view group, std::string_view kind,
                                                 const gatewayapi::NamespacedName& name);

// Why a class of ours isn't accepted; its Gateways aren't served then.
std::optional<std::string> ObjectionToClass(const store::ClusterState& state,
                                            const gatewayapi::GatewayClass& gateway_class);

// The features of the conformance suite that this release has, sorted. `in_cluster`: addresses are provisioned.
std::vector<std::string> SupportedFeatures(bool in_cluster);

// The status that a class of ours should have. `version_problem`: why the Gateway API's CRDs there aren't those that
// this release was made for; empty if they are.
std::shared_ptr<const gatewayapi::GatewayClass::Status> StatusOfClass(const store::ClusterState& state,
                                                                      const gatewayapi::GatewayClass& gateway_class,
                                                                      bool in_cluster,
                                                                      const std::string& version_problem);

}  // namespace portreeve::translate
