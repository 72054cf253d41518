#include "controller/translate/listeners.h"

#include <absl/strings/ascii.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "controller/translate/hostnames.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Gateway;
using gatewayapi::Listener;
using gatewayapi::NamespacedName;
using gatewayapi::RouteGroupKind;

constexpr std::string_view kHttp = "HTTP";
constexpr std::string_view kHttps = "HTTPS";

bool IsServedProtocol(std::string_view protocol) {
  return protocol == kHttp || protocol == kHttps;
}

std::string FieldOf(size_t index) {
  return Concat("spec.listeners[", index, "]");
}

bool IsHTTPRoute(const RouteGroupKind& kind) {
  return kind.group == gatewayapi::kGatewayGroup && kind.kind == "HTTPRoute";
}

// Of the kinds that the listener names those that are served; all that are, where it names none.
std::vector<RouteGroupKind> SupportedKinds(const Listener& listener) {
  if (!IsServedProtocol(listener.protocol)) return {};
  const auto& named = listener.allowed_routes.kinds;
  if (!named.empty() && std::ranges::none_of(named, IsHTTPRoute)) return {};
  return {RouteGroupKind{std::string(gatewayapi::kGatewayGroup), "HTTPRoute"}};
}

std::optional<Objection> ObjectionToKinds(const Listener& listener, size_t index) {
  for (size_t k = 0; k < listener.allowed_routes.kinds.size(); ++k) {
    const RouteGroupKind& kind = listener.allowed_routes.kinds[k];
    if (IsServedProtocol(listener.protocol) && IsHTTPRoute(kind)) continue;
    return Objection{"InvalidRouteKinds", Concat(FieldOf(index), ".allowedRoutes.kinds[", k, "]: ", kind.group, "/",
                                                 kind.kind, " isn't supported on protocol ", listener.protocol,
                                                 ": HTTP and HTTPS take HTTPRoute of ", gatewayapi::kGatewayGroup)};
  }
  return std::nullopt;
}

// The validation of client certificates that applies to a port; the port's own entry stands for the default.
bool ValidatesClients(const Gateway& gateway, uint16_t port, std::string* field) {
  if (!gateway.spec.tls.has_value() || !gateway.spec.tls->frontend.has_value()) return false;
  const gatewayapi::FrontendTLSConfig& frontend = *gateway.spec.tls->frontend;
  for (size_t p = 0; p < frontend.per_port.size(); ++p) {
    if (frontend.per_port[p].port != port) continue;
    *field = Concat("spec.tls.frontend.perPort[", p, "].tls.validation");
    return frontend.per_port[p].validation.has_value();
  }
  *field = "spec.tls.frontend.default.validation";
  return frontend.default_validation.has_value();
}

std::optional<Objection> ObjectionToTls(const Gateway& gateway, const Listener& listener, size_t index) {
  const std::string field = Concat(FieldOf(index), ".tls");
  if (listener.protocol == kHttp) {
    if (!listener.tls.has_value()) return std::nullopt;
    return Objection{"UnsupportedValue",
                     Concat(field, ": protocol HTTP has no TLS: remove it, or write protocol HTTPS")};
  }
  if (listener.tls.has_value() && listener.tls->mode == gatewayapi::TLSMode::kPassthrough) {
    return Objection{"UnsupportedValue", Concat(field, ".mode: Passthrough isn't supported on HTTPS: write Terminate")};
  }
  if (listener.tls.has_value() && !listener.tls->options.empty()) {
    return Objection{"UnsupportedValue", Concat(field, ".options: ", listener.tls->options.begin()->first,
                                                " isn't an option of this release: remove it")};
  }
  std::string validation;
  if (ValidatesClients(gateway, listener.port, &validation)) {
    return Objection{"UnsupportedValue", Concat(validation,
                                                ": client certificates aren't checked in this release, and without the "
                                                "check the listener isn't served: remove it")};
  }
  return std::nullopt;
}

// Why the listener isn't accepted.
std::optional<Objection> ObjectionToListener(const ListenerContext& context, size_t index) {
  const Listener& listener = context.gateway.spec.listeners[index];
  if (!IsServedProtocol(listener.protocol)) {
    return Objection{"UnsupportedProtocol", Concat(FieldOf(index), ".protocol: ", listener.protocol,
                                                   " isn't served in this release: write HTTP or HTTPS")};
  }
  const Conflict& conflict = context.conflicts[index];
  if (!conflict.reason.empty()) return Objection{conflict.reason, conflict.message};
  if (std::optional<Objection> objection = ObjectionToTls(context.gateway, listener, index)) return objection;
  if (!listener.filters.empty()) {
    return Objection{"UnsupportedValue", Concat(FieldOf(index), ".filters.requests[0]: ", listener.filters.front().type,
                                                " isn't supported in this release: remove it")};
  }
  return std::nullopt;
}

