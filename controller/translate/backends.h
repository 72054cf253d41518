// backendRefs: which Service port each means, or why it means none; and the resource of a Service port.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "controller/gatewayapi/http_route.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/conditions.h"
#include "controller/translate/resources.h"

namespace portreeve::translate {

// In this order: kind, permission, existence of Service and port, protocol. `field` is the place of the reference.
std::variant<BackendName, Objection> ResolveBackend(const store::ClusterState& state,
                                                    const gatewayapi::HTTPBackendRef& ref,
                                                    std::string_view route_namespace, const std::string& field);

// The TCP port of that number; null if the Service has none.
const gatewayapi::ServicePort* FindPort(const gatewayapi::Service& service, uint16_t port);

ResourcePtr MakeBackend(const BackendName& name, const gatewayapi::Service& service);

}  // namespace portreeve::translate
