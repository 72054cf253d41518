#include "controller/status/status_loop.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "controller/gatewayapi/decode.h"
#include "controller/status/test_cluster.h"
#include "controller/store/resource_store.h"

namespace portreeve::status {
namespace {

using testing::TestCluster;
using Json = nlohmann::ordered_json;

constexpr const char* kRoot = "/apis/gateway.networking.k8s.io/v1/";

constexpr const char* kGateway = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve, generation: 1, uid: class-uid}
spec: {controllerName: portreeve.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns, generation: 1, uid: gw-uid}
spec:
  gatewayClassName: portreeve
  listeners:
  - {name: a, port: 80, protocol: HTTP}
)";

std::string Route(const std::string& name, const std::string& parent = "gw") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         ", namespace: ns, generation: 1, uid: " + name + "-uid}\nspec: {parentRefs: [{name: " + parent + "}]}\n";
}

// The controller without its sources and without gRPC: objects go into a store, and everything behind it is real.
class Rig {
 public:
  explicit Rig(std::chrono::milliseconds settling = std::chrono::milliseconds(0)) {
    EventRecorder::Options recorder;
    recorder.instance = "controller-0";
    events_ = std::make_unique<EventRecorder>(cluster, recorder);
    writer_ = std::make_unique<StatusWriter>(cluster, *events_,
                                             StatusWriter::Options{.leader = [this] { return leading.load(); }});
    StatusLoop::Options options;
    options.leader = [this] { return leading.load(); };
    options.data_planes = [this](const std::string&) {
      std::lock_guard lock(mutex_);
      ++asked;
      cluster.Nudge();
      return reports_;
    };
    options.settling = settling;
    options.hearing = std::chrono::milliseconds(0);
    loop_ = std::make_unique<StatusLoop>(*writer_, *events_, cache_, options);
  }

  StatusLoop& loop() { return *loop_; }
  StatusWriter& writer() { return *writer_; }

  // Makes objects in the cluster, and tells the store of them.
  void Apply(const std::string& text) {
    const gatewayapi::DecodeResult decoded = gatewayapi::DecodeDocuments(text, "objects.yaml");
    for (const gatewayapi::Problem& problem : decoded.problems) FAIL(problem.ToString());
    for (const gatewayapi::DecodedObject& one : decoded.objects) {
      const gatewayapi::ObjectMeta& meta = gatewayapi::MetaOf(one.object);
      const std::string version = cluster.Put(
          PathOf(one.key), {{"metadata", {{"name", meta.name}, {"uid", meta.uid}, {"generation", meta.generation}}}});
      store_.Put(std::visit(
          [&](const auto& object) -> gatewayapi::Object {
            auto copy = std::make_shared<std::decay_t<decltype(*object)>>(*object);
            copy->metadata.resource_version = version;
            return std::shared_ptr<const std::decay_t<decltype(*object)>>(std::move(copy));
          },
          one.object));
    }
  }
  void Delete(const gatewayapi::ObjectKey& key) {
    store_.Delete(key);
    cluster.Delete(PathOf(key));
  }
  // `between`: what happens when it is published and the loop hasn't been told.
  void Translate(const std::function<void()>& between = [] {}) {
    const auto state = store_.Snapshot();
    translate::Translation translation = translator_.Translate(*state);
    cache_.Publish(std::move(translation.gateways));
    between();
    loop_->Submit(state, std::make_shared<StatusLoop::Statuses>(std::move(translation.statuses)));
  }
  // A data plane that has what was published last.
  void Connect(const std::string& instance) {
    serve::DataPlaneReport report;
    report.gateway = "ns/gw";
    report.instance = instance;
    report.snapshot = cache_.Latest("ns/gw")->version;
    report.listening = {"listener/ns/gw/a"};
    {
      std::lock_guard lock(mutex_);
      std::erase_if(reports_, [&](const auto& one) { return one.instance == instance; });
      reports_.push_back(std::move(report));
    }
    loop_->DataPlanesChanged("ns/gw");
  }
  void Refuse(const std::string& key, const std::string& origin) {
    {
      std::lock_guard lock(mutex_);
      reports_.at(0).refused = {{key, "", origin, "field", "no good"}};
    }
    loop_->DataPlanesChanged("ns/gw");
  }
  void Disconnect() {
    {
      std::lock_guard lock(mutex_);
      reports_.clear();
    }
    loop_->DataPlanesChanged("ns/gw");
  }
  void Place() {
    loop_->SetPlacement("ns/gw", {.addresses = {{.type = "IPAddress", .value = "192.0.2.1", .routability = {}}},
                                  .problem = std::nullopt});
  }

