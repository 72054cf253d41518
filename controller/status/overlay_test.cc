#include "controller/status/overlay.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controller/gatewayapi/decode.h"
#include "controller/translate/statuses.h"

namespace portreeve::status {
namespace {

using gatewayapi::Condition;
using gatewayapi::Kind;
using gatewayapi::ObjectKey;
using translate::ObjectStatus;

constexpr const char* kWorld = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve}
spec: {controllerName: portreeve.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns, generation: 4}
spec:
  gatewayClassName: portreeve
  listeners:
  - {name: a, port: 80, protocol: HTTP}
  - {name: b, port: 8080, protocol: HTTP}
  - {name: bad, port: 9000, protocol: SCTP}
status:
  addresses: [{type: IPAddress, value: 192.0.2.9}]
  conditions:
  - {type: Programmed, status: "True", reason: Programmed, message: stored, observedGeneration: 3,
     lastTransitionTime: "2020-01-01T00:00:00Z"}
  listeners:
  - name: a
    attachedRoutes: 0
    supportedKinds: []
    conditions:
    - {type: Programmed, status: "True", reason: Programmed, message: stored, observedGeneration: 3,
       lastTransitionTime: "2020-01-01T00:00:00Z"}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: ns}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: ns, generation: 7}
spec:
  parentRefs: [{name: gw, sectionName: b}, {name: gw, sectionName: a}, {name: other}]
  rules:
  - backendRefs: [{name: s, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: unrelated, namespace: ns, generation: 1}
spec:
  parentRefs: [{name: gw}]
)";

constexpr const char* kListenerA = "listener/ns/gw/a";
constexpr const char* kListenerB = "listener/ns/gw/b";

// A world, its translation, and what is laid over it.
class Rig {
 public:
  explicit Rig(const std::string& world = kWorld, std::vector<gatewayapi::Object> objects = {}) {
    const gatewayapi::DecodeResult decoded = gatewayapi::DecodeDocuments(world, "world.yaml");
    for (const gatewayapi::Problem& problem : decoded.problems) FAIL(problem.ToString());
    for (const gatewayapi::DecodedObject& object : decoded.objects) objects.push_back(object.object);
    state_ = store::ClusterState::Of(objects);
    translate::Translator translator({.allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true});
    statuses_ = translator.Translate(*state_).statuses;
    placements["ns/gw"].addresses = {{.type = "IPAddress", .value = "192.0.2.1", .routability = {}}};
  }

  DataPlaneProgress& DataPlane(const std::string& instance, std::set<std::string> current) {
    GatewayProgress& gateway = progress["ns/gw"];
    DataPlaneProgress& added = gateway.data_planes.emplace_back();
    added.instance = instance;
    added.current = std::move(current);
    return added;
  }

  Overlaid Lay() const { return Overlay(statuses_, {*state_, before, progress, placements}); }

  gatewayapi::GatewayStatus Gateway() const { return *Lay().statuses.at({Kind::kGateway, "ns", "gw"}).gateway; }
  // "True/Programmed: message"
  std::string Programmed() const { return Say(Gateway().conditions); }
  std::string ListenerProgrammed(const std::string& name) const {
    for (const auto& listener : Gateway().listeners) {
      if (listener.name == name) return Say(listener.conditions);
    }
    return "no such listener";
  }
  static std::string Say(const std::vector<Condition>& conditions, std::string_view type = "Programmed") {
    const auto found = std::ranges::find(conditions, type, &Condition::type);
    if (found == conditions.end()) return "none";
    return found->status + "/" + found->reason + " @" + std::to_string(found->observed_generation.value_or(0)) + ": " +
           found->message;
  }

  StatusMap before;
  absl::btree_map<std::string, GatewayProgress> progress;
  absl::btree_map<std::string, Placement> placements;

 private:
  std::shared_ptr<const store::ClusterState> state_;
  translate::StatusSet statuses_;
};

// Secret ns/c, with a certificate that can be used.
gatewayapi::Object Certificate() {
  std::ifstream file(PORTREEVE_SOURCE_DIR "/controller/translate/testdata/certificate-good.in.yaml");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const gatewayapi::DecodedObject& object : gatewayapi::DecodeDocuments(text, "certificate").objects) {
    if (object.key.kind != Kind::kSecret) continue;
    gatewayapi::Secret secret = *std::get<gatewayapi::Ptr<gatewayapi::Secret>>(object.object);
    secret.metadata.namespace_ = "ns";
    secret.metadata.name = "c";
    return std::make_shared<const gatewayapi::Secret>(std::move(secret));
  }
  FAIL("no Secret in the test data");
  return {};
}

TEST_CASE("nobody there") {
  Rig rig;
  CHECK(rig.Programmed() == "False/Pending @4: no data plane is ready yet");
  CHECK(rig.ListenerProgrammed("a") == "False/Pending @4: no data plane is ready yet");
  CHECK(rig.ListenerProgrammed("bad").starts_with("False/Invalid @4: "));
  CHECK(rig.Gateway().addresses == rig.placements["ns/gw"].addresses);
}

