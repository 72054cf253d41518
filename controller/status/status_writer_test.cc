#include "controller/status/status_writer.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "controller/status/object_path.h"
#include "controller/status/status_json.h"
#include "controller/status/test_cluster.h"
#include "controller/translate/conditions.h"

namespace portreeve::status {
namespace {

using gatewayapi::HTTPRoute;
using gatewayapi::Kind;
using gatewayapi::ObjectKey;
using testing::TestCluster;
using translate::MakeCondition;
using translate::ObjectStatus;
using Json = nlohmann::ordered_json;
using Answer = std::optional<absl::StatusOr<kube::ApiResponse>>;

constexpr const char* kRoute = "/apis/gateway.networking.k8s.io/v1/namespaces/ns/httproutes/";

gatewayapi::RouteParentStatus Parent(bool accepted, std::int64_t generation) {
  gatewayapi::RouteParentStatus parent;
  parent.parent_ref.name = "gw";
  parent.controller_name = translate::ControllerName();
  parent.conditions = {MakeCondition("Accepted", accepted, accepted ? "Accepted" : "NoMatchingParent",
                                     accepted ? "attached" : "no listener", generation)};
  return parent;
}

ObjectStatus Desired(const std::string& name, bool accepted, std::int64_t generation = 1) {
  auto status = std::make_shared<HTTPRoute::Status>();
  status->parents = {Parent(accepted, generation)};
  ObjectStatus desired;
  desired.key = {Kind::kHTTPRoute, "ns", name};
  desired.generation = generation;
  desired.route = std::move(status);
  return desired;
}

// A writer on a cluster, with a watch that the test moves by hand.
class Rig {
 public:
  Rig() {
    EventRecorder::Options recorder;
    recorder.instance = "controller-0";
    events_ = std::make_unique<EventRecorder>(cluster, recorder);
    StatusWriter::Options options;
    options.leader = [this] { return leading.load(); };
    options.wall_clock = [] { return absl::FromUnixSeconds(1'700'000'000); };
    writer_ = std::make_unique<StatusWriter>(cluster, *events_, options);
  }

  StatusWriter& writer() { return *writer_; }

  // Makes a route; what the watch has of it.
  std::shared_ptr<const HTTPRoute> Make(const std::string& name, Json status = Json()) {
    Json object = {{"metadata", {{"namespace", "ns"}, {"name", name}, {"uid", "uid-" + name}, {"generation", 1}}}};
    if (!status.is_null()) object["status"] = std::move(status);
    auto route = std::make_shared<HTTPRoute>();
    route->metadata.namespace_ = "ns";
    route->metadata.name = name;
    route->metadata.uid = "uid-" + name;
    route->metadata.generation = 1;
    route->metadata.resource_version = cluster.Put(kRoute + name, object);
    return route;
  }
  void Want(const std::string& name, bool accepted, const std::shared_ptr<const HTTPRoute>& stored,
            std::int64_t generation = 1) {
    writer_->Want(Desired(name, accepted, generation), gatewayapi::Object(stored));
  }
  // "True" as the cluster has it; empty if nothing is there.
  std::string Accepted(const std::string& name) const {
    const Json object = cluster.Object(kRoute + name);
    if (!object.contains("status") || object["status"]["parents"].empty()) return "";
    for (const Json& parent : object["status"]["parents"]) {
      if (parent["controllerName"] == "portreeve.dev/controller") return parent["conditions"][0]["status"];
    }
    return "";
  }
  bool Await(const std::function<bool()>& done) { return cluster.WaitFor(done); }
  int Patches(const std::string& name) const {
    return cluster.Count("PATCH " + std::string(kRoute) + name + "/status");
  }
  int Reads(const std::string& name) const { return cluster.Count("GET " + std::string(kRoute) + name); }

  TestCluster cluster;
  std::atomic<bool> leading = true;

 private:
  std::unique_ptr<EventRecorder> events_;
  std::unique_ptr<StatusWriter> writer_;
};

TEST_CASE("paths") {
  CHECK(PathOf({Kind::kGatewayClass, "", "c"}) == "/apis/gateway.networking.k8s.io/v1/gatewayclasses/c");
  CHECK(PathOf({Kind::kGateway, "ns", "g"}) == "/apis/gateway.networking.k8s.io/v1/namespaces/ns/gateways/g");
  CHECK(PathOf({Kind::kHTTPRoute, "ns", "r"}) == std::string(kRoute) + "r");
}

TEST_CASE("a status is one patch, made without reading first") {
  Rig rig;
  const auto route = rig.Make("r");
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  CHECK(rig.Patches("r") == 1);
  CHECK(rig.Reads("r") == 0);
  const Json body = rig.cluster.Bodies("PATCH")[0];
  CHECK(body["metadata"]["resourceVersion"] == "1");
  CHECK(body["status"]["parents"][0]["conditions"][0]["lastTransitionTime"] == "2023-11-14T22:13:20Z");
}

TEST_CASE("nothing is written twice") {
  Rig rig;
  const auto route = rig.Make("r");
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 1; }));
  // The watch hasn't told of it yet, and then it has.
  rig.Want("r", true, route);
  auto watched = std::make_shared<HTTPRoute>(*route);
  watched->status.parents = {Parent(true, 1)};
  watched->status.parents[0].conditions[0].last_transition_time = "2023-11-14T22:13:20Z";
  watched->metadata.resource_version = rig.cluster.Object(std::string(kRoute) + "r")["metadata"]["resourceVersion"];
  rig.Want("r", true, watched);
  // One that has to be written, so that the others had their time.
  rig.Want("other", true, rig.Make("other"));
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 2; }));
  CHECK(rig.Patches("r") == 1);
}

