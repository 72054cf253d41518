#include "controller/provision/provisioner.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "controller/gatewayapi/decode.h"
#include "controller/provision/test_cluster.h"
#include "controller/store/resource_store.h"

namespace portreeve::provision {
namespace {

using testing::TestCluster;
using Json = nlohmann::ordered_json;
using Answer = std::optional<absl::StatusOr<kube::ApiResponse>>;

constexpr const char* kClass = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve}
spec: {controllerName: portreeve.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other}
spec: {controllerName: example.com/other}
)";

std::string Gateway(const std::string& name, int port = 80, const std::string& more = "",
                    const std::string& gateway_class = "portreeve") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: " + name +
         ", namespace: ns, uid: " + name + "-uid}\nspec:\n  gatewayClassName: " + gateway_class +
         "\n  listeners: [{name: http, protocol: HTTP, port: " + std::to_string(port) + "}]\n" + more;
}

constexpr const char* kServiceAccount = "/api/v1/namespaces/ns/serviceaccounts/edge-portreeve";
constexpr const char* kService = "/api/v1/namespaces/ns/services/edge-portreeve";
constexpr const char* kDeployment = "/apis/apps/v1/namespaces/ns/deployments/edge-portreeve";
constexpr const char* kBudget = "/apis/policy/v1/namespaces/ns/poddisruptionbudgets/edge-portreeve";
constexpr const char* kScaler = "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers/edge-portreeve";

// The controller without its sources: objects go into a store, and the watch on what is provisioned is moved by hand.
class Rig {
 public:
  // `watched`: the watches have told of all that there is.
  explicit Rig(bool watched = true) {
    Provisioner::Options options;
    options.plan.controller = "controller:18000";
    options.plan.image = "dataplane";
    options.leader = [this] { return leading.load(); };
    options.placed = [this](const std::string& gateway, const Placement& placement) {
      std::lock_guard lock(mutex_);
      placements_[gateway] = placement;
    };
    options.unplaced = [this](const std::string& gateway) {
      std::lock_guard lock(mutex_);
      placements_.erase(gateway);
    };
    options.wall_clock = [this] { return now.load(); };
    options.first_retry = std::chrono::milliseconds(1);
    options.first_repair = std::chrono::milliseconds(1);
    provisioner_ = std::make_unique<Provisioner>(cluster, options);
    if (watched) {
      for (const ObjectKind kind : kAllObjectKinds) provisioner_->ObservedAll(kind);
    }
  }

  Provisioner& provisioner() { return *provisioner_; }

  void Apply(const std::string& text) {
    const gatewayapi::DecodeResult decoded = gatewayapi::DecodeDocuments(text, "objects.yaml");
    for (const gatewayapi::Problem& problem : decoded.problems) FAIL(problem.ToString());
    for (const gatewayapi::DecodedObject& object : decoded.objects) store_.Put(object.object);
    Submit();
  }
  void Delete(const std::string& gateway) {
    store_.Delete({gatewayapi::Kind::kGateway, "ns", gateway});
    Submit();
  }
  void Submit() {
    const auto state = store_.Snapshot();
    auto statuses = std::make_shared<Provisioner::Statuses>();
    for (translate::ObjectStatus one : translator_.Translate(*state).statuses) {
      if (accept_all) Accept(&one);
      statuses->Put(std::move(one));
    }
    provisioner_->Submit(state, std::move(statuses));
  }
  // The watch tells of the object as it is.
  void Watch(ObjectKind kind, const std::string& path) {
    const Json object = cluster.Object(path);
    if (object.is_null()) {
      provisioner_->ObserveGone(kind, "ns", path.substr(path.rfind('/') + 1));
    } else {
      provisioner_->Observe(kind, *ReadObserved(object.dump()));
    }
  }
  void Ingress(const std::string& path, const std::string& ip) {
    cluster.Change(path, {{"status", {{"loadBalancer", {{"ingress", Json::array({{{"ip", ip}}})}}}}}});
    Watch(ObjectKind::kService, path);
  }