  static std::string PathOf(const gatewayapi::ObjectKey& key) {
    const std::string ns = key.namespace_.empty() ? "" : "namespaces/" + key.namespace_ + "/";
    const char* plural = key.kind == gatewayapi::Kind::kGatewayClass ? "gatewayclasses/"
                         : key.kind == gatewayapi::Kind::kGateway    ? "gateways/"
                                                                     : "httproutes/";
    return kRoot + ns + plural + key.name;
  }
  // "True/Programmed" of a condition as the cluster has it.
  std::string Condition(const Json& list, const std::string& type) const {
    for (const Json& one : list) {
      if (one["type"] == type) return one["status"].get<std::string>() + "/" + one["reason"].get<std::string>();
    }
    return "none";
  }
  std::string GatewayCondition(const std::string& type) const {
    const Json object = cluster.Object(kRoot + std::string("namespaces/ns/gateways/gw"));
    return object.contains("status") ? Condition(object["status"]["conditions"], type) : "no status";
  }
  std::string RouteCondition(const std::string& name, const std::string& type) const {
    const Json object = cluster.Object(kRoot + std::string("namespaces/ns/httproutes/") + name);
    if (!object.contains("status") || object["status"]["parents"].empty()) return "no status";
    return Condition(object["status"]["parents"][0]["conditions"], type);
  }
  int Attached() const {
    const Json object = cluster.Object(kRoot + std::string("namespaces/ns/gateways/gw"));
    return object.contains("status") ? object["status"]["listeners"][0]["attachedRoutes"].get<int>() : -1;
  }
  bool Await(const std::function<bool()>& done) { return cluster.WaitFor(done); }

  TestCluster cluster;
  std::atomic<bool> leading = true;
  // How often the loop has looked at the data planes.
  std::atomic<int> asked = 0;

 private:
  std::mutex mutex_;
  std::vector<serve::DataPlaneReport> reports_;
  store::ResourceStore store_;
  translate::Translator translator_{{.allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true}};
  serve::SnapshotCache cache_;
  std::unique_ptr<EventRecorder> events_;
  std::unique_ptr<StatusWriter> writer_;
  std::unique_ptr<StatusLoop> loop_;
};

TEST_CASE("a Gateway on its way to its first request") {
  Rig rig;
  rig.Apply(kGateway);
  rig.Translate();
  rig.Place();
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "False/Pending"; }));
  CHECK(rig.GatewayCondition("Accepted") == "True/Accepted");
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
  const Json status = rig.cluster.Object(kRoot + std::string("namespaces/ns/gateways/gw"))["status"];
  CHECK(status["addresses"] == Json::parse(R"([{"type": "IPAddress", "value": "192.0.2.1"}])"));
  CHECK(status["listeners"].size() == 1);
  REQUIRE(rig.Await([&] {
    const Json object = rig.cluster.Object(kRoot + std::string("gatewayclasses/portreeve"));
    return object.contains("status") && object["status"]["supportedFeatures"].size() > 20;
  }));
  // Another generation of the listeners has to be acknowledged anew.
  std::string changed = kGateway;
  changed.replace(changed.find("port: 80,"), 9, "port: 81,");
  changed.replace(changed.find("ns, generation: 1"), 17, "ns, generation: 2");
  rig.Apply(changed);
  rig.Translate();
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "False/Pending"; }));
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
}

TEST_CASE("routes that come and go change nothing but counts of the Gateway") {
  Rig rig;
  rig.Apply(kGateway);
  rig.Translate();
  rig.Place();
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
  for (int i = 0; i < 200; ++i) {
    rig.Apply(Route("r" + std::to_string(i)));
    rig.Translate();
    rig.Connect("x");
  }
  REQUIRE(rig.Await([&] { return rig.Attached() == 200; }));
  REQUIRE(rig.Await([&] { return rig.RouteCondition("r199", "Accepted") == "True/Accepted"; }));
  REQUIRE(rig.Await([&] { return rig.writer().waiting() == 0; }));
  CHECK(rig.cluster.Count("PATCH " + std::string(kRoot) + "namespaces/ns/httproutes/") == 200);
  CHECK(rig.cluster.Count("PATCH " + std::string(kRoot) + "namespaces/ns/gateways/") <= 12);
  CHECK(rig.GatewayCondition("Programmed") == "True/Programmed");
}