TEST_CASE("a second change builds on our own write, not on the watch") {
  Rig rig;
  const auto route = rig.Make("r");
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  rig.Want("r", false, route);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "False"; }));
  CHECK(rig.Patches("r") == 2);
  CHECK(rig.Reads("r") == 0);
  CHECK(rig.writer().counts().conflicts == 0);
}

TEST_CASE("a conflict is read and made anew, and what somebody else wrote stays") {
  Rig rig;
  const auto route = rig.Make("r");
  const Json foreign = Json::parse(R"({"parentRef": {"name": "theirs"}, "controllerName": "example.com/other",
                                       "conditions": [], "unheardOf": [1, {"x": null}]})");
  Json object = rig.cluster.Object(std::string(kRoute) + "r");
  object["status"]["parents"].push_back(foreign);
  rig.cluster.Put(std::string(kRoute) + "r", object);
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  CHECK(rig.Patches("r") == 2);
  CHECK(rig.Reads("r") == 1);
  CHECK(rig.writer().counts().conflicts == 1);
  CHECK(rig.cluster.Object(std::string(kRoute) + "r")["status"]["parents"][0].dump() == foreign.dump());
}

TEST_CASE("an object that others write to is read first") {
  Rig rig;
  const Json foreign = Json::parse(R"({"parentRef": {"name": "theirs"}, "controllerName": "example.com/other",
                                       "conditions": [], "unheardOf": true})");
  const auto made = rig.Make("r", {{"parents", Json::array({foreign})}});
  auto watched = std::make_shared<HTTPRoute>(*made);
  watched->status.parents.emplace_back().controller_name = "example.com/other";
  rig.Want("r", true, watched);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  CHECK(rig.cluster.requests()[0].starts_with("GET"));
  CHECK(rig.Patches("r") == 1);
  CHECK(rig.cluster.Object(std::string(kRoute) + "r")["status"]["parents"][0].dump() == foreign.dump());
}

TEST_CASE("what comes while a write is under way is one write after it") {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  std::atomic<int> waiting = 0;
  Rig rig;
  rig.cluster.SetIntercept([&](const kube::ApiRequest&) -> Answer {
    std::unique_lock lock(mutex);
    ++waiting;
    opened.wait_for(lock, testing::kDeadline, [&] { return open; });
    return std::nullopt;
  });
  const auto route = rig.Make("r");
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return waiting == 1; }));
  for (int i = 0; i < 10; ++i) rig.Want("r", i % 2 == 0, route);
  {
    std::lock_guard lock(mutex);
    open = true;
  }
  opened.notify_all();
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "False"; }));
  CHECK(rig.Patches("r") == 2);
}

TEST_CASE("back to what is stored while another write is under way") {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  std::atomic<int> waiting = 0;
  Rig rig;
  const auto first = rig.Make("r");
  rig.Want("r", true, first);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  auto stored = std::make_shared<HTTPRoute>(*first);
  stored->status.parents = {Parent(true, 1)};
  stored->status.parents[0].conditions[0].last_transition_time = "2023-11-14T22:13:20Z";
  stored->metadata.resource_version = rig.cluster.Object(std::string(kRoute) + "r")["metadata"]["resourceVersion"];
  rig.cluster.SetIntercept([&](const kube::ApiRequest&) -> Answer {
    std::unique_lock lock(mutex);
    ++waiting;
    opened.wait_for(lock, testing::kDeadline, [&] { return open; });
    return std::nullopt;
  });
  rig.Want("r", false, stored);
  REQUIRE(rig.Await([&] { return waiting == 1; }));
  rig.Want("r", true, stored);
  {
    std::lock_guard lock(mutex);
    open = true;
  }
  opened.notify_all();
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 3; }));
  CHECK(rig.Accepted("r") == "True");
}

// The watch tells of somebody's write that came after ours, before our own is answered.
TEST_CASE("a watch that is quicker than the answer") {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
  std::atomic<bool> written = false;
  Rig rig;
  const auto first = rig.Make("r");
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (request.method != "PATCH" || written.exchange(true)) return std::nullopt;
    // It is done, and its answer is on its way.
    Json object = rig.cluster.Object(std::string(kRoute) + "r");
    object["status"] = Json::parse(request.body)["status"];
    rig.cluster.Put(std::string(kRoute) + "r", object);
    const std::string answer = rig.cluster.Object(std::string(kRoute) + "r").dump();
    std::unique_lock lock(mutex);
    opened.wait_for(lock, testing::kDeadline, [&] { return open; });
    return kube::ApiResponse{200, answer, std::nullopt};
  });
  rig.Want("r", true, first);
  REQUIRE(rig.Await([&] { return written.load() && rig.Accepted("r") == "True"; }));
  // Somebody throws our status away.
  rig.Want("r", true, rig.Make("r"));
  {
    std::lock_guard lock(mutex);
    open = true;
  }
  opened.notify_all();
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True" && rig.Patches("r") == 2; }));
}