  // "192.0.2.1", or the reason of the problem.
  std::string Placed(const std::string& gateway) const {
    std::lock_guard lock(mutex_);
    const auto found = placements_.find(gateway);
    if (found == placements_.end()) return "unknown";
    if (found->second.problem.has_value()) return found->second.problem->reason;
    return found->second.addresses.empty() ? "nowhere" : *found->second.addresses[0].value;
  }
  std::string Problem(const std::string& gateway) const {
    std::lock_guard lock(mutex_);
    const auto found = placements_.find(gateway);
    return found == placements_.end() || !found->second.problem ? "" : found->second.problem->message;
  }
  bool Await(const std::function<bool()>& done) const { return cluster.WaitFor(done); }
  // Another Gateway, whose objects come after all that was to be done before.
  void Settle() {
    const std::string name = "marker" + std::to_string(++markers_);
    Apply(Gateway(name));
    REQUIRE(Await([&] {
      return !cluster.Object("/apis/policy/v1/namespaces/ns/poddisruptionbudgets/" + name + "-portreeve").is_null();
    }));
  }

  TestCluster cluster;
  // Whatever a translation says.
  bool accept_all = false;
  std::atomic<bool> leading = true;
  std::atomic<std::int64_t> now = 1'700'000'000;

 private:
  static void Accept(translate::ObjectStatus* status) {
    if (status->gateway == nullptr) return;
    auto accepted = std::make_shared<gatewayapi::GatewayStatus>(*status->gateway);
    for (gatewayapi::Condition& condition : accepted->conditions) condition.status = "True";
    for (gatewayapi::ListenerStatus& listener : accepted->listeners) {
      for (gatewayapi::Condition& condition : listener.conditions) condition.status = "True";
    }
    status->gateway = std::move(accepted);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Placement> placements_;
  store::ResourceStore store_;
  translate::Translator translator_{{.allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true}};
  std::unique_ptr<Provisioner> provisioner_;
  int markers_ = 0;
};

TEST_CASE("a Gateway gets what it needs, and its address is known once it has one") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kBudget).is_null(); }));
  CHECK(rig.cluster.paths().size() == 4);
  CHECK(rig.cluster.requests()[0] == std::string("PATCH ") + kServiceAccount);
  CHECK(rig.cluster.requests().size() == 4);
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotAssigned"; }));
  rig.Ingress(kService, "192.0.2.1");
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "192.0.2.1"; }));
  CHECK(rig.provisioner().GatewayOf("ns", "edge-portreeve") == "ns/edge");
  CHECK_FALSE(rig.provisioner().GatewayOf("other", "edge-portreeve").has_value());
  rig.Delete("edge");
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "unknown"; }));
  CHECK_FALSE(rig.provisioner().GatewayOf("ns", "edge-portreeve").has_value());
  // Its owner is gone: the API server collects it.
  CHECK(rig.cluster.Count("DELETE") == 0);
}

TEST_CASE("what is as planned costs no request") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  const std::size_t before = rig.cluster.requests().size();
  rig.Submit();
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  rig.cluster.Change(kDeployment, {{"status", {{"readyReplicas", 1}}}});
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  rig.Watch(ObjectKind::kService, kService);
  rig.Settle();
  CHECK(rig.cluster.requests().size() == before + 4);
}

TEST_CASE("a listener's port changes the Service alone") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.Apply(Gateway("edge", 8080));
  REQUIRE(rig.Await([&] { return rig.cluster.Object(kService)["spec"]["ports"][0]["port"] == 8080; }));
  rig.Settle();
  CHECK(rig.cluster.Count(std::string("PATCH ") + kService) == 2);
  CHECK(rig.cluster.Count(std::string("PATCH ") + kDeployment) == 1);
}

