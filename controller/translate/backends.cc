#include "controller/translate/backends.h"

#include <algorithm>
#include <array>
#include <utility>

#include "controller/translate/references.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::HTTPBackendRef;
using gatewayapi::Service;
using gatewayapi::ServicePort;

// What is spoken to backends: HTTP/1.1, with upgrades to WebSocket.
bool IsServedProtocol(const std::optional<std::string>& app_protocol) {
  constexpr std::array<std::string_view, 4> kServed = {"", "http", "ws", "kubernetes.io/ws"};
  return std::ranges::find(kServed, app_protocol.value_or("")) != kServed.end();
}

Objection Unresolved(std::string_view reason, std::string_view field, std::string brief, std::string_view remedy) {
  std::string message = Concat(field, ": ", brief, ": ", remedy);
  return {std::string(reason), std::move(message), std::move(brief)};
}

std::variant<BackendName, Objection> ResolvePort(const Service& service, uint16_t number, const std::string& field) {
  const std::string name = gatewayapi::NameOf(service.metadata).ToString();
  const ServicePort* port = FindPort(service, number);
  if (port == nullptr &&
      std::ranges::find(service.spec.ports, number, &ServicePort::port) != service.spec.ports.end()) {
    return Unresolved("UnsupportedProtocol", field, Concat("port ", number, " of Service ", name, " isn't TCP"),
                      "name a TCP port");
  }
  if (port == nullptr) {
    return Unresolved("BackendNotFound", field, Concat("Service ", name, " has no port ", number),
                      "name one of its ports, or add it there");
  }
  if (!IsServedProtocol(port->app_protocol)) {
    return Unresolved("UnsupportedProtocol", field,
                      Concat("port ", number, " of Service ", name, " has appProtocol ", *port->app_protocol,
                             ", which isn't spoken in this release"),
                      "use http or kubernetes.io/ws");
  }
  return BackendName{service.metadata.namespace_, service.metadata.name, number};
}

}  // namespace

const ServicePort* FindPort(const Service& service, uint16_t port) {
  auto it = std::ranges::find_if(service.spec.ports, [port](const ServicePort& candidate) {
    return candidate.port == port && candidate.protocol == "TCP";
  });
  return it == service.spec.ports.end() ? nullptr : &*it;
}

std::variant<BackendName, Objection> ResolveBackend(const store::ClusterState& state, const HTTPBackendRef& ref,
                                                    std::string_view route_namespace, const std::string& field) {
  if (!ref.group.empty() || ref.kind != "Service") {
    return Unresolved("InvalidKind", field,
                      Concat(ref.group, ref.group.empty() ? "" : "/", ref.kind, " isn't a kind of backend"),
                      "name a Service (group \"\", kind Service)");
  }
  const std::string namespace_ = ref.namespace_.value_or(std::string(route_namespace));
  const std::string name = Concat(namespace_, "/", ref.name);
  if (!IsPermitted(state, {gatewayapi::kGatewayGroup, "HTTPRoute", route_namespace},
                   {"", "Service", namespace_, ref.name})) {
    return Unresolved("RefNotPermitted", field,
                      Concat("an HTTPRoute of namespace ", route_namespace, " may not use Service ", name),
                      Concat("make a ReferenceGrant in namespace ", namespace_, " from HTTPRoute in ", route_namespace,
                             " to Service ", ref.name));
  }
  const auto* service = state.Find<Service>(namespace_, ref.name);
  if (service == nullptr) {
    return Unresolved("BackendNotFound", field, Concat("Service ", name, " doesn't exist"), "make it, or name another");
  }
  if ((*service)->spec.type == "ExternalName") {
    return Unresolved("InvalidKind", field,
                      Concat("Service ", name, " is of type ExternalName, which could lead anywhere"),
                      "use one with endpoints");
  }
  if (!ref.port.has_value()) {
    return Unresolved("BackendNotFound", field, Concat("no port of Service ", name, " is named"),
                      "name one of its ports");
  }
  return ResolvePort(**service, *ref.port, field);
}

ResourcePtr MakeBackend(const BackendName& name, const Service& service) {
  config::v1::Resource resource;
  config::v1::Backend& backend = *resource.mutable_backend();
  backend.set_name(name.ToString());
  backend.set_endpoints(EndpointsKey(name));
  backend.set_balancing(config::v1::Backend::ROUND_ROBIN);
  return Seal(std::move(resource), BackendKey(name),
              Concat("Service ", gatewayapi::NameOf(service.metadata).ToString()), service.metadata.generation);
}

}  // namespace portreeve::translate
