#include <catch2/catch.hpp>
#include <string>

#include "controller/gatewayapi/decode.h"

namespace portreeve::gatewayapi {
namespace {

DecodeResult Decode(const std::string& spec) {
  return DecodeDocuments(
      "apiVersion: portreeve.dev/v1alpha1\nkind: DataPlaneConfig\nmetadata: {name: c, namespace: ns}\n" +
          (spec.empty() ? spec : "spec: " + spec + "\n"),
      "config.yaml");
}

DataPlaneConfig::Spec DecodeSpec(const std::string& spec) {
  const DecodeResult result = Decode(spec);
  for (const Problem& problem : result.problems) FAIL(problem.ToString());
  REQUIRE(result.objects.size() == 1);
  CHECK(result.objects[0].key.ToString() == "DataPlaneConfig ns/c");
  return std::get<Ptr<DataPlaneConfig>>(result.objects[0].object)->spec;
}

TEST_CASE("DataPlaneConfig without anything has no opinion") {
  CHECK(DecodeSpec("") == DataPlaneConfig::Spec());
  CHECK(DecodeSpec("{}") == DataPlaneConfig::Spec());
}

TEST_CASE("DataPlaneConfig in full") {
  const DataPlaneConfig::Spec spec = DecodeSpec(R"(
  replicas: 3
  resources: {requests: {cpu: 2, memory: 64Mi, example.com/device: "1"}, limits: {cpu: 1500m}}
  service: {type: LoadBalancer, loadBalancerClass: a.example.com/b, externalTrafficPolicy: Local,
            loadBalancerSourceRanges: [192.0.2.0/24]}
  nodeSelector: {a: "1"}
  tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: 5}, {}]
  affinity: {podAntiAffinity: {list: [1, -2, 007, true, "true", ~, "q\"\\\n"]}}
  priorityClassName: high
  imagePullSecrets: [{name: registry}]
  logLevel: debug
  accessLog: false
  workers: 8
  drainSeconds: 0
  trustedProxies: ["2001:db8::/32", 192.0.2.1])");
  CHECK(spec.replicas == 3);
  CHECK(spec.resources->requests ==
        std::map<std::string, std::string>{{"cpu", "2"}, {"memory", "64Mi"}, {"example.com/device", "1"}});
  CHECK(spec.resources->limits.at("cpu") == "1500m");
  CHECK(spec.service->load_balancer_class == "a.example.com/b");
  CHECK(spec.service->external_traffic_policy == "Local");
  CHECK(spec.node_selector.at("a") == "1");
  REQUIRE(spec.tolerations.size() == 2);
  CHECK(spec.tolerations[0].op == "Exists");
  CHECK(spec.tolerations[0].seconds == 5);
  CHECK(spec.affinity == R"({"podAntiAffinity":{"list":[1,-2,"007",true,"true",null,"q\"\\\n"]}})");
  CHECK(spec.priority_class_name == "high");
  CHECK(spec.image_pull_secrets == std::vector<std::string>{"registry"});
  CHECK(spec.log_level == "debug");
  CHECK(spec.access_log == false);
  CHECK(spec.workers == 8);
  CHECK(spec.drain_seconds == 0);
  CHECK(spec.trusted_proxies.size() == 2);
  const DataPlaneConfig::Spec scaled = DecodeSpec("{autoscaling: {maxReplicas: 5}}");
  CHECK(scaled.autoscaling == DataPlaneAutoscaling{1, 5, 80});
}

TEST_CASE("DataPlaneConfig refuses what its CRD refuses") {
  const struct {
    const char* spec;
    const char* problem;
  } cases[] = {
      {"{replicas: -1}", "spec.replicas"},
      {"{replicas: 1, autoscaling: {maxReplicas: 2}}", "spec.replicas: must not be set beside autoscaling"},
      {"{autoscaling: {}}", "spec.autoscaling.maxReplicas"},
      {"{autoscaling: {minReplicas: 3, maxReplicas: 2}}", "maxReplicas: must not be less than minReplicas"},
      {"{resources: {requests: {cpu: much}}}", "spec.resources.requests.cpu: must be a quantity"},
      {"{resources: {requests: {cpu: -1}}}", "spec.resources.requests.cpu"},
      {"{resources: {limits: {cpu: [1]}}}", "spec.resources.limits.cpu"},
      {"{resources: {limits: 1}}", "spec.resources.limits: must be a mapping"},
      {"{resources: {limits: {\"c p u\": 1}}}", "must be under the name of a resource"},
      {"{service: {type: ExternalName}}", "spec.service.type"},
      {"{service: {type: ClusterIP, loadBalancerClass: a}}", "spec.service.type: must be LoadBalancer"},
      {"{service: {type: ClusterIP, externalTrafficPolicy: Local}}", "spec.service.externalTrafficPolicy"},
      {"{service: {loadBalancerSourceRanges: [192.0.2.0/33]}}", "must be an address range"},
      {"{trustedProxies: [everybody]}", "spec.trustedProxies[0]: must be an address range"},
      {"{tolerations: [{operator: Exists, value: x}]}", "spec.tolerations[0].value"},
      {"{tolerations: [{effect: Never}]}", "spec.tolerations[0].effect"},
      {"{affinity: [1]}", "spec.affinity: must be a mapping"},
      {"{logLevel: loud}", "spec.logLevel"},
      {"{workers: 0}", "spec.workers"},
      {"{drainSeconds: 100000}", "spec.drainSeconds"},
      {"{imagePullSecrets: [{}]}", "spec.imagePullSecrets[0].name"},
      {"{replica: 1}", "spec.replica"},
  };
  for (const auto& one : cases) {
    INFO(one.spec);
    const DecodeResult result = Decode(one.spec);
    REQUIRE(result.problems.size() >= 1);
    CHECK(result.objects.empty());
    INFO(result.problems[0].ToString());
    CHECK(result.problems[0].ToString().find(one.problem) != std::string::npos);
  }
}

TEST_CASE("DataPlaneConfig is served in its own version only") {
  const DecodeResult result =
      DecodeDocuments("apiVersion: portreeve.dev/v1\nkind: DataPlaneConfig\nmetadata: {name: c}\n", "config.yaml");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].ToString().find("write portreeve.dev/v1alpha1") != std::string::npos);
}

}  // namespace
}  // namespace portreeve::gatewayapi