std::optional<Objection> ResolveCertificate(const ListenerContext& context, const gatewayapi::ObjectReference& ref,
                                            const std::string& field, config::v1::Listener* out) {
  const std::string& namespace_ = context.gateway.metadata.namespace_;
  if (auto objection = ObjectionToSecretRef(context.state, ref, namespace_, field, "InvalidCertificateRef")) {
    return objection;
  }
  const NamespacedName name = *SecretOf(ref, namespace_);
  const auto* secret = context.state.Find<gatewayapi::Secret>(name.namespace_, name.name);
  if (secret == nullptr) {
    return Objection{"InvalidCertificateRef",
                     Concat(field, ": Secret ", name.ToString(), " doesn't exist: make it, or name another")};
  }
  const std::variant<ResourcePtr, Objection>& read = context.certificates.Read(*secret);
  if (const Objection* objection = std::get_if<Objection>(&read)) {
    return Objection{objection->reason, Concat(field, ": ", objection->message)};
  }
  const ResourcePtr& certificate = std::get<ResourcePtr>(read);
  if (std::ranges::find(out->certificates(), certificate->key()) == out->certificates().end()) {
    out->add_certificates(certificate->key());
  }
  context.used.emplace(certificate->key(), certificate);
  return std::nullopt;
}

// Certificates that can be used go to `out`, in the order of the references.
std::vector<Objection> ResolveCertificates(const ListenerContext& context, size_t index, config::v1::Listener* out) {
  const Listener& listener = context.gateway.spec.listeners[index];
  if (listener.protocol != kHttps) return {};
  const std::string field = Concat(FieldOf(index), ".tls.certificateRefs");
  if (!listener.tls.has_value() || listener.tls->certificate_refs.empty()) {
    return {{"InvalidCertificateRef", Concat(field,
                                             ": no certificate is named: name a Secret of type "
                                             "kubernetes.io/tls")}};
  }
  std::vector<Objection> objections;
  for (size_t c = 0; c < listener.tls->certificate_refs.size(); ++c) {
    if (auto objection =
            ResolveCertificate(context, listener.tls->certificate_refs[c], Concat(field, "[", c, "]"), out)) {
      objections.push_back(*std::move(objection));
    }
  }
  return objections;
}

void AddConditions(const ListenerContext& context, size_t index, const std::optional<Objection>& refused,
                   const std::vector<Objection>& unresolved, const std::string& not_programmed, JudgedListener* out) {
  const int64_t generation = context.gateway.metadata.generation;
  const Conflict& conflict = context.conflicts[index];
  const bool conflicted = !conflict.reason.empty();
  auto add = [&](std::string_view type, bool is, std::string_view reason, std::string message) {
    out->conditions.push_back(MakeCondition(type, is, reason, std::move(message), generation));
  };
  add("Accepted", !refused, refused ? refused->reason : "Accepted",
      refused ? refused->message : "the listener is accepted");
  add("Conflicted", conflicted, conflicted ? conflict.reason : "NoConflicts",
      conflicted ? conflict.message : "no other listener clashes with it");
  add("Programmed", out->programmed, out->programmed ? "Programmed" : (conflicted ? conflict.reason : "Invalid"),
      out->programmed ? "the data plane has it" : not_programmed);
  add("ResolvedRefs", unresolved.empty(), unresolved.empty() ? "ResolvedRefs" : unresolved.front().reason,
      unresolved.empty() ? "all references are resolved" : JoinMessages(unresolved));
  if (conflict.overlaps) add("OverlappingTLSConfig", true, "OverlappingHostnames", conflict.overlap_message);
}

// Without certificates.
config::v1::Listener Describe(const Gateway& gateway, const Listener& listener) {
  config::v1::Listener message;
  message.set_name(Concat(gatewayapi::NameOf(gateway.metadata).ToString(), "/", listener.name));
  message.set_port(listener.port);
  message.set_protocol(listener.protocol == kHttps ? config::v1::Listener::HTTPS : config::v1::Listener::HTTP);
  message.set_hostname(absl::AsciiStrToLower(listener.hostname.value_or("")));
  return message;
}

