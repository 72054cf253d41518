// DataPlaneConfig of portreeve.dev/v1alpha1: how the data planes of a Gateway are run in a cluster. A GatewayClass or a
// Gateway names one by its parametersRef (crds/portreeve.dev_dataplaneconfigs.yaml describes each field to its author).
//
// Fields of Spec have no default here: what isn't set is taken from the config of the GatewayClass, then from
// Portreeve.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/meta.h"

namespace portreeve::gatewayapi {

inline constexpr std::string_view kPortreeveGroup = "portreeve.dev";

struct DataPlaneAutoscaling {
  int32_t min_replicas = 1;
  int32_t max_replicas = 1;
  int32_t target_cpu_percent = 80;

  bool operator==(const DataPlaneAutoscaling&) const = default;
};

struct DataPlaneConfig {
  // Quantities as they are written: {"cpu": "500m"}.
  struct Resources {
    std::map<std::string, std::string> requests;
    std::map<std::string, std::string> limits;

    bool operator==(const Resources&) const = default;
  };
  struct Service {
    std::optional<std::string> type;  // "LoadBalancer", "NodePort" or "ClusterIP"
    std::optional<std::string> load_balancer_class;
    std::optional<std::string> external_traffic_policy;  // "Cluster" or "Local"
    std::vector<std::string> load_balancer_source_ranges;

    bool operator==(const Service&) const = default;
  };
  struct Toleration {
    std::optional<std::string> key;
    std::optional<std::string> op;  // "Equal" or "Exists"
    std::optional<std::string> value;
    std::optional<std::string> effect;  // "NoSchedule", "PreferNoSchedule" or "NoExecute"
    std::optional<int64_t> seconds;

    bool operator==(const Toleration&) const = default;
  };
  struct Spec {
    std::optional<int32_t> replicas;
    std::optional<DataPlaneAutoscaling> autoscaling;
    std::optional<Resources> resources;
    std::optional<Service> service;
    std::map<std::string, std::string> node_selector;
    std::vector<Toleration> tolerations;
    std::string affinity;  // JSON, as Kubernetes has it; empty: unset
    std::optional<std::string> priority_class_name;
    std::vector<std::string> image_pull_secrets;
    std::optional<std::string> log_level;  // "debug", "info", "warning" or "error"
    std::optional<bool> access_log;
    std::optional<int32_t> workers;
    std::optional<int32_t> drain_seconds;
    std::vector<std::string> trusted_proxies;

    bool operator==(const Spec&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;

  bool operator==(const DataPlaneConfig&) const = default;
};

}  // namespace portreeve::gatewayapi