TEST_CASE("a data plane that acknowledges before the loop is told of what it has changes nothing") {
  Rig rig;
  rig.Apply(kGateway);
  rig.Translate();
  rig.Place();
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
  const std::string patches = "PATCH " + std::string(kRoot) + "namespaces/ns/gateways/";
  const int before = rig.cluster.Count(patches);
  for (int i = 0; i < 50; ++i) {
    rig.Apply(Route("r" + std::to_string(i)));
    rig.Translate([&] {
      const int asked = rig.asked;
      rig.Connect("x");
      REQUIRE(rig.Await([&] { return rig.asked > asked; }));
    });
  }
  REQUIRE(rig.Await([&] { return rig.Attached() == 50; }));
  const std::vector<Json> bodies = rig.cluster.Bodies(patches);
  for (auto body = bodies.begin() + before; body != bodies.end(); ++body) {
    CHECK(body->dump().find("Pending") == std::string::npos);
  }
}

TEST_CASE("a refusal shows on the route that caused it, and goes with it") {
  Rig rig;
  rig.Apply(kGateway);
  rig.Apply(Route("good"));
  rig.Apply(Route("broken"));
  rig.Translate();
  rig.Place();
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.RouteCondition("broken", "Accepted") == "True/Accepted"; }));
  rig.Refuse("rule/ns/broken/0", "HTTPRoute ns/broken");
  REQUIRE(rig.Await([&] { return rig.RouteCondition("broken", "portreeve.dev/Programmed") == "False/Refused"; }));
  CHECK(rig.RouteCondition("good", "portreeve.dev/Programmed") == "none");
  REQUIRE(rig.Await([&] { return rig.cluster.Count("POST /apis/events.k8s.io/v1/namespaces/ns/events") == 1; }));
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.RouteCondition("broken", "portreeve.dev/Programmed") == "none"; }));
}

TEST_CASE("a data plane that goes for a moment changes nothing; for longer it does") {
  Rig rig(std::chrono::milliseconds(300));
  rig.Apply(kGateway);
  rig.Translate();
  rig.Place();
  rig.Connect("x");
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
  const auto gone = std::chrono::steady_clock::now();
  rig.Disconnect();
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "False/Pending"; }));
  CHECK(std::chrono::steady_clock::now() - gone >= std::chrono::milliseconds(300));
}

TEST_CASE("a replica that doesn't lead writes nothing, and everything that differs when it does") {
  Rig rig;
  rig.leading = false;
  rig.Apply(kGateway);
  rig.Apply(Route("r"));
  rig.Translate();
  rig.Place();
  rig.Connect("x");
  rig.leading = true;
  rig.loop().LeadershipChanged();
  REQUIRE(rig.Await([&] { return rig.RouteCondition("r", "Accepted") == "True/Accepted"; }));
  REQUIRE(rig.Await([&] { return rig.GatewayCondition("Programmed") == "True/Programmed"; }));
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 3; }));
  // Lost, and somebody else's statuses meanwhile; then ours again.
  rig.leading = false;
  rig.loop().LeadershipChanged();
  rig.Apply(Route("r"));
  rig.leading = true;
  rig.loop().LeadershipChanged();
  rig.Translate();
  REQUIRE(rig.Await([&] { return rig.RouteCondition("r", "Accepted") == "True/Accepted"; }));
}

TEST_CASE("a route that names the Gateway no more loses its entry, and one that is gone is left alone") {
  Rig rig;
  rig.Apply(kGateway);
  rig.Apply(Route("r"));
  rig.Translate();
  REQUIRE(rig.Await([&] { return rig.RouteCondition("r", "Accepted") == "True/Accepted"; }));
  const std::string path = kRoot + std::string("namespaces/ns/httproutes/r");
  // As the watch brings it: another spec, with the status that we wrote.
  const Json status = rig.cluster.Object(path)["status"];
  std::string moved = Route("r", "elsewhere");
  moved.replace(moved.find("generation: 1"), 13, "generation: 2");
  moved += "status: " + status.dump() + "\n";
  rig.Apply(moved);
  Json object = rig.cluster.Object(path);
  object["status"] = status;
  rig.cluster.Put(path, object);
  rig.Translate();
  REQUIRE(rig.Await([&] { return rig.cluster.Object(path)["status"]["parents"] == Json::array(); }));
  rig.Delete({gatewayapi::Kind::kHTTPRoute, "ns", "r"});
  rig.Translate();
  rig.Apply(Route("other"));
  rig.Translate();
  REQUIRE(rig.Await([&] { return rig.RouteCondition("other", "Accepted") == "True/Accepted"; }));
  CHECK(rig.writer().counts().failures == 0);
}

}  // namespace
}  // namespace portreeve::status
