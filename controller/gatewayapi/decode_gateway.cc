// GatewayClass, Gateway and ReferenceGrant.
#include <algorithm>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"

namespace portreeve::gatewayapi {
namespace {

const TextRule kMetadataKey{IsQualifiedName, "must be of the form name or domain/name", "rename it", 1, 316};
const TextRule kInfrastructureLabel{IsLabelValue, "must be a label value", "shorten or rename it", 0, 63};
const TextRule kOptionKey{IsQualifiedName, "must be of the form name or domain/name", "rename it", 1, 253};
const TextRule kDescription{IsFieldValue, "must be text without control characters", "remove them", 0, 64};

void ReadAllowedNamespaces(const Place& place, AllowedNamespaces* out, bool none_allowed) {
  Fields fields(place);
  if (none_allowed) {
    fields.Enum<FromNamespaces>("from",
                                {{"All", FromNamespaces::kAll},
                                 {"Selector", FromNamespaces::kSelector},
                                 {"Same", FromNamespaces::kSame},
                                 {"None", FromNamespaces::kNone}},
                                &out->from);
  } else {
    fields.Enum<FromNamespaces>(
        "from",
        {{"All", FromNamespaces::kAll}, {"Selector", FromNamespaces::kSelector}, {"Same", FromNamespaces::kSame}},
        &out->from);
  }
  fields.Struct("selector", &out->selector, ReadLabelSelector);
  fields.Done();
}

void ReadAllowedRoutes(const Place& place, AllowedRoutes* out) {
  Fields fields(place);
  fields.Struct("namespaces", &out->namespaces,
                [](const Place& p, AllowedNamespaces* n) { ReadAllowedNamespaces(p, n, false); });
  fields.List("kinds", 0, 8, &out->kinds, ReadRouteGroupKind);
  fields.Done();
}

void ReadListenerTLS(const Place& place, ListenerTLSConfig* out) {
  Fields fields(place);
  fields.Enum<TLSMode>("mode", {{"Terminate", TLSMode::kTerminate}, {"Passthrough", TLSMode::kPassthrough}},
                       &out->mode);
  fields.List("certificateRefs", 0, 64, &out->certificate_refs, ReadSecretReference);
  fields.TextMap("options", kOptionKey, kAnyText, 16, &out->options);
  fields.Done();
  if (out->mode == TLSMode::kTerminate && out->certificate_refs.empty() && out->options.empty()) {
    place.RefuseField("certificateRefs", "must name a Secret when the mode is Terminate",
                      "write certificateRefs: [{name: SECRET}]");
  }
}

void ReadListenerFilter(const Place& place, ListenerFilter* out) {
  Fields fields(place);
  std::optional<std::string> type;
  if (fields.Require("type", "write ExternalAuth or ExtensionRef")) {
    fields.Word("type", {"ExternalAuth", "ExtensionRef"}, &type);
  }
  out->type = type.value_or("ExtensionRef");
  fields.Struct("extensionRef", &out->extension_ref, ReadLocalReference);
  fields.Ignore({"externalAuth"});
  fields.Done();
  if (type && (*type == "ExtensionRef") != fields.Has("extensionRef")) {
    place.RefuseField("extensionRef", "must be there exactly if the type is ExtensionRef", "make the two agree");
  }
  if (type && (*type == "ExternalAuth") != fields.Has("externalAuth")) {
    place.RefuseField("externalAuth", "must be there exactly if the type is ExternalAuth", "make the two agree");
  }
}

// The rules that Gateway.spec.listeners has for each entry alone.
void CheckListener(const Fields& fields, const Listener& listener) {
  const Place& place = fields.place();
  const std::string& protocol = listener.protocol;
  if ((protocol == "HTTP" || protocol == "TCP" || protocol == "UDP") && listener.tls) {
    place.RefuseField("tls", Concat({"must not be set for protocol ", protocol}),
                      "remove it or use protocol HTTPS or TLS");
  }
  if (protocol == "HTTPS" && listener.tls && listener.tls->mode != TLSMode::kTerminate) {
    place.RefuseField("tls", "mode must be Terminate for protocol HTTPS", "use protocol TLS for Passthrough");
  }
  if (protocol == "TLS" && !listener.tls) {
    place.RefuseField("tls", "is required for protocol TLS", "write tls with a mode");
  }
  if ((protocol == "TCP" || protocol == "UDP") && listener.hostname) {
    place.RefuseField("hostname", Concat({"must not be set for protocol ", protocol}), "remove it");
  }
  if (!listener.filters.empty() && protocol != "HTTP" && protocol != "HTTPS") {
    place.RefuseField("filters", "may only be set for protocol HTTP or HTTPS", "remove them");
  }
}

void ReadListener(const Place& place, Listener* out) {
  Fields fields(place);
  fields.RequireText("name", kObjectName, &out->name);
  fields.Text("hostname", kHostname, &out->hostname);
  fields.RequireInteger("port", 1, 65535, &out->port);
  fields.RequireText("protocol", kProtocol, &out->protocol);
  fields.Struct("tls", &out->tls, ReadListenerTLS);
  fields.Struct("allowedRoutes", &out->allowed_routes, ReadAllowedRoutes);
  if (std::optional<Place> filters = fields.Find("filters")) {
    Fields inner(*filters);
    inner.List("requests", 0, 16, &out->filters, ReadListenerFilter);
    inner.Done();
  }
  fields.Done();
  CheckListener(fields, *out);
}

void ReadListeners(Fields& spec, std::vector<Listener>* out) {
  spec.RequireList("listeners", 1, 64, out, [&](const Place& place, Listener* listener) {
    ReadListener(place, listener);
    for (const Listener& other : *out) {
      if (&other == listener) break;
      if (other.name == listener->name) {
        place.RefuseField("name", Concat({"\"", listener->name, "\" occurs twice"}), "give each listener its own name");
      } else if (other.port == listener->port && other.protocol == listener->protocol &&
                 other.hostname == listener->hostname && listener->port != 0) {
        place.Refuse(Concat({"has the same port, protocol and hostname as listener \"", other.name, "\""}),
                     "change one of the three or remove one of the listeners");
      }
    }
  });
}

void ReadAddress(const Place& place, GatewayAddress* out, bool value_required) {
  Fields fields(place);
  fields.Text("type", kAddressType, &out->type);
  if (value_required) fields.Require("value", "write the address");
  fields.Text("value", kAnyText, &out->value);
  fields.Text("routability", kAnyText, &out->routability);
  fields.Done();
  const std::string value = out->value.value_or("");
  if (value.empty()) return;
  if (out->type == "IPAddress" && !IsIPv4(value) && !IsIPv6(value)) {
    place.RefuseField("value", "must be an IPv4 or IPv6 address", "write it as in \"192.0.2.1\" or \"2001:db8::1\"");
  }
  if (out->type == "Hostname" && !IsHostname(value)) {
    place.RefuseField("value", std::string(kHostname.must), std::string(kHostname.remedy));
  }
}

void ReadAddresses(Fields& fields, bool value_required, std::vector<GatewayAddress>* out) {
  fields.List("addresses", 0, 16, out, [&](const Place& place, GatewayAddress* address) {
    ReadAddress(place, address, value_required);
    const bool unique = !value_required && (address->type == "IPAddress" || address->type == "Hostname");
    for (const GatewayAddress& other : *out) {
      if (&other == address) break;
      if (unique && address->value && other.type == address->type && other.value == address->value) {
        place.RefuseField("value", "occurs twice", "remove one of the two");
      }
    }
  });
}

void ReadInfrastructure(const Place& place, GatewayInfrastructure* out) {
  Fields fields(place);
  fields.TextMap("labels", kMetadataKey, kInfrastructureLabel, 8, &out->labels);
  fields.TextMap("annotations", kMetadataKey, kAnyText, 16, &out->annotations);
  fields.Struct("parametersRef", &out->parameters_ref, ReadLocalReference);
  fields.Done();
}

void ReadValidation(const Place& place, FrontendTLSValidation* out) {
  Fields fields(place);
  fields.RequireList("caCertificateRefs", 1, 16, &out->ca_certificate_refs,
                     [](const Place& item, ObjectReference* reference) {
                       ReadReference(item, reference);
                       if (reference->group == "certificates.k8s.io" && reference->kind == "ClusterTrustBundle" &&
                           reference->namespace_) {
                         item.RefuseField("namespace", "must not be set for a ClusterTrustBundle", "remove it");
                       }
                     });
  using Mode = FrontendTLSValidation::Mode;
  fields.Enum<Mode>(
      "mode", {{"AllowValidOnly", Mode::kAllowValidOnly}, {"AllowInsecureFallback", Mode::kAllowInsecureFallback}},
      &out->mode);
  fields.Done();
}

void ReadTLSConfig(const Place& place, std::optional<FrontendTLSValidation>* out) {
  Fields fields(place);
  fields.Struct("validation", out, ReadValidation);
  fields.Done();
}

void ReadFrontendTLS(const Place& place, FrontendTLSConfig* out) {
  Fields fields(place);
  if (std::optional<Place> config = fields.Require("default", "write default: {} or a validation")) {
    ReadTLSConfig(*config, &out->default_validation);
  }
  fields.List("perPort", 0, 64, &out->per_port, [&](const Place& item, PerPortTLSConfig* config) {
    Fields parts(item);
    parts.RequireInteger("port", 1, 65535, &config->port);
    if (std::optional<Place> tls = parts.Require("tls", "write tls: {} or a validation")) {
      ReadTLSConfig(*tls, &config->validation);
    }
    parts.Done();
    for (const PerPortTLSConfig& other : out->per_port) {
      if (&other != config && other.port == config->port) {
        item.RefuseField("port", "occurs twice", "write one entry for each port");
      }
    }
  });
  fields.Done();
}

void ReadGatewayTLS(const Place& place, GatewayTLSConfig* out) {
  Fields fields(place);
  if (std::optional<Place> backend = fields.Find("backend")) {
    Fields inner(*backend);
    inner.Struct("clientCertificateRef", &out->backend_client_certificate_ref, ReadSecretReference);
    inner.Done();
  }
  fields.Struct("frontend", &out->frontend, ReadFrontendTLS);
  fields.Done();
}

void ReadListenerStatus(const Place& place, ListenerStatus* out) {
  Fields fields(place);
  fields.RequireText("name", kObjectName, &out->name);
  fields.List("supportedKinds", 0, 8, &out->supported_kinds, ReadRouteGroupKind);
  fields.Integer("attachedRoutes", 0, std::numeric_limits<int32_t>::max(), &out->attached_routes);
  ReadConditions(fields, &out->conditions);
  fields.Done();
}

void ReadGatewayStatus(const Place& place, GatewayStatus* out) {
  Fields fields(place);
  ReadAddresses(fields, true, &out->addresses);
  ReadConditions(fields, &out->conditions);
  fields.List("listeners", 0, 64, &out->listeners, ReadListenerStatus);
  fields.Integer("attachedListenerSets", 0, std::numeric_limits<int32_t>::max(), &out->attached_listener_sets);
  fields.Done();
}

void ReadGatewaySpec(const Place& place, Gateway::Spec* out) {
  Fields fields(place);
  fields.RequireText("gatewayClassName", kReferencedName, &out->gateway_class_name);
  ReadListeners(fields, &out->listeners);
  ReadAddresses(fields, false, &out->addresses);
  fields.Struct("infrastructure", &out->infrastructure, ReadInfrastructure);
  if (std::optional<Place> allowed = fields.Find("allowedListeners")) {
    out->allowed_listeners = AllowedNamespaces{FromNamespaces::kNone, std::nullopt};
    Fields inner(*allowed);
    inner.Struct("namespaces", &*out->allowed_listeners,
                 [](const Place& p, AllowedNamespaces* n) { ReadAllowedNamespaces(p, n, true); });
    inner.Done();
  }
  fields.Struct("tls", &out->tls, ReadGatewayTLS);
  fields.Word("defaultScope", {"All", "None"}, &out->default_scope);
  fields.Done();
}

void ReadClassSpec(const Place& place, GatewayClass::Spec* out) {
  Fields fields(place);
  fields.RequireText("controllerName", kControllerName, &out->controller_name);
  fields.Struct("parametersRef", &out->parameters_ref, ReadReference);
  fields.Text("description", kDescription, &out->description);
  fields.Done();
}

void ReadClassStatus(const Place& place, GatewayClass::Status* out) {
  Fields fields(place);
  ReadConditions(fields, &out->conditions);
  fields.List("supportedFeatures", 0, 64, &out->supported_features, [](const Place& item, std::string* name) {
    Fields parts(item);
    parts.RequireText("name", kAnyText, name);
    parts.Done();
  });
  fields.Done();
}

void ReadGrantFrom(const Place& place, ReferenceGrant::From* out) {
  Fields fields(place);
  if (fields.Require("group", "write the API group, \"\" for core")) fields.Text("group", kGroup, &out->group);
  fields.RequireText("kind", kKindName, &out->kind);
  fields.RequireText("namespace", kDnsLabel, &out->namespace_);
  fields.Done();
}

void ReadGrantTo(const Place& place, ReferenceGrant::To* out) {
  Fields fields(place);
  if (fields.Require("group", "write the API group, \"\" for core")) fields.Text("group", kGroup, &out->group);
  fields.RequireText("kind", kKindName, &out->kind);
  fields.Text("name", kReferencedName, &out->name);
  fields.Done();
}

}  // namespace

std::shared_ptr<const GatewayClass> DecodeGatewayClass(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<GatewayClass>();
  object->metadata = std::move(meta);
  if (std::optional<Place> spec = top.Require("spec", "write spec with a controllerName")) {
    ReadClassSpec(*spec, &object->spec);
  }
  top.Struct("status", &object->status, ReadClassStatus);
  top.Done();
  return object;
}

std::shared_ptr<const Gateway> DecodeGateway(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<Gateway>();
  object->metadata = std::move(meta);
  if (std::optional<Place> spec = top.Require("spec", "write spec with gatewayClassName and listeners")) {
    ReadGatewaySpec(*spec, &object->spec);
  }
  top.Struct("status", &object->status, ReadGatewayStatus);
  top.Done();
  return object;
}

std::shared_ptr<const ReferenceGrant> DecodeReferenceGrant(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<ReferenceGrant>();
  object->metadata = std::move(meta);
  if (std::optional<Place> spec = top.Require("spec", "write spec with from and to")) {
    Fields fields(*spec);
    fields.RequireList("from", 1, 16, &object->spec.from, ReadGrantFrom);
    fields.RequireList("to", 1, 16, &object->spec.to, ReadGrantTo);
    fields.Done();
  }
  top.Done();
  return object;
}

}  // namespace portreeve::gatewayapi
