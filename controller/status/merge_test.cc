#include "controller/status/merge.h"

#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "controller/status/status_json.h"
#include "controller/translate/conditions.h"
#include "controller/translate/statuses.h"

namespace portreeve::status {
namespace {

using gatewayapi::Condition;
using gatewayapi::Kind;
using translate::MakeCondition;
using translate::ObjectStatus;
using Json = nlohmann::ordered_json;

constexpr const char* kNow = "2030-01-01T00:00:00Z";
constexpr const char* kBefore = "2020-01-01T00:00:00Z";

Json ConditionAt(Json list, const std::string& type) {
  for (Json& one : list) {
    if (one["type"] == type) return one;
  }
  return Json();
}

ObjectStatus OfClass(std::vector<Condition> conditions, std::vector<std::string> features, std::int64_t generation) {
  auto status = std::make_shared<gatewayapi::GatewayClass::Status>();
  status->conditions = std::move(conditions);
  status->supported_features = std::move(features);
  ObjectStatus desired;
  desired.key = {Kind::kGatewayClass, "", "portreeve"};
  desired.generation = generation;
  desired.gateway_class = std::move(status);
  return desired;
}

ObjectStatus OfGateway(gatewayapi::GatewayStatus status, std::int64_t generation) {
  ObjectStatus desired;
  desired.key = {Kind::kGateway, "ns", "gw"};
  desired.generation = generation;
  desired.gateway = std::make_shared<gatewayapi::GatewayStatus>(std::move(status));
  return desired;
}

ObjectStatus OfRoute(std::vector<gatewayapi::RouteParentStatus> parents, std::int64_t generation) {
  auto status = std::make_shared<gatewayapi::HTTPRoute::Status>();
  status->parents = std::move(parents);
  ObjectStatus desired;
  desired.key = {Kind::kHTTPRoute, "ns", "r"};
  desired.generation = generation;
  desired.route = std::move(status);
  return desired;
}

gatewayapi::ListenerStatus Listener(const std::string& name, int routes, std::vector<Condition> conditions) {
  gatewayapi::ListenerStatus listener;
  listener.name = name;
  listener.supported_kinds = {{.kind = "HTTPRoute"}};
  listener.attached_routes = routes;
  listener.conditions = std::move(conditions);
  return listener;
}

gatewayapi::RouteParentStatus Parent(const std::string& gateway, std::vector<Condition> conditions) {
  gatewayapi::RouteParentStatus parent;
  parent.parent_ref.name = gateway;
  parent.controller_name = translate::ControllerName();
  parent.conditions = std::move(conditions);
  return parent;
}

Condition Accepted(bool is, std::int64_t generation) {
  return MakeCondition("Accepted", is, is ? "Accepted" : "Invalid", is ? "it is" : "it isn't", generation);
}

TEST_CASE("an object without a status gets ours whole") {
  Json patch;
  const Merged merged = Merge(Json(), OfClass({Accepted(true, 3)}, {"Gateway", "HTTPRoute"}, 3), kNow, &patch);
  CHECK(merged.difference == Difference::kMore);
  CHECK_FALSE(merged.stale);
  CHECK(merged.complaints.empty());
  CHECK(patch == Json::parse(R"({
    "conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 3,
                    "lastTransitionTime": "2030-01-01T00:00:00Z", "reason": "Accepted", "message": "it is"}],
    "supportedFeatures": [{"name": "Gateway"}, {"name": "HTTPRoute"}]})"));
}

TEST_CASE("the CRD's default conditions are overwritten") {
  const Json stored = Json::parse(R"({"conditions": [
    {"type": "Accepted", "status": "Unknown", "reason": "Pending", "message": "Waiting for controller",
     "lastTransitionTime": "1970-01-01T00:00:00Z"}]})");
  Json patch;
  Merge(stored, OfClass({Accepted(true, 1)}, {}, 1), kNow, &patch);
  CHECK(patch["conditions"].size() == 1);
  CHECK(patch["conditions"][0]["status"] == "True");
  CHECK(patch["conditions"][0]["lastTransitionTime"] == kNow);
}

