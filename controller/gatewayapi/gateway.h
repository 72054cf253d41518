// GatewayClass, Gateway and ReferenceGrant as release v1.7 of the Gateway API has them (both channels).
// A std::optional field has no default in the CRD: absent stays absent. Every other field carries the CRD's default
// after Decode.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/meta.h"

namespace portreeve::gatewayapi {

struct GatewayClass {
  struct Spec {
    std::string controller_name;
    std::optional<ObjectReference> parameters_ref;
    std::optional<std::string> description;

    bool operator==(const Spec&) const = default;
  };
  struct Status {
    std::vector<Condition> conditions;
    std::vector<std::string> supported_features;

    bool operator==(const Status&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;
  Status status;

  bool operator==(const GatewayClass&) const = default;
};

struct RouteGroupKind {
  std::string group{kGatewayGroup};
  std::string kind;

  bool operator==(const RouteGroupKind&) const = default;
};

enum class FromNamespaces { kAll, kSelector, kSame, kNone };

struct AllowedNamespaces {
  FromNamespaces from = FromNamespaces::kSame;
  std::optional<LabelSelector> selector;

  bool operator==(const AllowedNamespaces&) const = default;
};

struct AllowedRoutes {
  AllowedNamespaces namespaces;
  std::vector<RouteGroupKind> kinds;  // empty: the kinds of the listener's protocol

  bool operator==(const AllowedRoutes&) const = default;
};

enum class TLSMode { kTerminate, kPassthrough };

struct ListenerTLSConfig {
  TLSMode mode = TLSMode::kTerminate;
  std::vector<ObjectReference> certificate_refs;  // defaults: group "", kind "Secret"
  std::map<std::string, std::string> options;

  bool operator==(const ListenerTLSConfig&) const = default;
};

// One of `listeners[].filters.requests[]` (experimental); decoded as far as translation needs to call it unsupported.
struct ListenerFilter {
  std::string type;  // "ExternalAuth" or "ExtensionRef"
  std::optional<LocalObjectReference> extension_ref;

  bool operator==(const ListenerFilter&) const = default;
};

struct Listener {
  std::string name;
  std::optional<std::string> hostname;
  uint16_t port = 0;
  std::string protocol;  // "HTTP", "HTTPS", "TLS", "TCP", "UDP" or anything else the user wrote
  std::optional<ListenerTLSConfig> tls;
  AllowedRoutes allowed_routes;
  std::vector<ListenerFilter> filters;

  bool operator==(const Listener&) const = default;
};

struct GatewayAddress {
  std::string type = "IPAddress";
  std::optional<std::string> value;
  std::optional<std::string> routability;

  bool operator==(const GatewayAddress&) const = default;
};

struct GatewayInfrastructure {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::optional<LocalObjectReference> parameters_ref;

  bool operator==(const GatewayInfrastructure&) const = default;
};

struct FrontendTLSValidation {
  enum class Mode { kAllowValidOnly, kAllowInsecureFallback };
  std::vector<ObjectReference> ca_certificate_refs;
  Mode mode = Mode::kAllowValidOnly;

  bool operator==(const FrontendTLSValidation&) const = default;
};

struct PerPortTLSConfig {
  uint16_t port = 0;
  std::optional<FrontendTLSValidation> validation;

  bool operator==(const PerPortTLSConfig&) const = default;
};

struct FrontendTLSConfig {
  std::optional<FrontendTLSValidation> default_validation;  // spec.tls.frontend.default.validation
  std::vector<PerPortTLSConfig> per_port;

  bool operator==(const FrontendTLSConfig&) const = default;
};

struct GatewayTLSConfig {
  std::optional<ObjectReference> backend_client_certificate_ref;  // spec.tls.backend.clientCertificateRef
  std::optional<FrontendTLSConfig> frontend;

  bool operator==(const GatewayTLSConfig&) const = default;
};

struct ListenerStatus {
  std::string name;
  std::vector<RouteGroupKind> supported_kinds;
  int32_t attached_routes = 0;
  std::vector<Condition> conditions;

  bool operator==(const ListenerStatus&) const = default;
};

struct GatewayStatus {
  std::vector<GatewayAddress> addresses;
  std::vector<Condition> conditions;
  std::vector<ListenerStatus> listeners;
  std::optional<int32_t> attached_listener_sets;

  bool operator==(const GatewayStatus&) const = default;
};

struct Gateway {
  struct Spec {
    std::string gateway_class_name;
    std::vector<Listener> listeners;
    std::vector<GatewayAddress> addresses;
    std::optional<GatewayInfrastructure> infrastructure;
    std::optional<AllowedNamespaces> allowed_listeners;  // absent: no ListenerSet may attach
    std::optional<GatewayTLSConfig> tls;
    std::optional<std::string> default_scope;  // "All" or "None" (experimental)

    bool operator==(const Spec&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;
  GatewayStatus status;

  bool operator==(const Gateway&) const = default;
};

struct ReferenceGrant {
  struct From {
    std::string group;
    std::string kind;
    std::string namespace_;

    bool operator==(const From&) const = default;
  };
  struct To {
    std::string group;
    std::string kind;
    std::optional<std::string> name;  // absent: every object of that group and kind

    bool operator==(const To&) const = default;
  };
  struct Spec {
    std::vector<From> from;
    std::vector<To> to;

    bool operator==(const Spec&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;

  bool operator==(const ReferenceGrant&) const = default;
};

}  // namespace portreeve::gatewayapi
