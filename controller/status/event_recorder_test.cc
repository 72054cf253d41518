#include "controller/status/event_recorder.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "controller/status/test_cluster.h"

namespace portreeve::status {
namespace {

using gatewayapi::Kind;
using gatewayapi::ObjectKey;
using testing::TestCluster;
using Json = nlohmann::ordered_json;

constexpr const char* kCreate = "POST /apis/events.k8s.io/v1/namespaces/team-a/events";
constexpr const char* kRaise = "PATCH /apis/events.k8s.io/v1/namespaces/team-a/events/";

const ObjectKey kShop{Kind::kHTTPRoute, "team-a", "shop"};
const Complaint kGhost{"ResolvedRefs", "BackendNotFound", "Service team-a/ghost doesn't exist"};

EventRecorder::Options Quick() {
  EventRecorder::Options options;
  options.instance = "controller-0";
  options.per_second = 1e6;
  options.burst = 1e6;
  options.wall_clock = [] { return absl::FromUnixMicros(1'700'000'000'123'456); };
  options.retry_after = std::chrono::milliseconds(1);
  return options;
}

// A recorder that has written all that was recorded when `Settle` returns.
struct Rig {
  TestCluster cluster;
  EventRecorder recorder{cluster, Quick()};

  void Await(std::uint64_t written) {
    REQUIRE(cluster.WaitFor([&] { return recorder.written() == written; }));
  }
};

TEST_CASE("an event has all that kubectl describe and the API server want") {
  Rig rig;
  rig.recorder.Record(kShop, "uid-1", kGhost);
  rig.Await(1);
  const Json body = rig.cluster.Bodies(kCreate).at(0);
  const std::string name = body["metadata"]["name"];
  CHECK(name.starts_with("shop."));
  CHECK(body["metadata"]["namespace"] == "team-a");
  CHECK(body["type"] == "Warning");
  CHECK(body["reason"] == "BackendNotFound");
  CHECK(body["action"] == "ResolvedRefs");
  CHECK(body["note"] == "Service team-a/ghost doesn't exist");
  CHECK(body["eventTime"] == "2023-11-14T22:13:20.123456Z");
  CHECK(body["reportingController"] == "portreeve.dev/controller");
  CHECK(body["reportingInstance"] == "controller-0");
  CHECK(body["regarding"] == Json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                                             "namespace": "team-a", "name": "shop", "uid": "uid-1"})"));
}

TEST_CASE("the same again is the same event, with a count") {
  Rig rig;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    rig.recorder.Record(kShop, "uid-1", kGhost);
    rig.Await(i);
  }
  CHECK(rig.cluster.Count(kCreate) == 1);
  const std::vector<Json> raised = rig.cluster.Bodies(kRaise);
  REQUIRE(raised.size() == 2);
  CHECK(raised[0]["series"]["count"] == 2);
  CHECK(raised[1]["series"]["count"] == 3);
  // Another message, another object of that name, and a cluster-scoped one are others.
  rig.recorder.Record(kShop, "uid-1", {"ResolvedRefs", "BackendNotFound", "another"});
  rig.recorder.Record(kShop, "uid-2", kGhost);
  rig.recorder.Record({Kind::kGatewayClass, "", "portreeve"}, "uid-3", {"Accepted", "InvalidParameters", "no"});
  rig.Await(6);
  CHECK(rig.cluster.Count(kCreate) == 3);
  CHECK(rig.cluster.Count("POST /apis/events.k8s.io/v1/namespaces/default/events") == 1);
}

TEST_CASE("after a restart nothing is said again, and counting goes on") {
  TestCluster cluster;
  {
    EventRecorder first(cluster, Quick());
    first.Record(kShop, "uid-1", kGhost);
    first.Record(kShop, "uid-1", kGhost);
    REQUIRE(cluster.WaitFor([&] { return first.written() >= 1; }));
    first.Record(kShop, "uid-1", kGhost);
    REQUIRE(cluster.WaitFor([&] { return first.written() >= 2; }));
  }
  const std::size_t raised = cluster.Bodies(kRaise).size();
  const int count = cluster.Bodies(kRaise).back()["series"]["count"];
  EventRecorder second(cluster, Quick());
  second.Record(kShop, "uid-1", kGhost);
  // It asks for the count, and leaves it.
  REQUIRE(cluster.WaitFor([&] { return cluster.Bodies(kRaise).size() > raised; }));
  CHECK(cluster.Bodies(kRaise).back() == Json::object());
  CHECK(second.written() == 0);
  second.Record(kShop, "uid-1", kGhost);
  REQUIRE(cluster.WaitFor([&] { return second.written() == 1; }));
  CHECK(cluster.Bodies(kRaise).back()["series"]["count"] == count + 1);
}

TEST_CASE("an event that has expired is made again") {
  Rig rig;
  rig.recorder.Record(kShop, "uid-1", kGhost);
  rig.Await(1);
  const std::string name = rig.cluster.Bodies(kCreate)[0]["metadata"]["name"];
  rig.cluster.Delete("/apis/events.k8s.io/v1/namespaces/team-a/events/" + name);
  rig.recorder.Record(kShop, "uid-1", kGhost);
  rig.Await(2);
  CHECK(rig.cluster.Count(kCreate) == 2);
}

TEST_CASE("a server that is down for a moment gets it, one that refuses is left alone") {
  std::atomic<int> asked = 0;
  Rig rig;
  rig.cluster.SetIntercept([&](const kube::ApiRequest&) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    const int n = ++asked;
    if (n == 1) return absl::UnavailableError("down");
    if (n == 2) return kube::ApiResponse{429, "{}", std::chrono::seconds(0)};
    if (n == 3) return kube::ApiResponse{500, "{}", std::nullopt};
    return std::nullopt;
  });
  rig.recorder.Record(kShop, "uid-1", kGhost);
  rig.Await(1);
  CHECK(asked == 4);
  rig.cluster.SetIntercept([&](const kube::ApiRequest&) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    ++asked;
    return kube::ApiResponse{403, R"({"kind": "Status", "message": "forbidden"})", std::nullopt};
  });
  rig.recorder.Record(kShop, "uid-2", kGhost);
  REQUIRE(rig.cluster.WaitFor([&] { return asked == 5; }));
  rig.cluster.SetIntercept(nullptr);
  rig.recorder.Record(kShop, "uid-3", kGhost);
  rig.Await(2);
  CHECK(rig.cluster.Count(kCreate) == 6);
}

TEST_CASE("names and notes stay within what the API server allows") {
  Rig rig;
  const ObjectKey key{Kind::kHTTPRoute, "team-a", std::string(253, 'r')};
  std::string message(1022, 'm');
  message += "\xc3\xa9\xc3\xa9";
  rig.recorder.Record(key, "uid-1", {"Accepted", "UnsupportedValue", message});
  rig.Await(1);
  const Json body = rig.cluster.Bodies(kCreate)[0];
  CHECK(body["metadata"]["name"].get<std::string>().size() == 253);
  const std::string note = body["note"];
  CHECK(note.size() <= 1024);
  CHECK(note.ends_with("m..."));
}

}  // namespace
}  // namespace portreeve::status