TEST_CASE("lastTransitionTime changes with the status only") {
  Json stored;
  Merge(Json(), OfClass({Accepted(true, 1)}, {}, 1), kBefore, &stored);
  Json patch;
  // A new generation, and another message.
  Merge(stored, OfClass({Accepted(true, 2)}, {}, 2), kNow, &patch);
  CHECK(patch["conditions"][0]["lastTransitionTime"] == kBefore);
  CHECK(patch["conditions"][0]["observedGeneration"] == 2);
  const Merged merged = Merge(stored, OfClass({Accepted(false, 2)}, {}, 2), kNow, &patch);
  CHECK(patch["conditions"][0]["lastTransitionTime"] == kNow);
  CHECK(merged.complaints == std::vector<Complaint>{{"Accepted", "Invalid", "it isn't"}});
}

TEST_CASE("what is stored already is no difference") {
  Json stored;
  const ObjectStatus desired = OfClass({Accepted(false, 1)}, {"Gateway"}, 1);
  Merge(Json(), desired, kBefore, &stored);
  Json patch;
  const Merged merged = Merge(stored, desired, kNow, &patch);
  CHECK(merged.difference == Difference::kNone);
  CHECK(merged.complaints.empty());
  CHECK(patch == Json::object());
}

TEST_CASE("a condition about a newer generation makes ours stale") {
  Json stored;
  Merge(Json(), OfClass({Accepted(true, 5)}, {}, 5), kBefore, &stored);
  Json patch;
  CHECK(Merge(stored, OfClass({Accepted(true, 4)}, {}, 4), kNow, &patch).stale);
  CHECK_FALSE(Merge(stored, OfClass({Accepted(true, 5)}, {}, 5), kNow, &patch).stale);
}

TEST_CASE("foreign conditions stay, in every field and in their place") {
  const Json foreign = Json::parse(R"({"type": "example.com/Stale", "status": "True", "observedGeneration": 99,
    "lastTransitionTime": "2001-02-03T04:05:06Z", "reason": "R", "message": "m", "unheardOf": {"a": [1, 2.5, null]}})");
  Json stored = Json::parse(R"({"listeners": [{"name": "http", "attachedRoutes": 0, "supportedKinds": []}]})");
  stored["conditions"] = Json::array({foreign, ConditionJson(Accepted(true, 1))});
  stored["listeners"][0]["conditions"] = Json::array({foreign});
  gatewayapi::GatewayStatus status;
  status.conditions = {Accepted(true, 2), MakeCondition("Programmed", true, "Programmed", "yes", 2)};
  // Merged in when it was translated, from a decoded object that knows less.
  status.conditions.push_back(MakeCondition("example.com/Stale", false, "Old", "old", 1));
  status.listeners = {Listener("http", 0, {Accepted(true, 2)})};
  Json patch;
  const Merged merged = Merge(stored, OfGateway(status, 2), kNow, &patch);
  CHECK_FALSE(merged.stale);
  CHECK(patch["conditions"].size() == 3);
  CHECK(patch["conditions"][0].dump() == foreign.dump());
  CHECK(patch["conditions"][1]["type"] == "Accepted");
  CHECK(patch["listeners"][0]["conditions"].size() == 2);
  CHECK(patch["listeners"][0]["conditions"][0].dump() == foreign.dump());
}

TEST_CASE("a condition of ours that we have no word on goes, and so do doubles") {
  Json stored = Json::object();
  stored["conditions"] = Json::array({ConditionJson(MakeCondition("AddressesAssigned", true, "A", "", 1)),
                                      ConditionJson(Accepted(true, 1)), ConditionJson(Accepted(false, 1))});
  gatewayapi::GatewayStatus status;
  status.conditions = {Accepted(true, 1)};
  Json patch;
  Merge(stored, OfGateway(status, 1), kNow, &patch);
  REQUIRE(patch["conditions"].size() == 1);
  CHECK(patch["conditions"][0]["status"] == "True");
}

