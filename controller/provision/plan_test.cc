// testdata/NAME.in.yaml is a Gateway with what belongs to it, testdata/NAME.out.json the plan for it. UPDATE_GOLDEN=1
// writes the outputs anew: read each against the rule that the input's first line names before it is kept.
#include "controller/provision/plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "controller/gatewayapi/decode.h"
#include "controller/provision/effective_config.h"
#include "controller/provision/names.h"
#include "controller/store/cluster_state.h"

namespace portreeve::provision {
namespace {

namespace fs = std::filesystem;
using gatewayapi::DataPlaneConfig;
using gatewayapi::Gateway;
using Json = nlohmann::ordered_json;

const fs::path kTestdata = fs::path(PORTREEVE_SOURCE_DIR) / "controller/provision/testdata";

ProvisionOptions Options() {
  ProvisionOptions options;
  options.controller = "portreeve-controller.portreeve-system.svc:18000";
  options.image = "portreeve-dataplane:0.1.0";
  return options;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Names() {
  constexpr std::string_view kSuffix = ".in.yaml";
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kTestdata)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(kSuffix)) names.push_back(file.substr(0, file.size() - kSuffix.size()));
  }
  std::ranges::sort(names);
  return names;
}

std::shared_ptr<const store::ClusterState> Decode(const std::string& text) {
  const gatewayapi::DecodeResult decoded = gatewayapi::DecodeDocuments(text, "in.yaml");
  for (const gatewayapi::Problem& problem : decoded.problems) FAIL(problem.ToString());
  std::vector<gatewayapi::Object> objects;
  for (const gatewayapi::DecodedObject& object : decoded.objects) objects.push_back(object.object);
  return store::ClusterState::Of(objects);
}

std::vector<PlannedObject> PlanOf(const std::string& text, const ProvisionOptions& options = Options()) {
  const auto state = Decode(text);
  REQUIRE(state->All<Gateway>().size() == 1);
  const Gateway& gateway = **state->All<Gateway>().begin();
  std::set<std::uint16_t> ports;
  for (const gatewayapi::Listener& listener : gateway.spec.listeners) ports.insert(listener.port);
  const auto config = EffectiveConfig(*state, gateway);
  REQUIRE(config.has_value());
  return Plan(gateway, *config, ports, options);
}

const PlannedObject& Find(const std::vector<PlannedObject>& plan, ObjectKind kind) {
  const auto found = std::ranges::find(plan, kind, &PlannedObject::kind);
  REQUIRE(found != plan.end());
  return *found;
}

constexpr const char* kPlain = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve}
spec: {controllerName: portreeve.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: ns, uid: gw-uid}
spec:
  gatewayClassName: portreeve
  listeners:
  - {name: http, port: 80, protocol: HTTP}
)";

TEST_CASE("golden files") {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  CHECK(Names().size() >= 5);
  for (const std::string& name : Names()) {
    DYNAMIC_SECTION(name) {
      const std::string text = ReadFile(kTestdata / (name + ".in.yaml"));
      REQUIRE(text.starts_with("# "));
      Json got = Json::array();
      for (const PlannedObject& object : PlanOf(text)) got.push_back(Json::parse(object.json));
      const fs::path path = kTestdata / (name + ".out.json");
      if (update) std::ofstream(path, std::ios::binary) << got.dump(2) << "\n";
      CHECK(got.dump(2) + "\n" == ReadFile(path));
    }
  }
}

TEST_CASE("a listener's port changes the Service and nothing else") {
  std::string changed = kPlain;
  changed.replace(changed.find("port: 80"), 8, "port: 81");
  const auto before = PlanOf(kPlain);
  const auto after = PlanOf(changed);
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK((before[i].json == after[i].json) == (before[i].kind != ObjectKind::kService));
  }
}

TEST_CASE("the admin port makes way for a listener") {
  std::string changed = kPlain;
  changed.replace(changed.find("port: 80"), 8, "port: 19001");
  const Json deployment = Json::parse(Find(PlanOf(changed), ObjectKind::kDeployment).json);
  CHECK(deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 19002);
}

TEST_CASE("the hash is of the content") {
  const auto a = PlanOf(kPlain);
  ProvisionOptions options = Options();
  options.image = "another";
  const auto b = PlanOf(kPlain, options);
  CHECK(Find(a, ObjectKind::kService) == Find(b, ObjectKind::kService));
  CHECK(Find(a, ObjectKind::kDeployment).hash != Find(b, ObjectKind::kDeployment).hash);
  CHECK(Json::parse(a[0].json)["metadata"]["annotations"]["portreeve.dev/planned"] == a[0].hash);
}

