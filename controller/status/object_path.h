// Where objects with a status of ours are in the API server.
#pragma once

#include <string>
#include <string_view>

#include "controller/gatewayapi/types.h"

namespace portreeve::status {

// Who we are in managedFields.
inline constexpr std::string_view kFieldManager = "portreeve-controller";

// "/apis/gateway.networking.k8s.io/v1/namespaces/team-a/httproutes/shop"
std::string PathOf(const gatewayapi::ObjectKey& key);

}  // namespace portreeve::status