TEST_CASE("no list of conditions grows beyond what the CRDs allow") {
  Json stored = Json::object();
  for (int i = 0; i < 7; ++i) {
    stored["conditions"].push_back(ConditionJson(MakeCondition("example.com/C" + std::to_string(i), true, "R", "", 1)));
  }
  gatewayapi::GatewayStatus status;
  status.conditions = {Accepted(true, 1), MakeCondition("Programmed", true, "Programmed", "", 1)};
  Json patch;
  Merge(stored, OfGateway(status, 1), kNow, &patch);
  CHECK(patch["conditions"].size() == 8);
  CHECK(patch["conditions"][7]["type"] == "Accepted");
}

TEST_CASE("only counts of routes") {
  gatewayapi::GatewayStatus status;
  status.conditions = {Accepted(true, 1)};
  status.listeners = {Listener("a", 1, {Accepted(true, 1)}), Listener("b", 1, {Accepted(true, 1)})};
  Json stored;
  Merge(Json(), OfGateway(status, 1), kBefore, &stored);
  status.listeners[1].attached_routes = 2;
  Json patch;
  CHECK(Merge(stored, OfGateway(status, 1), kNow, &patch).difference == Difference::kCounts);
  CHECK(patch.size() == 1);
  CHECK(patch["listeners"][1]["attachedRoutes"] == 2);
  CHECK(patch["listeners"][0] == stored["listeners"][0]);
}

TEST_CASE("listeners are exactly those that are wanted") {
  gatewayapi::GatewayStatus status;
  status.listeners = {Listener("a", 0, {}), Listener("b", 0, {})};
  Json stored;
  Merge(Json(), OfGateway(status, 1), kBefore, &stored);
  status.listeners = {Listener("b", 0, {}), Listener("c", 0, {})};
  Json patch;
  CHECK(Merge(stored, OfGateway(status, 1), kNow, &patch).difference == Difference::kMore);
  REQUIRE(patch["listeners"].size() == 2);
  CHECK(patch["listeners"][0]["name"] == "b");
  CHECK(patch["listeners"][1]["name"] == "c");
  status.listeners.clear();
  CHECK(Merge(stored, OfGateway(status, 1), kNow, &patch).difference == Difference::kMore);
  CHECK(patch["listeners"] == Json::array());
}

TEST_CASE("addresses are ours") {
  gatewayapi::GatewayStatus status;
  status.addresses = {{.type = "IPAddress", .value = "192.0.2.1", .routability = {}}};
  Json stored;
  Merge(Json(), OfGateway(status, 1), kBefore, &stored);
  CHECK(stored["addresses"] == Json::parse(R"([{"type": "IPAddress", "value": "192.0.2.1"}])"));
  Json patch;
  status.addresses.clear();
  Merge(stored, OfGateway(status, 1), kNow, &patch);
  CHECK(patch["addresses"] == Json::array());
}

TEST_CASE("entries of other controllers stay; ours follow the parentRefs") {
  Json stored = Json::parse(R"({"parents": [
    {"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"},
     "controllerName": "example.com/other", "conditions": [], "more": {"z": 1, "a": 2}}]})");
  const std::string foreign = stored["parents"][0].dump();
  Json patch;
  Merge(stored, OfRoute({Parent("old", {Accepted(true, 1)}), Parent("kept", {Accepted(true, 1)})}, 1), kBefore, &patch);
  REQUIRE(patch["parents"].size() == 3);
  stored = patch;

  // The decoded status carries the foreign entry along; it isn't looked at.
  gatewayapi::RouteParentStatus theirs = Parent("theirs", {});
  theirs.controller_name = "example.com/other";
  Merge(stored, OfRoute({theirs, Parent("kept", {Accepted(false, 2)}), Parent("new", {Accepted(true, 2)})}, 2), kNow,
        &patch);
  REQUIRE(patch["parents"].size() == 3);
  CHECK(patch["parents"][0].dump() == foreign);
  CHECK(patch["parents"][1]["parentRef"]["name"] == "kept");
  CHECK(patch["parents"][1]["conditions"][0]["lastTransitionTime"] == kNow);
  CHECK(patch["parents"][2]["parentRef"]["name"] == "new");

  Merge(stored, OfRoute({}, 2), kNow, &patch);
  REQUIRE(patch["parents"].size() == 1);
  CHECK(patch["parents"][0].dump() == foreign);
}

