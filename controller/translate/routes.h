// HTTPRoutes: which listeners each attaches to, and its rules as resources.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controller/translate/gateways.h"
#include "controller/translate/resources.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {

// Gateways of ours by name.
using Gateways = std::map<gatewayapi::NamespacedName, JudgedGateway>;

struct TranslatedRoute {
  // One entry for each declared parentRef that is ours, in that order.
  std::vector<gatewayapi::RouteParentStatus> parents;
  // Listeners whose attachedRoutes count it, by Gateway and name; sorted, unique.
  std::vector<std::pair<gatewayapi::NamespacedName, std::string>> attached;
  // Its rules by the Gateways that serve them.
  std::map<gatewayapi::NamespacedName, std::vector<ResourcePtr>> rules;
  // What those rules send to; sorted, unique.
  std::vector<BackendName> backends;
};

// The result depends on the route, on the models of the listeners of the Gateways that it names, on the labels of its
// namespace, on the Services that it names, and on the grants in the namespaces of those.
TranslatedRoute TranslateRoute(const store::ClusterState& state, const Gateways& gateways,
                               const TranslatorOptions& options, const gatewayapi::HTTPRoute& route);

// What a route names, whether it is there or not; sorted, unique.
std::vector<gatewayapi::NamespacedName> GatewaysNamedBy(const gatewayapi::HTTPRoute& route);
std::vector<gatewayapi::NamespacedName> ServicesNamedBy(const gatewayapi::HTTPRoute& route);

}  // namespace portreeve::translate
