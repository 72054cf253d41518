// The Deployment of a plan, and its pods.
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "controller/provision/names.h"
#include "controller/provision/plan_parts.h"

namespace portreeve::provision {
namespace {

using gatewayapi::DataPlaneConfig;

constexpr const char* kControllerFolder = "/var/run/portreeve/controller";
constexpr const char* kStateFolder = "/var/lib/portreeve/state";
// Renewed by the kubelet at 80 % of it.
constexpr int kTokenSeconds = 3600;
// After the drain, for what is left to end.
constexpr int kEndSeconds = 5;

std::uint16_t AdminPort(const PlanContext& context) {
  std::uint16_t port = kFirstAdminPort;
  while (context.ports.contains(port)) ++port;
  return port;
}

// Whole CPUs that a limit comes to, "1500m" to 2; 0 if it isn't clear.
int CpusOf(std::string_view quantity) {
  double value = 0;
  const auto [end, error] = std::from_chars(quantity.data(), quantity.data() + quantity.size(), value);
  if (error != std::errc()) return 0;
  const std::string_view unit(end, static_cast<std::size_t>(quantity.data() + quantity.size() - end));
  if (unit == "m") {
    value /= 1000;
  } else if (!unit.empty()) {
    return 0;
  }
  if (value <= 0 || value > 1024) return 0;
  const int whole = static_cast<int>(value);
  return value > whole ? whole + 1 : whole;
}

// A CPU limit doesn't show in the number of CPUs that a pod sees; more threads than it allows only get in each other's
// way.
int WorkersOf(const DataPlaneConfig::Spec& config) {
  if (config.workers.has_value()) return *config.workers;
  if (!config.resources.has_value()) return 0;
  const auto limit = config.resources->limits.find("cpu");
  return limit == config.resources->limits.end() ? 0 : CpusOf(limit->second);
}

Json Arguments(const PlanContext& context) {
  const DataPlaneConfig::Spec& config = context.config;
  const auto option = [](const char* name, const std::string& value) { return std::string(name) + "=" + value; };
  const std::string folder = kControllerFolder;
  Json arguments = {
      option("--controller", context.options.controller),
      option("--controller-ca", folder + "/ca.crt"),
      option("--controller-token", folder + "/token"),
      option("--gateway", gatewayapi::NameOf(context.gateway.metadata).ToString()),
      option("--admin", "0.0.0.0:" + std::to_string(AdminPort(context))),
      option("--state", kStateFolder),
      option("--access-log", config.access_log.value_or(true) ? "-" : "off"),
      option("--log-level", config.log_level.value_or(context.options.log_level)),
      option("--drain-seconds", std::to_string(config.drain_seconds.value_or(kDefaultDrainSeconds))),
  };
  if (const int workers = WorkersOf(config); workers > 0) {
    arguments.push_back(option("--workers", std::to_string(workers)));
  }
  for (const std::string& range : config.trusted_proxies) arguments.push_back(option("--trusted-proxy", range));
  return arguments;
}

Json Quantities(const std::map<std::string, std::string>& quantities) {
  Json json = Json::object();
  for (const auto& [resource, quantity] : quantities) json[resource] = quantity;
  return json;
}

Json Resources(const DataPlaneConfig::Spec& config) {
  if (!config.resources.has_value()) return {{"requests", {{"cpu", "50m"}, {"memory", "64Mi"}}}};
  Json json = Json::object();
  if (!config.resources->requests.empty()) json["requests"] = Quantities(config.resources->requests);
  if (!config.resources->limits.empty()) json["limits"] = Quantities(config.resources->limits);
  return json;
}

Json Probe(const char* path, int period, int timeout) {
  return {{"httpGet", {{"path", path}, {"port", "admin"}}},
          {"periodSeconds", period},
          {"timeoutSeconds", timeout},
          {"failureThreshold", 3}};
}

Json Container(const PlanContext& context) {
  return {{"name", "dataplane"},
          {"image", context.options.image},
          {"imagePullPolicy", context.options.image_pull_policy},
          {"args", Arguments(context)},
          // Not the listeners': they change without a new pod.
          {"ports", Json::array({{{"name", "admin"}, {"containerPort", AdminPort(context)}, {"protocol", "TCP"}}})},
          {"resources", Resources(context.config)},
          {"readinessProbe", Probe("/readyz", 1, 2)},
          {"livenessProbe", Probe("/healthz", 10, 5)},
          {"lifecycle", {{"preStop", {{"sleep", {{"seconds", kPreStopSeconds}}}}}}},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"readOnlyRootFilesystem", true},
            {"runAsNonRoot", true},
            {"capabilities", {{"drop", Json::array({"ALL"})}}}}},
          {"volumeMounts", Json::array({{{"name", "controller"}, {"mountPath", kControllerFolder}, {"readOnly", true}},
                                        {{"name", "state"}, {"mountPath", kStateFolder}}})}};
}