TEST_CASE("what somebody else changed is put right, but what isn't ours stays") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.cluster.Change(kDeployment, {{"spec", {{"replicas", 7}}}, {"metadata", {{"annotations", {{"mine", "1"}}}}}});
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  REQUIRE(rig.Await([&] { return rig.cluster.Object(kDeployment)["spec"]["replicas"] == 1; }));
  CHECK(rig.cluster.Object(kDeployment)["metadata"]["annotations"]["mine"] == "1");
  rig.cluster.Change(kDeployment, {{"metadata", {{"annotations", {{"mine", "2"}}}}}});
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  rig.Settle();
  CHECK(rig.cluster.Count(std::string("PATCH ") + kDeployment) == 2);
  // Again and again: each time, but not at once.
  for (int i = 0; i < 3; ++i) {
    rig.cluster.Change(kDeployment, {{"spec", {{"replicas", 7}}}});
    rig.Watch(ObjectKind::kDeployment, kDeployment);
    REQUIRE(rig.Await([&] { return rig.cluster.Object(kDeployment)["spec"]["replicas"] == 1; }));
  }
  rig.cluster.Delete(kDeployment);
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kDeployment).is_null(); }));
}

TEST_CASE("what the API server writes otherwise is no change") {
  Rig rig;
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (request.method != "PATCH" || request.path.find("/deployments/") == std::string::npos) return std::nullopt;
    Json object = Json::parse(request.body);
    object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "0.1";
    object["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log";
    rig.cluster.Change(request.path.substr(0, request.path.find('?')), object);
    return kube::ApiResponse{200, rig.cluster.Object(request.path.substr(0, request.path.find('?'))).dump(),
                             std::nullopt};
  });
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.cluster.Change(kDeployment, {{"metadata", {{"labels", {{"new", "1"}}}}}});
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  rig.Settle();
  CHECK(rig.cluster.Count(std::string("PATCH ") + kDeployment) == 1);
}

TEST_CASE("what isn't planned any more is deleted") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.cluster.Change("/api/v1/namespaces/ns/services/stranger",
                     Json::parse(R"({"metadata": {"namespace": "ns", "name": "stranger"}})"));
  rig.Watch(ObjectKind::kService, "/api/v1/namespaces/ns/services/stranger");
  // With an address of its own, the Service has another name.
  rig.Apply(Gateway("edge", 80, "  addresses: [{value: 192.0.2.7}]\n"));
  REQUIRE(rig.Await([&] { return rig.cluster.Object(kService).is_null(); }));
  const std::string path = std::string(kService) + "-" + ShortHash("192.0.2.7");
  CHECK(rig.cluster.Object(path)["spec"]["loadBalancerIP"] == "192.0.2.7");
  CHECK(rig.cluster.Count("DELETE") == 1);
  CHECK_FALSE(rig.cluster.Object("/api/v1/namespaces/ns/services/stranger").is_null());
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotUsable"; }));
  rig.Ingress(path, "192.0.2.7");
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "192.0.2.7"; }));
}

TEST_CASE("an address gets its time before it counts as not usable") {
  Rig rig;
  rig.Apply(kClass);
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (request.method != "PATCH" || request.path.find("/services/") == std::string::npos) return std::nullopt;
    Json object = Json::parse(request.body);
    object["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z";
    object["metadata"]["uid"] = "u";
    return kube::ApiResponse{201, object.dump(), std::nullopt};
  });
  rig.now = 1'700'000'000 + kAddressPatience - 1;
  rig.Apply(Gateway("edge", 80, "  addresses: [{value: 192.0.2.7}]\n"));
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotAssigned"; }));
  rig.now = 1'700'000'000 + kAddressPatience;
  // By itself, when its time is over.
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotUsable"; }));
}

