// Namespace, Service, Secret and ConfigMap of core/v1 and EndpointSlice of discovery/v1, as far as a gateway reads
// them. Fields that a gateway has no use for are known to Decode, but not kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/secret_bytes.h"
#include "controller/gatewayapi/meta.h"

namespace portreeve::gatewayapi {

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kNamespaceNameLabel = "kubernetes.io/metadata.name";

// Carries the label kubernetes.io/metadata.name, which the API server sets by itself.
struct Namespace {
  ObjectMeta metadata;

  bool operator==(const Namespace&) const = default;
};

struct ServicePort {
  std::string name;  // empty where a Service with one port doesn't name it
  std::string protocol = "TCP";
  uint16_t port = 0;
  std::variant<uint16_t, std::string> target_port = uint16_t{0};  // a number (default: port) or a pod's port name
  std::optional<std::string> app_protocol;

  bool operator==(const ServicePort&) const = default;
};

struct Service {
  struct Spec {
    std::string type = "ClusterIP";
    std::vector<ServicePort> ports;
    std::map<std::string, std::string> selector;
    std::string cluster_ip;  // "None" for a headless Service
    std::string external_name;
    bool publish_not_ready_addresses = false;

    bool operator==(const Spec&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;

  bool operator==(const Service&) const = default;
};

struct EndpointConditions {
  std::optional<bool> ready;  // absent means ready
  std::optional<bool> serving;
  std::optional<bool> terminating;

  bool operator==(const EndpointConditions&) const = default;
};

struct Endpoint {
  std::vector<std::string> addresses;
  EndpointConditions conditions;
  std::string hostname;
  std::string node_name;
  std::string zone;
  std::string target_name;  // targetRef.name, usually the pod's

  bool operator==(const Endpoint&) const = default;
};

struct EndpointPort {
  std::string name;
  std::string protocol = "TCP";
  std::optional<uint16_t> port;  // absent: all ports
  std::optional<std::string> app_protocol;

  bool operator==(const EndpointPort&) const = default;
};

struct EndpointSlice {
  ObjectMeta metadata;
  std::string address_type;  // "IPv4", "IPv6" or "FQDN"
  std::vector<Endpoint> endpoints;
  std::vector<EndpointPort> ports;

  bool operator==(const EndpointSlice&) const = default;
};

struct Secret {
  ObjectMeta metadata;
  std::string type = "Opaque";
  std::map<std::string, SecretBytes> data;  // decoded from base64; stringData merged in

  bool operator==(const Secret&) const = default;
};

struct ConfigMap {
  ObjectMeta metadata;
  std::map<std::string, std::string> data;
  std::map<std::string, std::string> binary_data;  // decoded from base64

  bool operator==(const ConfigMap&) const = default;
};

}  // namespace portreeve::gatewayapi