TEST_CASE("an object that is gone is dropped, and so is one of the same name") {
  Rig rig;
  const auto gone = rig.Make("gone");
  rig.cluster.Delete(std::string(kRoute) + "gone");
  rig.Want("gone", true, gone);
  const auto before = rig.Make("again");
  auto object = rig.cluster.Object(std::string(kRoute) + "again");
  object["metadata"]["uid"] = "another";
  rig.cluster.Put(std::string(kRoute) + "again", object);
  rig.Want("again", true, before);
  rig.Want("r", true, rig.Make("r"));
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True" && rig.Reads("again") == 1; }));
  REQUIRE(rig.Await([&] { return rig.Patches("gone") == 1; }));
  CHECK(rig.Accepted("again").empty());
  CHECK(rig.writer().counts().failures == 0);
}

TEST_CASE("a status that is about a newer generation is left alone") {
  Rig rig;
  Json status;
  Json object = {{"metadata", {{"namespace", "ns"}, {"name", "r"}, {"uid", "uid-r"}, {"generation", 5}}}};
  const auto route = rig.Make("r");
  Json condition = ConditionJson(MakeCondition("Accepted", true, "Accepted", "newer", 5));
  condition["lastTransitionTime"] = "2023-01-01T00:00:00Z";
  object["status"]["parents"] = Json::array({{{"parentRef", {{"name", "gw"}}},
                                              {"controllerName", "portreeve.dev/controller"},
                                              {"conditions", Json::array({condition})}}});
  rig.cluster.Put(std::string(kRoute) + "r", object);
  rig.Want("r", false, route, 4);
  REQUIRE(rig.Await([&] { return rig.Reads("r") == 1; }));
  rig.Want("other", true, rig.Make("other"));
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 1; }));
  CHECK(rig.Accepted("other") == "True");
  CHECK(rig.Accepted("r") == "True");
}

TEST_CASE("a server that is down, busy or refuses is asked again") {
  std::atomic<int> asked = 0;
  Rig rig;
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (request.method == "POST") return std::nullopt;
    switch (++asked) {
      case 1:
        return absl::UnavailableError("connection refused");
      case 2:
        return kube::ApiResponse{429, "{}", std::chrono::seconds(0)};
      default:
        return std::nullopt;
    }
  });
  rig.Want("r", true, rig.Make("r"));
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  CHECK(rig.writer().counts().failures == 2);
}

TEST_CASE("who doesn't lead writes nothing, and what is wanted then isn't lost") {
  Rig rig;
  rig.leading = false;
  rig.Want("r", true, rig.Make("r"));
  // It waits for its next try.
  REQUIRE(rig.Await([&] { return rig.writer().waiting() == 1; }));
  CHECK(rig.cluster.requests().empty());
  rig.leading = true;
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  rig.leading = false;
  rig.Want("s", true, rig.Make("s"));
  rig.writer().Clear();
  CHECK(rig.writer().waiting() == 0);
}

TEST_CASE("what turns bad becomes an event, once it is written") {
  Rig rig;
  const auto route = rig.Make("r");
  rig.Want("r", false, route);
  constexpr const char* kEvents = "POST /apis/events.k8s.io/v1/namespaces/ns/events";
  REQUIRE(rig.Await([&] { return rig.cluster.Count(kEvents) == 1; }));
  const Json event = rig.cluster.Bodies(kEvents)[0];
  CHECK(event["reason"] == "NoMatchingParent");
  CHECK(event["regarding"]["uid"] == "uid-r");
  // Another generation, the same words.
  rig.Want("r", false, route, 2);
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 2; }));
  CHECK(rig.cluster.Count(kEvents) == 1);
}

TEST_CASE("a thousand routes are a thousand writes") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "r" + std::to_string(i);
    rig.Want(name, true, rig.Make(name));
  }
  REQUIRE(rig.Await([&] { return rig.writer().counts().written == 1000; }));
  CHECK(rig.cluster.requests().size() == 1000);
}

// Somebody else edits the object all the time.
TEST_CASE("under endless conflicts it gets there") {
  std::atomic<int> edits = 0;
  Rig rig;
  const auto route = rig.Make("r");
  rig.cluster.SetIntercept([&](const kube::ApiRequest& request) -> Answer {
    if (request.method == "PATCH" && ++edits <= 7) {
      rig.cluster.Put(std::string(kRoute) + "r", rig.cluster.Object(std::string(kRoute) + "r"));
    }
    return std::nullopt;
  });
  rig.Want("r", true, route);
  REQUIRE(rig.Await([&] { return rig.Accepted("r") == "True"; }));
  CHECK(rig.writer().counts().conflicts == 7);
}

}  // namespace
}  // namespace portreeve::status