TEST_CASE("an object that isn't this Gateway's is left alone, and said") {
  for (const bool watched : {false, true}) {
    Rig rig(watched);
    rig.cluster.Change(kService,
                       Json::parse(R"({"metadata": {"namespace": "ns", "name": "edge-portreeve"}, "spec": {"x": 1}})"));
    if (watched) rig.Watch(ObjectKind::kService, kService);
    rig.Apply(kClass);
    rig.Apply(Gateway("edge"));
    REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "NoResources"; }));
    CHECK(rig.Problem("ns/edge").starts_with("Service ns/edge-portreeve is there already and isn't this Gateway's"));
    CHECK(rig.cluster.Object(kService)["spec"] == Json::parse(R"({"x": 1})"));
    // The rest is made, and the Service, too, once the name is free.
    REQUIRE(rig.Await([&] { return !rig.cluster.Object(kBudget).is_null(); }));
    rig.cluster.Delete(kService);
    rig.Watch(ObjectKind::kService, kService);
    REQUIRE(rig.Await([&] { return !rig.cluster.Object(kService).is_null(); }));
    REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotAssigned"; }));
  }
}

TEST_CASE("two Gateways that come to one name") {
  Rig rig;
  std::string classes = kClass;
  classes +=
      "---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: b-portreeve}\nspec: "
      "{controllerName: portreeve.dev/controller}\n";
  rig.Apply(classes);
  rig.Apply(Gateway("a-b"));
  rig.Settle();
  rig.Apply(Gateway("a", 80, "", "b-portreeve"));
  // Both of the same age, and "a" comes first: what "a-b" had goes.
  REQUIRE(rig.Await([&] { return rig.Placed("ns/a-b") == "NoResources"; }));
  CHECK(rig.Problem("ns/a-b") == "the name a-b-portreeve is in use for Gateway ns/a: give this one another name");
  CHECK(rig.provisioner().GatewayOf("ns", "a-b-portreeve") == "ns/a");
  REQUIRE(rig.Await([&] {
    const Json service = rig.cluster.Object("/api/v1/namespaces/ns/services/a-b-portreeve");
    return !service.is_null() && service["metadata"]["ownerReferences"][0]["uid"] == "a-uid";
  }));
}

TEST_CASE("a Gateway that isn't accepted keeps what it has, and gets nothing") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("never", 80, "  addresses: [{type: Hostname, value: a.example.com}]\n"));
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.Apply(Gateway("edge", 80, "  addresses: [{type: Hostname, value: a.example.com}]\n"));
  rig.Settle();
  CHECK_FALSE(rig.cluster.Object(kService).is_null());
  CHECK(rig.cluster.Count("DELETE") == 0);
  for (const std::string& path : rig.cluster.paths()) CHECK(path.find("never") == std::string::npos);
  CHECK(rig.Placed("ns/never") == "unknown");
  CHECK(rig.provisioner().GatewayOf("ns", "never-portreeve") == "ns/never");
}

TEST_CASE("a Gateway of another controller loses what it had") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.Apply(Gateway("edge", 80, "", "other"));
  REQUIRE(rig.Await([&] {
    for (const char* path : {kServiceAccount, kService, kDeployment, kBudget}) {
      if (!rig.cluster.Object(path).is_null()) return false;
    }
    return true;
  }));
  CHECK(rig.Placed("ns/edge") == "unknown");
}

TEST_CASE("an autoscaled Deployment stays as large as it is") {
  Rig rig;
  rig.accept_all = true;
  rig.Apply(kClass);
  const auto configure = [&](const std::string& spec) {
    rig.Apply("apiVersion: portreeve.dev/v1alpha1\nkind: DataPlaneConfig\nmetadata: {name: c, namespace: ns}\nspec: " +
              spec + "\n");
  };
  const auto replicas = [&] { return rig.cluster.Object(kDeployment)["spec"]["replicas"]; };
  configure("{replicas: 3}");
  rig.Apply(Gateway("edge", 80,
                    "  infrastructure: {parametersRef: {group: portreeve.dev, kind: DataPlaneConfig, name: c}}\n"));
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kBudget).is_null(); }));
  CHECK(replicas() == 3);
  configure("{autoscaling: {minReplicas: 2, maxReplicas: 5}}");
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kScaler).is_null(); }));
  CHECK(replicas() == 3);
  // The autoscaler's word counts, and isn't put right.
  rig.cluster.Change(kDeployment, {{"spec", {{"replicas", 4}}}});
  rig.Watch(ObjectKind::kDeployment, kDeployment);
  rig.Settle();
  const int before = rig.cluster.Count(std::string("PATCH ") + kDeployment);
  configure("{autoscaling: {minReplicas: 2, maxReplicas: 5}, logLevel: debug}");
  REQUIRE(rig.Await([&] { return rig.cluster.Count(std::string("PATCH ") + kDeployment) == before + 1; }));
  CHECK(replicas() == 4);
  configure("{replicas: 1}");
  REQUIRE(rig.Await([&] { return rig.cluster.Object(kScaler).is_null(); }));
  CHECK(replicas() == 1);
}