TEST_CASE("every data plane has it") {
  Rig rig;
  rig.DataPlane("x", {kListenerA, kListenerB});
  rig.DataPlane("y", {kListenerA, kListenerB});
  CHECK(rig.Programmed() == "True/Programmed @4: every data plane accepts connections for listeners a, b");
  CHECK(rig.ListenerProgrammed("a") == "True/Programmed @4: the data plane has it");
  CHECK(rig.ListenerProgrammed("bad").starts_with("False/Invalid @4: "));
  CHECK(rig.Lay().statuses.size() == 1);
  CHECK(rig.Lay().notes.empty());
}

TEST_CASE("one data plane is behind with one listener") {
  Rig rig;
  rig.DataPlane("x", {kListenerA, kListenerB});
  rig.DataPlane("y", {kListenerA});
  CHECK(rig.Programmed() ==
        "False/Pending @4: not every data plane accepts connections yet for listeners b: see their conditions");
  CHECK(rig.ListenerProgrammed("a") == "True/Programmed @4: the data plane has it");
  CHECK(rig.ListenerProgrammed("b") == "False/Pending @4: data plane y doesn't accept connections for it yet");
  for (const char* instance : {"z1", "z2", "z3", "z4"}) rig.DataPlane(instance, {kListenerA});
  CHECK(rig.ListenerProgrammed("b") ==
        "False/Pending @4: data planes y, z1, z2 and 2 more don't accept connections for it yet");
}

TEST_CASE("a listener that is refused doesn't stop the Gateway; all of them do") {
  Rig rig;
  rig.DataPlane("x", {kListenerA}).refused = {{kListenerB, "v", "Gateway ns/gw", "port", "8080 is in use"}};
  rig.DataPlane("y", {kListenerA}).refused = {{kListenerB, "v", "Gateway ns/gw", "port", "8080 is in use"}};
  CHECK(rig.Programmed() == "True/Programmed @4: every data plane accepts connections for listeners a");
  CHECK(rig.ListenerProgrammed("b") ==
        "False/Invalid @4: port: 8080 is in use (refused by data planes x, y); what was served of it before, if "
        "anything, stays in service");
  rig.progress["ns/gw"].data_planes[0].refused.push_back({kListenerA, "v", "Gateway ns/gw", "", "no"});
  CHECK(rig.Programmed() ==
        "False/Invalid @4: no data plane takes requests for any of its listeners: see their conditions");
}

TEST_CASE("addresses come first") {
  Rig rig;
  rig.placements["ns/gw"].addresses.clear();
  rig.placements["ns/gw"].problem = translate::Objection{"AddressNotUsable", "not that one"};
  rig.DataPlane("x", {kListenerA, kListenerB});
  CHECK(rig.Programmed() == "False/AddressNotUsable @4: not that one");
  CHECK(rig.ListenerProgrammed("a") == "True/Programmed @4: the data plane has it");
  CHECK(rig.Gateway().addresses.empty());
}

TEST_CASE("what is stored stays while nothing better is known") {
  Rig rig;
  SECTION("data planes may still come") {
    rig.progress["ns/gw"].settled = false;
  }
  SECTION("where it is reached isn't known") {
    rig.placements.clear();
    rig.DataPlane("x", {kListenerA, kListenerB});
    CHECK(rig.Gateway().addresses[0].value == "192.0.2.9");
  }
  CHECK(rig.Programmed() == "True/Programmed @3: stored");
  CHECK(rig.ListenerProgrammed("a") == "True/Programmed @3: stored");
  // Of this one nothing is stored.
  CHECK(rig.ListenerProgrammed("b") == "False/Pending @4: no data plane is ready yet");
  CHECK(rig.ListenerProgrammed("bad").starts_with("False/Invalid @4: "));
}

TEST_CASE("what was said last counts more than what is stored") {
  Rig rig;
  rig.DataPlane("x", {kListenerA, kListenerB});
  rig.before = rig.Lay().statuses;
  rig.progress["ns/gw"] = {.settled = false, .data_planes = {}};
  CHECK(rig.Programmed() == "True/Programmed @4: every data plane accepts connections for listeners a, b");
  CHECK(rig.ListenerProgrammed("b") == "True/Programmed @4: the data plane has it");
  rig.placements.clear();
  CHECK(rig.Gateway().addresses[0].value == "192.0.2.1");
  rig.progress["ns/gw"].settled = true;
  CHECK(rig.Programmed() == "True/Programmed @4: every data plane accepts connections for listeners a, b");
}

TEST_CASE("who is there counts once the others have been heard") {
  Rig rig;
  rig.progress["ns/gw"].settled = false;
  rig.DataPlane("x", {kListenerA, kListenerB});
  CHECK(rig.Programmed() == "True/Programmed @3: stored");
  rig.progress["ns/gw"].settled = true;
  CHECK(rig.Programmed().starts_with("True/Programmed @4: "));
}

