// Attachment: which listeners of a Gateway a parentRef reaches, or why none.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/http_route.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/conditions.h"
#include "controller/translate/gateways.h"

namespace portreeve::translate {

struct AttachedListener {
  const ListenerModel* listener = nullptr;
  std::vector<std::string> hostnames;  // of config.v1.Attachment
};

struct Attached {
  std::vector<AttachedListener> listeners;
  std::optional<Objection> refused;  // set if there are none
};

// The Gateway that a parentRef names; nothing if it names another kind.
std::optional<gatewayapi::NamespacedName> GatewayOf(const gatewayapi::ParentReference& ref,
                                                    std::string_view route_namespace);

// Asked in this order, each narrowing the listeners: sectionName and port, allowedRoutes, hostnames. What a listener's
// own conditions are plays no part.
Attached Attach(const store::ClusterState& state, const JudgedGateway& gateway, const gatewayapi::HTTPRoute& route,
                const gatewayapi::ParentReference& ref);

}  // namespace portreeve::translate