TEST_CASE("a replica that doesn't lead writes nothing, but knows where Gateways are") {
  Rig rig;
  rig.leading = false;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotAssigned"; }));
  CHECK(rig.cluster.requests().empty());
  rig.leading = true;
  rig.provisioner().LeadershipChanged();
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kBudget).is_null(); }));
}

TEST_CASE("a new leader leaves alone what is as planned, and clears away what isn't wanted") {
  Rig first;
  first.Apply(kClass);
  first.Apply(Gateway("edge"));
  first.Settle();
  Rig second;
  second.leading = false;
  for (const auto& [kind, path] : std::map<ObjectKind, std::string>{{ObjectKind::kServiceAccount, kServiceAccount},
                                                                    {ObjectKind::kService, kService},
                                                                    {ObjectKind::kDeployment, kDeployment},
                                                                    {ObjectKind::kPodDisruptionBudget, kBudget}}) {
    second.cluster.Change(path, first.cluster.Object(path));
    second.Watch(kind, path);
  }
  Json scaler = first.cluster.Object(kBudget);
  scaler["kind"] = "HorizontalPodAutoscaler";
  second.cluster.Change(kScaler, scaler);
  second.Watch(ObjectKind::kHorizontalPodAutoscaler, kScaler);
  second.Apply(kClass);
  second.Apply(Gateway("edge"));
  second.leading = true;
  second.provisioner().LeadershipChanged();
  REQUIRE(second.Await([&] { return second.cluster.Object(kScaler).is_null(); }));
  second.Settle();
  CHECK(second.cluster.Count("PATCH") == 4);
}

TEST_CASE("a server that is down is asked again, and one that refuses is quoted") {
  std::atomic<int> asked = 0;
  Rig rig;
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (++asked == 1) return absl::UnavailableError("connection refused");
    if (request.path.find("/deployments/") != std::string::npos && asked < 12) {
      return kube::ApiResponse{422, R"({"kind": "Status", "message": "spec.template.spec.affinity: Invalid value"})",
                               std::nullopt};
    }
    return std::nullopt;
  });
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  REQUIRE(rig.Await([&] { return rig.Problem("ns/edge").find("affinity") != std::string::npos; }));
  CHECK(rig.Placed("ns/edge") == "NoResources");
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kDeployment).is_null(); }));
  REQUIRE(rig.Await([&] { return rig.Placed("ns/edge") == "AddressNotAssigned"; }));
  CHECK(rig.provisioner().counts().failures >= 2);
}

TEST_CASE("an object that is being deleted is waited for") {
  Rig rig;
  rig.Apply(kClass);
  rig.Apply(Gateway("edge"));
  rig.Settle();
  rig.cluster.Change(kService, {{"metadata", {{"deletionTimestamp", "2024-01-31T12:00:00Z"}}}});
  rig.Watch(ObjectKind::kService, kService);
  REQUIRE(rig.Await([&] { return rig.Problem("ns/edge") == "Service ns/edge-portreeve is being deleted"; }));
  rig.cluster.Delete(kService);
  rig.Watch(ObjectKind::kService, kService);
  REQUIRE(rig.Await([&] { return !rig.cluster.Object(kService).is_null(); }));
}

}  // namespace
}  // namespace portreeve::provision
