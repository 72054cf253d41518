#include "controller/provision/plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "controller/gatewayapi/types.h"
#include "controller/provision/names.h"
#include "controller/provision/plan_parts.h"

namespace portreeve::provision {
namespace {

using gatewayapi::DataPlaneConfig;
using gatewayapi::Gateway;

struct KindEntry {
  ObjectKind kind;
  std::string_view name;
  std::string_view api_version;
  std::string_view plural;
};

constexpr KindEntry kKinds[] = {
    {ObjectKind::kServiceAccount, "ServiceAccount", "v1", "serviceaccounts"},
    {ObjectKind::kDeployment, "Deployment", "apps/v1", "deployments"},
    {ObjectKind::kService, "Service", "v1", "services"},
    {ObjectKind::kPodDisruptionBudget, "PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"},
    {ObjectKind::kHorizontalPodAutoscaler, "HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"},
};

const KindEntry& Entry(ObjectKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

Json TextMap(const std::map<std::string, std::string>& map) {
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

PlannedObject MakeObject(const PlanContext& context, ObjectKind kind, std::string name, Json content) {
  const gatewayapi::ObjectMeta& owner = context.gateway.metadata;
  Json json = {{"apiVersion", ApiVersionOf(kind)},
               {"kind", ToString(kind)},
               {"metadata",
                {{"name", name},
                 {"namespace", owner.namespace_},
                 {"labels", context.Labels()},
                 {"annotations", context.Annotations()},
                 {"ownerReferences", Json::array({{{"apiVersion", gatewayapi::ApiVersionOf(gatewayapi::Kind::kGateway)},
                                                   {"kind", "Gateway"},
                                                   {"name", owner.name},
                                                   {"uid", owner.uid},
                                                   {"controller", true}}})}}}};
  json.update(content);
  PlannedObject object;
  object.kind = kind;
  object.name = std::move(name);
  object.hash = ShortHash(Dump(json));
  json["metadata"]["annotations"][std::string(kPlannedAnnotation)] = object.hash;
  object.json = Dump(json);
  return object;
}

Json ServiceSpec(const PlanContext& context, const std::string& address) {
  const DataPlaneConfig::Service config = context.config.service.value_or(DataPlaneConfig::Service());
  const std::string type = config.type.value_or("LoadBalancer");
  Json spec = {{"type", type}, {"selector", context.Selector()}, {"ports", Json::array()}};
  for (const std::uint16_t port : context.ports) {
    spec["ports"].push_back(
        {{"name", "port-" + std::to_string(port)}, {"protocol", "TCP"}, {"port", port}, {"targetPort", port}});
  }
  if (config.load_balancer_class.has_value()) spec["loadBalancerClass"] = *config.load_balancer_class;
  if (config.external_traffic_policy.has_value()) spec["externalTrafficPolicy"] = *config.external_traffic_policy;
  if (!config.load_balancer_source_ranges.empty()) {
    spec["loadBalancerSourceRanges"] = config.load_balancer_source_ranges;
  }
  if (!address.empty()) spec[type == "LoadBalancer" ? "loadBalancerIP" : "clusterIP"] = address;
  return spec;
}

void AddService(const PlanContext& context, std::string name, std::optional<std::size_t> index,
                const std::string& address, std::vector<PlannedObject>* plan) {
  PlannedObject service =
      MakeObject(context, ObjectKind::kService, std::move(name), {{"spec", ServiceSpec(context, address)}});
  service.address_index = index;
  service.address = address;
  plan->push_back(std::move(service));
}

void AddServices(const PlanContext& context, std::vector<PlannedObject>* plan) {
  const auto& addresses = context.gateway.spec.addresses;
  if (addresses.empty()) return AddService(context, context.name, std::nullopt, "", plan);
  std::size_t without_value = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string value = addresses[i].value.value_or("");
    if (!value.empty()) {
      AddService(context, WithSuffix(context.name, ShortHash(value)), i, value, plan);
    } else if (++without_value == 1) {
      AddService(context, context.name, i, "", plan);
    } else {
      AddService(context, WithSuffix(context.name, std::to_string(without_value)), i, "", plan);
    }
  }
}

Json AutoscalerSpec(const PlanContext& context) {
  const gatewayapi::DataPlaneAutoscaling& config = *context.config.autoscaling;
  const Json target = {{"type", "Utilization"}, {"averageUtilization", config.target_cpu_percent}};
  return {{"scaleTargetRef",
           {{"apiVersion", ApiVersionOf(ObjectKind::kDeployment)},
            {"kind", ToString(ObjectKind::kDeployment)},
            {"name", context.name}}},
          {"minReplicas", config.min_replicas},
          {"maxReplicas", config.max_replicas},
          {"metrics", Json::array({{{"type", "Resource"}, {"resource", {{"name", "cpu"}, {"target", target}}}}})}};
}

}  // namespace

std::string_view ToString(ObjectKind kind) {
  return Entry(kind).name;
}

std::optional<ObjectKind> ObjectKindFromName(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &KindEntry::name);
  if (found == std::end(kKinds)) return std::nullopt;
  return found->kind;
}

std::string_view ApiVersionOf(ObjectKind kind) {
  return Entry(kind).api_version;
}

std::string CollectionPath(ObjectKind kind, std::string_view ns) {
  const KindEntry& entry = Entry(kind);
  std::string path = entry.api_version == "v1" ? "/api/" : "/apis/";
  path += entry.api_version;
  if (!ns.empty()) {
    path += "/namespaces/";
    path += ns;
  }
  path += '/';
  path += entry.plural;
  return path;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json PlanContext::Selector() const {
  return {{"app.kubernetes.io/component", "dataplane"},
          {std::string(kGatewayLabel), LabelValue(gateway.metadata.name)}};
}

Json PlanContext::Labels() const {
  Json labels = Json::object();
  if (gateway.spec.infrastructure.has_value()) labels = TextMap(gateway.spec.infrastructure->labels);
  labels["app.kubernetes.io/name"] = "portreeve";
  labels["app.kubernetes.io/instance"] = name;
  labels[std::string(kManagedByLabel)] = kManagedBy;
  labels[std::string(kClassLabel)] = LabelValue(gateway.spec.gateway_class_name);
  labels.update(Selector());
  return labels;
}

Json PlanContext::Annotations() const {
  return gateway.spec.infrastructure.has_value() ? TextMap(gateway.spec.infrastructure->annotations) : Json::object();
}

std::vector<PlannedObject> Plan(const Gateway& gateway, const DataPlaneConfig::Spec& config,
                                const std::set<std::uint16_t>& ports, const ProvisionOptions& options) {
  const PlanContext context{gateway, config, ports, options,
                            ObjectName(gateway.metadata.name, gateway.spec.gateway_class_name)};
  const std::string& name = context.name;
  std::vector<PlannedObject> plan;
  // Pods have a token of their own, for the controller; none for the API server.
  plan.push_back(MakeObject(context, ObjectKind::kServiceAccount, name, {{"automountServiceAccountToken", false}}));
  plan.push_back(MakeObject(context, ObjectKind::kDeployment, name, {{"spec", DeploymentSpec(context)}}));
  plan.back().autoscaling = config.autoscaling;
  AddServices(context, &plan);
  // One at a time, however many there are: with one alone, a node can still be emptied.
  plan.push_back(MakeObject(context, ObjectKind::kPodDisruptionBudget, name,
                            {{"spec",
                              {{"maxUnavailable", 1},
                               {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
                               {"selector", {{"matchLabels", context.Selector()}}}}}}));
  if (config.autoscaling.has_value()) {
    plan.push_back(
        MakeObject(context, ObjectKind::kHorizontalPodAutoscaler, name, {{"spec", AutoscalerSpec(context)}}));
  }
  return plan;
}

}  // namespace portreeve::provision
