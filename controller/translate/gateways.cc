#include "controller/translate/gateways.h"

#include <algorithm>
#include <utility>

#include "controller/translate/gateway_classes.h"
#include "controller/translate/statuses.h"
#include "controller/translate/text.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Condition;
using gatewayapi::Gateway;

// The names of the listeners for which `which` holds, joined.
template <typename Which>
std::string Names(const JudgedGateway& gateway, Which which) {
  std::vector<std::string_view> names;
  for (const JudgedListener& listener : gateway.listeners) {
    if (which(listener)) names.push_back(listener.model.name);
  }
  return JoinNames(names);
}

Condition AcceptedCondition(const JudgedGateway& gateway, const std::optional<Objection>& refused) {
  const int64_t generation = gateway.object->metadata.generation;
  if (refused.has_value()) return MakeCondition("Accepted", false, refused->reason, refused->message, generation);
  const std::string good = Names(gateway, [](const JudgedListener& listener) { return listener.accepted; });
  const std::string bad = Names(gateway, [](const JudgedListener& listener) { return !listener.accepted; });
  if (good.empty()) {
    return MakeCondition("Accepted", false, "ListenersNotValid",
                         Concat("spec.listeners: none can be accepted (", bad, "): see their conditions"), generation);
  }
  if (!bad.empty()) {
    return MakeCondition("Accepted", true, "ListenersNotValid",
                         Concat("spec.listeners: accepted: ", good, "; not accepted: ", bad, ": see their conditions"),
                         generation);
  }
  return MakeCondition("Accepted", true, "Accepted", "the Gateway is accepted", generation);
}

Condition ProgrammedCondition(const JudgedGateway& gateway, const Condition& accepted) {
  const int64_t generation = gateway.object->metadata.generation;
  if (accepted.status != "True") {
    return MakeCondition("Programmed", false, "Invalid", Concat("the Gateway isn't accepted: ", accepted.message),
                         generation);
  }
  const std::string served = Names(gateway, [](const JudgedListener& listener) { return listener.programmed; });
  if (served.empty()) {
    return MakeCondition("Programmed", false, "Invalid", "none of its listeners takes requests: see their conditions",
                         generation);
  }
  return MakeCondition("Programmed", true, "Programmed", Concat("the data plane has listeners ", served), generation);
}

// A client certificate towards backends: this release has no TLS towards backends.
std::optional<Objection> ObjectionToClientCertificate(const store::ClusterState& state, const Gateway& gateway) {
  if (!gateway.spec.tls.has_value() || !gateway.spec.tls->backend_client_certificate_ref.has_value()) {
    return std::nullopt;
  }
  const std::string field = "spec.tls.backend.clientCertificateRef";
  if (auto objection = ObjectionToSecretRef(state, *gateway.spec.tls->backend_client_certificate_ref,
                                            gateway.metadata.namespace_, field, "InvalidClientCertificateRef")) {
    return objection;
  }
  return Objection{"InvalidClientCertificateRef",
                   Concat(field,
                          ": client certificates towards backends aren't supported in this release: "
                          "remove it")};
}

Condition ResolvedRefsCondition(const JudgedGateway& gateway, const std::optional<Objection>& client_certificate) {
  const int64_t generation = gateway.object->metadata.generation;
  if (client_certificate.has_value()) {
    return MakeCondition("ResolvedRefs", false, client_certificate->reason, client_certificate->message, generation);
  }
  const std::string unresolved = Names(gateway, [](const JudgedListener& listener) { return !listener.resolved; });
  if (!unresolved.empty()) {
    return MakeCondition("ResolvedRefs", false, "ListenersNotResolved",
                         Concat("references of listeners ", unresolved, " aren't resolved: see their conditions"),
                         generation);
  }
  return MakeCondition("ResolvedRefs", true, "ResolvedRefs", "all references are resolved", generation);
}

std::optional<Objection> ObjectionToAddresses(const Gateway& gateway, bool addresses) {
  for (size_t i = 0; i < gateway.spec.addresses.size(); ++i) {
    const std::string& type = gateway.spec.addresses[i].type;
    if (addresses && type == "IPAddress") continue;
    return Objection{"UnsupportedAddress", Concat("spec.addresses[", std::to_string(i), "]: addresses of type ", type,
                                                  addresses ? " aren't supported: write type: IPAddress"
                                                            : " can't be asked for outside Kubernetes: remove them")};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Objection> ObjectionToGateway(const store::ClusterState& state, const Gateway& gateway,
                                            const std::optional<std::string>& class_objection, bool addresses) {
  if (class_objection.has_value()) {
    return Objection{"Invalid", Concat("spec.gatewayClassName: GatewayClass ", gateway.spec.gateway_class_name,
                                       " isn't accepted: ", *class_objection)};
  }
  if (gateway.spec.infrastructure.has_value() && gateway.spec.infrastructure->parameters_ref.has_value()) {
    const gatewayapi::LocalObjectReference& ref = *gateway.spec.infrastructure->parameters_ref;
    const std::optional<std::string> objection = ObjectionToParameters(
        state, "spec.infrastructure.parametersRef", ref.group, ref.kind, {gateway.metadata.namespace_, ref.name});
    if (objection.has_value()) return Objection{"InvalidParameters", *objection};
  }
  return ObjectionToAddresses(gateway, addresses);
}

JudgedGateway JudgeGateway(const GatewayContext& context, const store::Versioned<Gateway>& gateway) {
  JudgedGateway judged;
  judged.object = gateway;
  const ListenerContext listener_context{
      context.state,        *gateway,
      context.conflicts,    context.refused.has_value() ? context.refused->message : std::string(),
      context.certificates, judged.certificates};
  for (size_t i = 0; i < gateway->spec.listeners.size(); ++i) {
    judged.listeners.push_back(JudgeListener(listener_context, i));
  }
  CloseHostnames(*gateway, context.conflicts, &judged.listeners);
  const Condition accepted = AcceptedCondition(judged, context.refused);
  judged.conditions = {accepted, ProgrammedCondition(judged, accepted),
                       ResolvedRefsCondition(judged, ObjectionToClientCertificate(context.state, *gateway))};
  return judged;
}

std::shared_ptr<const gatewayapi::GatewayStatus> StatusOfGateway(const JudgedGateway& gateway,
                                                                 const std::vector<int32_t>& attached) {
  const gatewayapi::GatewayStatus& stored = gateway.object->status;
  std::vector<gatewayapi::ListenerStatus> listeners;
  for (size_t i = 0; i < gateway.listeners.size(); ++i) {
    listeners.push_back({.name = gateway.listeners[i].model.name,
                         .supported_kinds = gateway.listeners[i].supported_kinds,
                         .attached_routes = attached[i],
                         .conditions = gateway.listeners[i].conditions});
  }
  auto status = std::make_shared<gatewayapi::GatewayStatus>();
  status->conditions = MergeConditions(stored.conditions, kOwnOfGateway, gateway.conditions);
  status->listeners = MergeListeners(stored.listeners, listeners);
  return status;
}

}  // namespace portreeve::translate
