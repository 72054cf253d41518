// Listeners of a Gateway: which of them clash, what each may carry, and what it is configured with.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "controller/gatewayapi/gateway.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/certificates.h"
#include "controller/translate/conditions.h"
#include "controller/translate/resources.h"

namespace portreeve::translate {

// What a route needs to know of a listener. Two that are equal attach the same routes.
struct ListenerModel {
  std::string name;
  std::string key;  // of its resource
  uint16_t port = 0;
  std::string hostname;      // lower case; "" is any
  bool http_routes = false;  // HTTPRoute is among its supported kinds
  bool serves = false;       // it is accepted and its Gateway is: rules attached to it go to the data plane
  gatewayapi::AllowedNamespaces namespaces;

  bool operator==(const ListenerModel&) const = default;
};

struct JudgedListener {
  ListenerModel model;
  std::vector<gatewayapi::RouteGroupKind> supported_kinds;
  std::vector<gatewayapi::Condition> conditions;
  bool accepted = false;
  bool resolved = false;
  bool programmed = false;
  ResourcePtr resource;  // null: nothing is configured, and the port isn't opened for it
};

// Why a listener isn't distinct from others.
struct Conflict {
  std::string reason;     // ProtocolConflict or HostnameConflict; empty: none
  std::string message;    // names the others and the remedy
  bool overlaps = false;  // its hostname overlaps that of another HTTPS listener on the port
  std::string overlap_message;

  bool operator==(const Conflict&) const = default;
};

// One for each listener, by its place in the Gateway. `gateways` share one data plane, so their listeners must be
// distinct from each other; protocols that aren't served clash with nothing.
using GatewayConflicts = std::vector<Conflict>;
std::map<gatewayapi::NamespacedName, GatewayConflicts> FindConflicts(
    std::span<const gatewayapi::Gateway* const> gateways);

struct ListenerContext {
  const store::ClusterState& state;
  const gatewayapi::Gateway& gateway;
  const GatewayConflicts& conflicts;
  // Why nothing of the Gateway is served; empty if it is.
  std::string gateway_refused;
  CertificateMemo& certificates;
  // Certificates in use, by key; listeners add theirs.
  std::map<std::string, ResourcePtr>& used;
};

JudgedListener JudgeListener(const ListenerContext& context, size_t index);

// A listener that asks for what isn't supported (a filter, say) isn't accepted, but its hosts must not fall to a
// listener of a wider hostname on the same port, which doesn't ask for it: there it is configured without routes and
// certificates.
void CloseHostnames(const gatewayapi::Gateway& gateway, const GatewayConflicts& conflicts,
                    std::vector<JudgedListener>* listeners);

// Secrets that the Gateway's listeners name, whether they are there or not.
std::vector<gatewayapi::NamespacedName> SecretsOf(const gatewayapi::Gateway& gateway);

}  // namespace portreeve::translate