Json Volumes(const PlanContext& context) {
  const ProvisionOptions& options = context.options;
  const Json token = {{"audience", options.token_audience}, {"expirationSeconds", kTokenSeconds}, {"path", "token"}};
  const Json ca = {{"name", options.ca_config_map}, {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}};
  // The last good configuration has keys in it: it stays off the node's disk.
  return Json::array(
      {{{"name", "controller"},
        {"projected", {{"sources", Json::array({{{"serviceAccountToken", token}}, {{"configMap", ca}}})}}}},
       {{"name", "state"}, {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", "256Mi"}}}}});
}

Json Tolerations(const DataPlaneConfig::Spec& config) {
  Json json = Json::array();
  for (const DataPlaneConfig::Toleration& toleration : config.tolerations) {
    Json one = Json::object();
    if (toleration.key.has_value()) one["key"] = *toleration.key;
    if (toleration.op.has_value()) one["operator"] = *toleration.op;
    if (toleration.value.has_value()) one["value"] = *toleration.value;
    if (toleration.effect.has_value()) one["effect"] = *toleration.effect;
    if (toleration.seconds.has_value()) one["tolerationSeconds"] = *toleration.seconds;
    json.push_back(std::move(one));
  }
  return json;
}

// Over nodes and zones, where there are several. Pods of the version that is being replaced don't count.
Json Spread(const PlanContext& context) {
  Json json = Json::array();
  for (const char* key : {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}) {
    json.push_back({{"topologyKey", key},
                    {"maxSkew", 1},
                    {"whenUnsatisfiable", "ScheduleAnyway"},
                    {"matchLabelKeys", Json::array({"pod-template-hash"})},
                    {"labelSelector", {{"matchLabels", context.Selector()}}}});
  }
  return json;
}

void AddPlacement(const PlanContext& context, Json* pod) {
  const DataPlaneConfig::Spec& config = context.config;
  if (!config.node_selector.empty()) (*pod)["nodeSelector"] = Quantities(config.node_selector);
  if (!config.tolerations.empty()) (*pod)["tolerations"] = Tolerations(config);
  if (!config.affinity.empty()) (*pod)["affinity"] = Json::parse(config.affinity, nullptr, false);
  if (config.priority_class_name.has_value()) (*pod)["priorityClassName"] = *config.priority_class_name;
  for (const std::string& secret : config.image_pull_secrets) (*pod)["imagePullSecrets"].push_back({{"name", secret}});
  (*pod)["topologySpreadConstraints"] = Spread(context);
}

Json PodSecurity(const ProvisionOptions& options) {
  Json json = {{"runAsNonRoot", true},
               {"seccompProfile", {{"type", "RuntimeDefault"}}},
               // One of the safe ones: ports below 1024 without any capability.
               {"sysctls", Json::array({{{"name", "net.ipv4.ip_unprivileged_port_start"}, {"value", "0"}}})}};
  if (options.run_as_user.has_value()) {
    json["runAsUser"] = *options.run_as_user;
    json["runAsGroup"] = *options.run_as_user;
  }
  return json;
}

Json PodSpec(const PlanContext& context) {
  const int drain = context.config.drain_seconds.value_or(kDefaultDrainSeconds);
  Json pod = {{"serviceAccountName", context.name},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"terminationGracePeriodSeconds", kPreStopSeconds + drain + kEndSeconds},
              {"securityContext", PodSecurity(context.options)},
              {"containers", Json::array({Container(context)})},
              {"volumes", Volumes(context)}};
  AddPlacement(context, &pod);
  return pod;
}

}  // namespace

Json DeploymentSpec(const PlanContext& context) {
  Json spec = Json::object();
  // Without, what the autoscaler has set stays.
  if (!context.config.autoscaling.has_value()) spec["replicas"] = context.config.replicas.value_or(1);
  spec["revisionHistoryLimit"] = 3;
  spec["selector"] = {{"matchLabels", context.Selector()}};
  spec["strategy"] = {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", "25%"}}}};
  Json metadata = {{"labels", context.Labels()}};
  if (Json annotations = context.Annotations(); !annotations.empty()) metadata["annotations"] = std::move(annotations);
  spec["template"] = {{"metadata", std::move(metadata)}, {"spec", PodSpec(context)}};
  return spec;
}

}  // namespace portreeve::provision