ResourcePtr SealListener(const Gateway& gateway, const Listener& listener, config::v1::Listener&& message) {
  const NamespacedName name = gatewayapi::NameOf(gateway.metadata);
  config::v1::Resource resource;
  *resource.mutable_listener() = std::move(message);
  return Seal(std::move(resource), ListenerKey(name, listener.name), Concat("Gateway ", name.ToString()),
              gateway.metadata.generation);
}

// Empty if the listener takes requests.
std::string WhyNotProgrammed(const ListenerContext& context, const JudgedListener& judged,
                             const std::optional<Objection>& refused, const config::v1::Listener& message) {
  if (!context.gateway_refused.empty()) return Concat("the Gateway isn't accepted: ", context.gateway_refused);
  if (refused.has_value()) return Concat("the listener isn't accepted: ", refused->message);
  if (judged.supported_kinds.empty())
    return "none of the kinds of routes that it allows is supported: see ResolvedRefs";
  if (message.protocol() == config::v1::Listener::HTTPS && message.certificates().empty()) {
    return "none of its certificates can be used, so that no handshake completes: see ResolvedRefs";
  }
  return std::string();
}

}  // namespace

JudgedListener JudgeListener(const ListenerContext& context, size_t index) {
  const Gateway& gateway = context.gateway;
  const Listener& listener = gateway.spec.listeners[index];

  JudgedListener judged;
  judged.supported_kinds = SupportedKinds(listener);
  judged.model.name = listener.name;
  judged.model.key = ListenerKey(gatewayapi::NameOf(gateway.metadata), listener.name);
  judged.model.port = listener.port;
  judged.model.hostname = absl::AsciiStrToLower(listener.hostname.value_or(""));
  judged.model.http_routes = !judged.supported_kinds.empty();
  judged.model.namespaces = listener.allowed_routes.namespaces;

  config::v1::Listener message = Describe(gateway, listener);
  const std::optional<Objection> refused = ObjectionToListener(context, index);
  std::vector<Objection> unresolved;
  if (auto objection = ObjectionToKinds(listener, index)) unresolved.push_back(*std::move(objection));
  const bool served = !refused.has_value() && context.gateway_refused.empty();
  std::map<std::string, ResourcePtr> unused;
  const ListenerContext certificates{context.state,           context.gateway,      context.conflicts,
                                     context.gateway_refused, context.certificates, served ? context.used : unused};
  std::ranges::move(ResolveCertificates(certificates, index, &message), std::back_inserter(unresolved));

  judged.accepted = !refused.has_value();
  judged.resolved = unresolved.empty();
  judged.model.serves = served;
  const std::string not_programmed = WhyNotProgrammed(context, judged, refused, message);
  judged.programmed = not_programmed.empty();
  AddConditions(context, index, refused, unresolved, not_programmed, &judged);
  if (served) judged.resource = SealListener(gateway, listener, std::move(message));
  return judged;
}

void CloseHostnames(const Gateway& gateway, const GatewayConflicts& conflicts, std::vector<JudgedListener>* listeners) {
  for (size_t i = 0; i < listeners->size(); ++i) {
    JudgedListener& closed = (*listeners)[i];
    const Listener& listener = gateway.spec.listeners[i];
    if (closed.accepted || !IsServedProtocol(listener.protocol) || !conflicts[i].reason.empty()) continue;
    const bool would_fall = std::ranges::any_of(*listeners, [&](const JudgedListener& other) {
      return other.model.serves && other.model.port == closed.model.port &&
             HostnamesIntersect(other.model.hostname, closed.model.hostname);
    });
    if (would_fall) closed.resource = SealListener(gateway, listener, Describe(gateway, listener));
  }
}

std::vector<NamespacedName> SecretsOf(const Gateway& gateway) {
  std::set<NamespacedName> secrets;
  for (const Listener& listener : gateway.spec.listeners) {
    if (!listener.tls.has_value()) continue;
    for (const gatewayapi::ObjectReference& ref : listener.tls->certificate_refs) {
      if (auto secret = SecretOf(ref, gateway.metadata.namespace_)) secrets.insert(*std::move(secret));
    }
  }
  return {secrets.begin(), secrets.end()};
}

}  // namespace portreeve::translate
