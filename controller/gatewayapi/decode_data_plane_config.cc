// DataPlaneConfig, with the rules that its CRD has.
#include <algorithm>
#include <charconv>
#include <utility>

#include "controller/gatewayapi/decode_kinds.h"
#include "controller/gatewayapi/json_tree.h"

namespace portreeve::gatewayapi {
namespace {

// "500m", "1.5", "64Mi", "1e3"
bool IsQuantity(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  if (number.empty() || std::ranges::count(number, '.') > 1 || number == ".") return false;
  if (digits == std::string_view::npos) return true;
  std::string_view suffix = text.substr(digits);
  static constexpr std::string_view kSuffixes[] = {"n", "u",  "m",  "k",  "M",  "G",  "T", "P",
                                                   "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  if (std::ranges::find(kSuffixes, suffix) != std::end(kSuffixes)) return true;
  if (suffix.front() != 'e' && suffix.front() != 'E') return false;
  suffix.remove_prefix(1);
  if (!suffix.empty() && (suffix.front() == '-' || suffix.front() == '+')) suffix.remove_prefix(1);
  return !suffix.empty() && suffix.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsCidr(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const bool v6 = IsIPv6(address);
  if (!v6 && !IsIPv4(address)) return false;
  if (slash == std::string_view::npos) return true;
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  return error == std::errc() && end == digits.data() + digits.size() && bits <= (v6 ? 128U : 32U);
}

const TextRule kQuantity{IsQuantity, "must be a quantity", "write it as in \"500m\" or \"64Mi\"", 1, 64};
const TextRule kCidr{IsCidr, "must be an address range", "write it as in \"192.0.2.0/24\"", 1, 64};
const TextRule kLabelKey{IsQualifiedName, "must be of the form name or domain/name", "rename it", 1, 317};
const TextRule kLabelValue{IsLabelValue, "must be a label value", "shorten or rename it", 0, 63};
const TextRule kOptionalLabelKey{[](std::string_view text) { return text.empty() || IsQualifiedName(text); },
                                 kLabelKey.must, kLabelKey.remedy, 0, 317};
constexpr int64_t kMaxReplicas = 1000;
constexpr size_t kMaxResources = 16;

void ReadAutoscaling(const Place& place, DataPlaneAutoscaling* out) {
  Fields fields(place);
  fields.Integer("minReplicas", 1, kMaxReplicas, &out->min_replicas);
  fields.RequireInteger("maxReplicas", 1, kMaxReplicas, &out->max_replicas);
  fields.Integer("targetCPUUtilizationPercentage", 1, 1000, &out->target_cpu_percent);
  fields.Done();
  if (out->max_replicas < out->min_replicas) {
    place.RefuseField("maxReplicas", "must not be less than minReplicas", "raise it");
  }
}

// A number is a quantity, too: {"cpu": 2}.
void ReadQuantities(Fields& fields, std::string_view name, std::map<std::string, std::string>* out) {
  std::optional<Place> map = fields.Find(name);
  if (!map) return;
  const YamlNode& node = map->node();
  if (node.kind != YamlNode::Kind::kMapping || node.keys.size() > kMaxResources) {
    map->Refuse(Concat({"must be a mapping of at most ", std::to_string(kMaxResources), " quantities"}),
                "write it as in {cpu: 500m, memory: 64Mi}");
    return;
  }
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const std::string& key = node.keys[i].text;
    const Place place(*map, key, node.items[i]);
    std::string value;
    if (!IsQualifiedName(key)) {
      place.Refuse("must be under the name of a resource", "write cpu or memory");
    } else if (node.items[i].kind == YamlNode::Kind::kScalar && IsQuantity(node.items[i].text)) {
      (*out)[key] = node.items[i].text;
    } else if (place.Text(kQuantity, &value)) {
      (*out)[key] = std::move(value);
    }
  }
}

void ReadResources(const Place& place, DataPlaneConfig::Resources* out) {
  Fields fields(place);
  ReadQuantities(fields, "requests", &out->requests);
  ReadQuantities(fields, "limits", &out->limits);
  fields.Done();
}

void ReadService(const Place& place, DataPlaneConfig::Service* out) {
  Fields fields(place);
  fields.Word("type", {"LoadBalancer", "NodePort", "ClusterIP"}, &out->type);
  fields.Text("loadBalancerClass", kLabelKey, &out->load_balancer_class);
  fields.Word("externalTrafficPolicy", {"Cluster", "Local"}, &out->external_traffic_policy);
  fields.TextList("loadBalancerSourceRanges", kCidr, 64, true, &out->load_balancer_source_ranges);
  fields.Done();
  const std::string type = out->type.value_or("LoadBalancer");
  if (type != "LoadBalancer" && (out->load_balancer_class || !out->load_balancer_source_ranges.empty())) {
    place.RefuseField("type", "must be LoadBalancer with loadBalancerClass and loadBalancerSourceRanges",
                      "remove them or change the type");
  }
  if (type == "ClusterIP" && out->external_traffic_policy) {
    place.RefuseField("externalTrafficPolicy", "must not be set for type ClusterIP", "remove it or change the type");
  }
}

void ReadToleration(const Place& place, DataPlaneConfig::Toleration* out) {
  Fields fields(place);
  fields.Text("key", kOptionalLabelKey, &out->key);
  fields.Word("operator", {"Equal", "Exists"}, &out->op);
  fields.Text("value", kLabelValue, &out->value);
  fields.Word("effect", {"NoSchedule", "PreferNoSchedule", "NoExecute"}, &out->effect);
  fields.Integer("tolerationSeconds", std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                 &out->seconds);
  fields.Done();
  if (out->op == "Exists" && !out->value.value_or("").empty()) {
    place.RefuseField("value", "must be empty for operator Exists", "remove it");
  }
}

// The API server judges what is in it, when the Deployment is applied.
void ReadAffinity(const Place& place, std::string* out) {
  if (place.node().kind != YamlNode::Kind::kMapping) {
    place.Refuse("must be a mapping", "write nodeAffinity, podAffinity or podAntiAffinity below it");
    return;
  }
  *out = ToJson(place.node());
}

void ReadPullSecret(const Place& place, std::string* out) {
  Fields fields(place);
  fields.RequireText("name", kReferencedName, out);
  fields.Done();
}

void ReadSpec(const Place& place, DataPlaneConfig::Spec* out) {
  Fields fields(place);
  fields.Integer("replicas", 0, kMaxReplicas, &out->replicas);
  fields.Struct("autoscaling", &out->autoscaling, ReadAutoscaling);
  fields.Struct("resources", &out->resources, ReadResources);
  fields.Struct("service", &out->service, ReadService);
  fields.TextMap("nodeSelector", kLabelKey, kLabelValue, 64, &out->node_selector);
  fields.List("tolerations", 0, 64, &out->tolerations, ReadToleration);
  fields.Struct("affinity", &out->affinity, ReadAffinity);
  fields.Text("priorityClassName", kReferencedName, &out->priority_class_name);
  fields.List("imagePullSecrets", 0, 16, &out->image_pull_secrets, ReadPullSecret);
  fields.Word("logLevel", {"debug", "info", "warning", "error"}, &out->log_level);
  fields.Boolean("accessLog", &out->access_log);
  fields.Integer("workers", 1, 1024, &out->workers);
  fields.Integer("drainSeconds", 0, 86400, &out->drain_seconds);
  fields.TextList("trustedProxies", kCidr, 64, true, &out->trusted_proxies);
  fields.Done();
  if (out->replicas && out->autoscaling) {
    place.RefuseField("replicas", "must not be set beside autoscaling", "remove one of the two");
  }
}

}  // namespace

std::shared_ptr<const DataPlaneConfig> DecodeDataPlaneConfig(Fields& top, ObjectMeta meta) {
  auto object = std::make_shared<DataPlaneConfig>();
  object->metadata = std::move(meta);
  top.Struct("spec", &object->spec, ReadSpec);
  top.Ignore({"status"});
  top.Done();
  return object;
}

}  // namespace portreeve::gatewayapi
