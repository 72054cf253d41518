#include "controller/translate/unclaimed.h"

#include <optional>

#include "controller/translate/attachment.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {

using gatewayapi::Gateway;
using gatewayapi::GatewayClass;
using gatewayapi::HTTPRoute;
using gatewayapi::NamespacedName;
using store::Versioned;

std::vector<Unclaimed> FindUnclaimed(const store::ClusterState& state, const RouteIndex& routes_by_gateway) {
  std::vector<Unclaimed> unclaimed;
  for (const Versioned<Gateway>& gateway : state.All<Gateway>()) {
    if (state.Find<GatewayClass>("", gateway->spec.gateway_class_name) != nullptr) continue;
    unclaimed.push_back(
        {gatewayapi::KeyOf(gateway.object),
         Concat("spec.gatewayClassName: GatewayClass ", gateway->spec.gateway_class_name,
                " doesn't exist: make it with controllerName ", ControllerName(), ", or name another")});
  }
  std::set<NamespacedName> routes;
  for (const auto& [gateway, those] : routes_by_gateway) {
    if (state.Find<Gateway>(gateway.namespace_, gateway.name) == nullptr) routes.insert(those.begin(), those.end());
  }
  for (const NamespacedName& one : routes) {
    const Versioned<HTTPRoute>& route = *state.Find<HTTPRoute>(one.namespace_, one.name);
    for (size_t i = 0; i < route->spec.parent_refs.size(); ++i) {
      const std::optional<NamespacedName> name = GatewayOf(route->spec.parent_refs[i], route->metadata.namespace_);
      if (!name.has_value() || state.Find<Gateway>(name->namespace_, name->name) != nullptr) continue;
      unclaimed.push_back(
          {gatewayapi::KeyOf(route.object),
           Concat("spec.parentRefs[", i, "]: Gateway ", name->ToString(), " doesn't exist: make it, or name another")});
    }
  }
  return unclaimed;
}

}  // namespace portreeve::translate