TEST_CASE("parentRefs are told apart by every field") {
  gatewayapi::RouteParentStatus by_port = Parent("gw", {Accepted(true, 1)});
  by_port.parent_ref.port = 80;
  gatewayapi::RouteParentStatus by_section = Parent("gw", {Accepted(true, 1)});
  by_section.parent_ref.section_name = "http";
  gatewayapi::RouteParentStatus elsewhere = Parent("gw", {Accepted(false, 1)});
  elsewhere.parent_ref.namespace_ = "other";
  const ObjectStatus desired = OfRoute({Parent("gw", {Accepted(true, 1)}), by_port, by_section, elsewhere}, 1);
  Json stored;
  Merge(Json(), desired, kBefore, &stored);
  REQUIRE(stored["parents"].size() == 4);
  CHECK(stored["parents"][1]["parentRef"]["port"] == 80);
  Json patch;
  CHECK(Merge(stored, desired, kNow, &patch).difference == Difference::kNone);
}

TEST_CASE("the refusal of a route goes with its cause") {
  const Condition refused = MakeCondition(translate::kRouteProgrammed, false, "Refused", "no", 1);
  Json stored;
  const Merged merged = Merge(Json(), OfRoute({Parent("gw", {Accepted(true, 1), refused})}, 1), kBefore, &stored);
  CHECK(merged.complaints == std::vector<Complaint>{{"portreeve.dev/Programmed", "Refused", "no"}});
  Json patch;
  Merge(stored, OfRoute({Parent("gw", {Accepted(true, 1)})}, 1), kNow, &patch);
  CHECK(ConditionAt(patch["parents"][0]["conditions"], "portreeve.dev/Programmed") == Json());
}

TEST_CASE("waiting is no complaint, and a listener's says which it is") {
  gatewayapi::GatewayStatus status;
  status.conditions = {MakeCondition("Programmed", false, "Pending", "no data plane is ready yet", 1)};
  status.listeners = {Listener("https", 0,
                               {MakeCondition("ResolvedRefs", false, "InvalidCertificateRef", "no such Secret", 1),
                                MakeCondition("Conflicted", false, "NoConflicts", "", 1)})};
  Json patch;
  const Merged merged = Merge(Json(), OfGateway(status, 1), kNow, &patch);
  CHECK(merged.complaints ==
        std::vector<Complaint>{{"ResolvedRefs", "InvalidCertificateRef", "listener https: no such Secret"}});
}

TEST_CASE("a stored status of another shape is put right") {
  const Json stored = Json::parse(R"({"parents": "none", "conditions": [1, null, {"type": 7}]})");
  Json patch;
  Merge(stored, OfRoute({Parent("gw", {Accepted(true, 1)})}, 1), kNow, &patch);
  CHECK(patch["parents"].size() == 1);
  Merge(stored, OfGateway({}, 1), kNow, &patch);
  CHECK(patch["listeners"] == Json::array());
}

TEST_CASE("foreign parts are seen in a decoded status") {
  gatewayapi::HTTPRoute::Status route;
  CHECK_FALSE(HasForeign(route));
  route.parents = {Parent("gw", {Accepted(true, 1)})};
  CHECK_FALSE(HasForeign(route));
  route.parents[0].conditions.push_back(MakeCondition("example.com/X", true, "R", "", 1));
  CHECK(HasForeign(route));
  route.parents[0] = Parent("gw", {});
  route.parents[0].controller_name = "example.com/other";
  CHECK(HasForeign(route));
  gatewayapi::GatewayStatus gateway;
  gateway.conditions = {Accepted(true, 1)};
  gateway.listeners = {Listener("a", 0, {MakeCondition("Conflicted", false, "NoConflicts", "", 1)})};
  CHECK_FALSE(HasForeign(gateway));
  gateway.listeners[0].conditions.push_back(MakeCondition("example.com/X", true, "R", "", 1));
  CHECK(HasForeign(gateway));
}

}  // namespace
}  // namespace portreeve::status
