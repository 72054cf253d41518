#include "controller/translate/attachment.h"

#include <algorithm>
#include <utility>

#include "controller/translate/hostnames.h"
#include "controller/translate/text.h"

namespace portreeve::translate {
namespace {

using gatewayapi::FromNamespaces;
using gatewayapi::HTTPRoute;
using gatewayapi::NamespacedName;
using gatewayapi::ParentReference;

// As they stand on the Namespace. One without an object has the label that every namespace has.
std::map<std::string, std::string> LabelsOf(const store::ClusterState& state, const std::string& namespace_) {
  const auto* object = state.Find<gatewayapi::Namespace>("", namespace_);
  std::map<std::string, std::string> labels;
  if (object != nullptr) labels = (*object)->metadata.labels;
  labels.emplace(gatewayapi::kNamespaceNameLabel, namespace_);
  return labels;
}

bool AllowsNamespace(const store::ClusterState& state, const gatewayapi::AllowedNamespaces& allowed,
                     const std::string& gateway_namespace, const std::string& route_namespace) {
  switch (allowed.from) {
    case FromNamespaces::kAll:
      return true;
    case FromNamespaces::kSame:
      return gateway_namespace == route_namespace;
    case FromNamespaces::kSelector:
      return allowed.selector.has_value() && allowed.selector->Matches(LabelsOf(state, route_namespace));
    case FromNamespaces::kNone:
      return false;
  }
  return false;
}

std::string ShowRef(const ParentReference& ref) {
  std::string shown;
  if (ref.section_name.has_value()) shown += Concat(" with name ", *ref.section_name);
  if (ref.port.has_value()) shown += Concat(" on port ", *ref.port);
  return shown;
}

std::string Names(const std::vector<const ListenerModel*>& listeners) {
  std::vector<std::string_view> names;
  for (const ListenerModel* listener : listeners) names.push_back(listener->name);
  return JoinNames(names);
}

std::string WhyNotAllowed(const std::vector<const ListenerModel*>& listeners, const std::string& gateway,
                          const HTTPRoute& route) {
  if (std::ranges::none_of(listeners, &ListenerModel::http_routes)) {
    return Concat("listener ", Names(listeners), " of Gateway ", gateway,
                  " takes no HTTPRoute: change its protocol or allowedRoutes.kinds, or name another listener");
  }
  return Concat("allowedRoutes.namespaces of listener ", Names(listeners), " of Gateway ", gateway,
                " doesn't allow namespace ", route.metadata.namespace_,
                ": allow it there, or label the namespace so that it is selected");
}

}  // namespace

std::optional<NamespacedName> GatewayOf(const ParentReference& ref, std::string_view route_namespace) {
  if (ref.group != gatewayapi::kGatewayGroup || ref.kind != "Gateway") return std::nullopt;
  return NamespacedName{ref.namespace_.value_or(std::string(route_namespace)), ref.name};
}

Attached Attach(const store::ClusterState& state, const JudgedGateway& gateway, const HTTPRoute& route,
                const ParentReference& ref) {
  const std::string gateway_name = gatewayapi::NameOf(gateway.object->metadata).ToString();
  Attached attached;
  std::vector<const ListenerModel*> named;
  for (const JudgedListener& listener : gateway.listeners) {
    const bool name_fits = !ref.section_name.has_value() || *ref.section_name == listener.model.name;
    const bool port_fits = !ref.port.has_value() || *ref.port == listener.model.port;
    if (name_fits && port_fits) named.push_back(&listener.model);
  }
  if (named.empty()) {
    attached.refused = {"NoMatchingParent", Concat("Gateway ", gateway_name, " has no listener", ShowRef(ref),
                                                   ": change sectionName or port of the parentRef")};
    return attached;
  }

  std::vector<const ListenerModel*> allowing;
  for (const ListenerModel* listener : named) {
    if (listener->http_routes &&
        AllowsNamespace(state, listener->namespaces, gateway.object->metadata.namespace_, route.metadata.namespace_)) {
      allowing.push_back(listener);
    }
  }
  if (allowing.empty()) {
    attached.refused = {"NotAllowedByListeners", WhyNotAllowed(named, gateway_name, route)};
    return attached;
  }

  for (const ListenerModel* listener : allowing) {
    HostnameMatch match = MatchHostnames(listener->hostname, route.spec.hostnames);
    if (match.intersects) attached.listeners.push_back({listener, std::move(match.hostnames)});
  }
  if (attached.listeners.empty()) {
    attached.refused = {"NoMatchingListenerHostname",
                        Concat("spec.hostnames: none can match the hostname of listener ", Names(allowing),
                               " of Gateway ", gateway_name, ": change one side")};
  }
  return attached;
}

}  // namespace portreeve::translate