TEST_CASE("each address has a Service of its own") {
  const auto services = [](const std::string& addresses) {
    std::vector<std::pair<std::string, std::string>> found;
    for (const PlannedObject& object : PlanOf(kPlain + ("  addresses: " + addresses + "\n"))) {
      if (object.kind == ObjectKind::kService) {
        found.emplace_back(object.name, Json::parse(object.json)["spec"].value("loadBalancerIP", ""));
      }
    }
    return found;
  };
  const std::string a = "edge-portreeve-" + ShortHash("192.0.2.1");
  const std::string b = "edge-portreeve-" + ShortHash("192.0.2.2");
  using Services = std::vector<std::pair<std::string, std::string>>;
  CHECK(services("[]") == Services{{"edge-portreeve", ""}});
  CHECK(services("[{type: IPAddress}]") == Services{{"edge-portreeve", ""}});
  CHECK(services("[{value: 192.0.2.1}]") == Services{{a, "192.0.2.1"}});
  // The place in the list doesn't matter.
  CHECK(services("[{value: 192.0.2.2}, {value: 192.0.2.1}]") == Services{{b, "192.0.2.2"}, {a, "192.0.2.1"}});
  CHECK(services("[{}, {value: 192.0.2.1}, {}]") ==
        Services{{"edge-portreeve", ""}, {a, "192.0.2.1"}, {"edge-portreeve-2", ""}});
}

TEST_CASE("a CPU limit bounds the threads") {
  const auto workers = [](const std::string& limit) {
    const std::string config = R"(
---
apiVersion: portreeve.dev/v1alpha1
kind: DataPlaneConfig
metadata: {name: c, namespace: ns}
spec: {resources: {limits: {cpu: )" +
                               limit + "}}}\n";
    const std::string reference =
        "  infrastructure: {parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: c}}\n";
    const Json deployment = Json::parse(Find(PlanOf(kPlain + reference + config), ObjectKind::kDeployment).json);
    for (const Json& argument : deployment["spec"]["template"]["spec"]["containers"][0]["args"]) {
      const std::string text = argument;
      if (text.starts_with("--workers=")) return text.substr(10);
    }
    return std::string("none");
  };
  CHECK(workers("500m") == "1");
  CHECK(workers("1500m") == "2");
  CHECK(workers("2") == "2");
  CHECK(workers("\"2.5\"") == "3");
  CHECK(workers("1k") == "none");
}

TEST_CASE("fields of the Gateway's config take the place of the class's") {
  DataPlaneConfig::Spec under;
  under.replicas = 3;
  under.log_level = "debug";
  under.node_selector = {{"a", "1"}};
  DataPlaneConfig::Spec over;
  over.autoscaling = gatewayapi::DataPlaneAutoscaling{1, 5, 80};
  over.node_selector = {{"b", "2"}};
  const DataPlaneConfig::Spec merged = Merge(over, under);
  CHECK_FALSE(merged.replicas.has_value());
  CHECK(merged.autoscaling == over.autoscaling);
  CHECK(merged.log_level == "debug");
  CHECK(merged.node_selector == over.node_selector);
}

TEST_CASE("a parametersRef to nothing is no config") {
  for (const char* reference :
       {"{group: portreeve.dev, kind: DataPlaneConfig, name: ghost}",
        "{group: example.com, kind: DataPlaneConfig, name: c}", "{group: portreeve.dev, kind: Ghost, name: c}"}) {
    const auto state = Decode(kPlain + std::string("  infrastructure: {parametersRef: ") + reference + "}\n");
    CHECK_FALSE(EffectiveConfig(*state, **state->All<Gateway>().begin()).has_value());
  }
}

TEST_CASE("collections") {
  CHECK(CollectionPath(ObjectKind::kService, "ns") == "/api/v1/namespaces/ns/services");
  CHECK(CollectionPath(ObjectKind::kDeployment, "") == "/apis/apps/v1/deployments");
  for (const ObjectKind kind : kAllObjectKinds) CHECK(ObjectKindFromName(ToString(kind)) == kind);
  CHECK_FALSE(ObjectKindFromName("Pod").has_value());
}

}  // namespace
}  // namespace portreeve::provision