TEST_CASE("the CRD's default is nobody's word") {
  std::string world = kWorld;
  const auto cut = world.find("status:\n  addresses");
  world.replace(cut, world.find("---", cut) - cut, R"(status:
  conditions:
  - {type: Programmed, status: Unknown, reason: Pending, message: Waiting for controller,
     lastTransitionTime: "1970-01-01T00:00:00Z"}
)");
  Rig rig(world);
  rig.progress["ns/gw"].settled = false;
  CHECK(rig.Programmed() == "False/Pending @4: no data plane is ready yet");
}

TEST_CASE("a Gateway that isn't accepted stays so") {
  std::string world = kWorld;
  world.insert(world.find("  listeners:\n  - {name: a"), "  addresses: [{type: Hostname, value: a.example.com}]\n");
  Rig rig(world);
  rig.DataPlane("x", {kListenerA, kListenerB});
  CHECK(rig.Programmed().starts_with("False/Invalid @4: the Gateway isn't accepted"));
}

TEST_CASE("a refused rule shows on the route's parents at that Gateway") {
  Rig rig;
  rig.DataPlane("x", {kListenerA, kListenerB}).refused = {
      {"rule/ns/r/1", "v", "HTTPRoute ns/r", "matches[0].path.value", "isn't valid"}};
  const Overlaid overlaid = rig.Lay();
  const auto& route = *overlaid.statuses.at({Kind::kHTTPRoute, "ns", "r"}).route;
  REQUIRE(route.parents.size() == 2);
  for (const gatewayapi::RouteParentStatus& parent : route.parents) {
    CHECK(
        Rig::Say(parent.conditions, "portreeve.dev/Programmed") ==
        "False/Refused @7: spec.rules[1].matches[0].path.value: isn't valid (refused by data plane x); what was served "
        "of it before, if anything, stays in service");
    CHECK(Rig::Say(parent.conditions, "Accepted").starts_with("True/Accepted @7"));
  }
  CHECK_FALSE(overlaid.statuses.contains({Kind::kHTTPRoute, "ns", "unrelated"}));
  CHECK(overlaid.notes.empty());
  CHECK(rig.Programmed().starts_with("True/"));
}

TEST_CASE("a refused backend shows on the routes that name it, and on the Service as an event") {
  Rig rig;
  for (const char* key : {"backend/ns/s:80", "endpoints/ns/s:80"}) {
    rig.DataPlane(key, {kListenerA, kListenerB}).refused = {{key, "v", "Service ns/s", "", "no good"}};
  }
  const Overlaid overlaid = rig.Lay();
  const auto& route = *overlaid.statuses.at({Kind::kHTTPRoute, "ns", "r"}).route;
  CHECK(Rig::Say(route.parents[0].conditions, "portreeve.dev/Programmed").find("Service ns/s: no good") !=
        std::string::npos);
  CHECK_FALSE(overlaid.statuses.contains({Kind::kHTTPRoute, "ns", "unrelated"}));
  REQUIRE(overlaid.notes.size() == 2);
  CHECK(overlaid.notes[0].key == ObjectKey{Kind::kService, "ns", "s"});
  CHECK(overlaid.notes[0].complaint.reason == "Refused");
}

TEST_CASE("a refused certificate shows on the listeners that use it") {
  std::string world = kWorld;
  world.replace(world.find("{name: b, port: 8080, protocol: HTTP}"), 37,
                "{name: b, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}");
  Rig rig(world, {Certificate()});
  rig.DataPlane("x", {kListenerA, kListenerB}).refused = {
      {"certificate/ns/c", "v", "Secret ns/c", "chain", "can't be read"}};
  const Overlaid overlaid = rig.Lay();
  REQUIRE(overlaid.notes.size() == 1);
  CHECK(overlaid.notes[0].key == ObjectKey{Kind::kSecret, "ns", "c"});
  CHECK(
      rig.ListenerProgrammed("b") ==
      "False/Invalid @4: Secret ns/c: chain: can't be read (refused by data plane x); what was served of it before, if "
      "anything, stays in service");
  CHECK(rig.ListenerProgrammed("a").starts_with("True/"));
}

TEST_CASE("an origin that can't be read harms nobody") {
  Rig rig;
  rig.DataPlane("x", {kListenerA, kListenerB}).refused = {{"rule/ns/r/0", "v", "", "", "m"},
                                                          {"rule/ns/r/0", "v", "HTTPRoute", "", "m"},
                                                          {"rule/ns/r/0", "v", "Ghost ns/x", "", "m"},
                                                          {"rule/ns/r/0", "v", "HTTPRoute ns/nowhere", "", "m"}};
  CHECK(rig.Lay().statuses.size() == 1);
}

}  // namespace
}  // namespace portreeve::status
