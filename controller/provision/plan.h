// What a Gateway's data planes consist of, as Kubernetes objects. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/data_plane_config.h"
#include "controller/gatewayapi/gateway.h"

namespace portreeve::provision {

// In the order in which they are applied: pods need their account, and start while the rest is made.
enum class ObjectKind {
  kServiceAccount,
  kDeployment,
  kService,
  kPodDisruptionBudget,
  kHorizontalPodAutoscaler,
};

inline constexpr std::array<ObjectKind, 5> kAllObjectKinds = {ObjectKind::kServiceAccount, ObjectKind::kDeployment,
                                                              ObjectKind::kService, ObjectKind::kPodDisruptionBudget,
                                                              ObjectKind::kHorizontalPodAutoscaler};

std::string_view ToString(ObjectKind kind);
std::optional<ObjectKind> ObjectKindFromName(std::string_view name);
// "apps/v1"
std::string_view ApiVersionOf(ObjectKind kind);
// "/apis/apps/v1/namespaces/team-a/deployments"; of the whole cluster where `ns` is empty.
std::string CollectionPath(ObjectKind kind, std::string_view ns);

// The same for all Gateways of this controller.
struct ProvisionOptions {
  // Where data planes find the controller: "portreeve-controller.portreeve-system.svc:18000".
  std::string controller;
  std::string image;
  std::string image_pull_policy = "IfNotPresent";
  // Entry "ca.crt" of this ConfigMap in the Gateway's namespace: the controllers' CA.
  std::string ca_config_map = "portreeve-ca";
  // Of the token by which a data plane proves whose it is.
  std::string token_audience = "portreeve.dev";
  // Nothing: the cluster chooses.
  std::optional<std::int64_t> run_as_user = 65532;
  // Where a DataPlaneConfig doesn't say.
  std::string log_level = "info";
};

// Removes itself from Services' endpoints in this time; until then, a pod that is to end takes new connections.
inline constexpr int kPreStopSeconds = 5;
inline constexpr int kDefaultDrainSeconds = 60;
// Above it, unless a listener wants that port.
inline constexpr std::uint16_t kFirstAdminPort = 19001;

struct PlannedObject {
  ObjectKind kind = ObjectKind::kService;
  std::string name;
  // What is applied, complete; without `replicas` in a Deployment that is scaled by use.
  std::string json;
  // Of what is applied. It stands in the annotation kPlannedAnnotation, too.
  std::string hash;
  // Of a Service: the place in the Gateway's spec.addresses that it is for, and the address asked for there.
  std::optional<std::size_t> address_index;
  std::string address;
  // Of a Deployment that is scaled by use.
  std::optional<gatewayapi::DataPlaneAutoscaling> autoscaling;

  bool operator==(const PlannedObject&) const = default;
};

inline constexpr std::string_view kPlannedAnnotation = "portreeve.dev/planned";

// `ports`: of the listeners that are served; not empty. `config`: what holds for the Gateway.
//
// Each address that the Gateway asks for has a Service of its own, called by a hash of it: a Service keeps its address
// for life, and an address that changes shouldn't take the others with it. Without addresses, and for the first that
// has no value, it is the Service NAME-CLASS.
std::vector<PlannedObject> Plan(const gatewayapi::Gateway& gateway, const gatewayapi::DataPlaneConfig::Spec& config,
                                const std::set<std::uint16_t>& ports, const ProvisionOptions& options);

}  // namespace portreeve::provision
