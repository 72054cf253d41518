// Objects that no controller may ever look at. In a cluster the API leaves them without a status, since they are
// nobody's; who has written them into a folder of our own wants to know.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/store/cluster_state.h"

namespace portreeve::translate {

struct Unclaimed {
  gatewayapi::ObjectKey key;
  std::string message;  // "spec.gatewayClassName: …: remedy"

  bool operator==(const Unclaimed&) const = default;
};

// Which routes name a thing.
using RouteIndex = std::map<gatewayapi::NamespacedName, std::set<gatewayapi::NamespacedName>>;

// Gateways whose GatewayClass doesn't exist, and routes' parentRefs to Gateways that don't. Sorted by key; a route has
// one entry for each such parentRef. What belongs to a class of another controller isn't unclaimed.
std::vector<Unclaimed> FindUnclaimed(const store::ClusterState& state, const RouteIndex& routes_by_gateway);

}  // namespace portreeve::translate
