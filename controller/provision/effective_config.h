// The DataPlaneConfig that holds for a Gateway.
#pragma once

#include <optional>

#include "controller/gatewayapi/data_plane_config.h"
#include "controller/gatewayapi/gateway.h"
#include "controller/store/cluster_state.h"

namespace portreeve::provision {

// Each field of `over` that is set, and those of `under` otherwise. How many data planes run is one question, whichever
// of `replicas` and `autoscaling` answers it.
gatewayapi::DataPlaneConfig::Spec Merge(const gatewayapi::DataPlaneConfig::Spec& over,
                                        const gatewayapi::DataPlaneConfig::Spec& under);

// What the parametersRefs of the Gateway and of its GatewayClass name, merged. Nothing if one of them names what isn't
// there, or no DataPlaneConfig.
std::optional<gatewayapi::DataPlaneConfig::Spec> EffectiveConfig(const store::ClusterState& state,
                                                                 const gatewayapi::Gateway& gateway);

}  // namespace portreeve::provision
