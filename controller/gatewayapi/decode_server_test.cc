// Objects as the API server gives them: the same checks as for files, but no field is unknown.
#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "controller/gatewayapi/decode.h"
#include "controller/gatewayapi/json_tree.h"

namespace portreeve::gatewayapi {
namespace {

constexpr std::array<std::string_view, 1> kManagedFields = {"managedFields"};

DecodedServerObject Decode(Kind kind, const std::string& json) {
  const JsonTree tree = ParseJson(json, kManagedFields);
  REQUIRE(tree.error.empty());
  return DecodeServerObject(kind, tree.root, "cluster");
}

TEST_CASE("A field of a newer schema is ignored, at every depth") {
  const DecodedServerObject decoded = Decode(Kind::kHTTPRoute, R"({
    "metadata": {"name": "r", "namespace": "team-a", "uid": "u", "resourceVersion": "7", "generation": 3,
                 "creationTimestamp": "2024-01-31T12:00:00Z", "newInMetadata": 1,
                 "managedFields": [{"manager": "kubectl"}]},
    "spec": {"parentRefs": [{"name": "gw", "group": "gateway.networking.k8s.io", "kind": "Gateway", "color": "blue"}],
             "rules": [{"matches": [{"path": {"type": "Exact", "value": "/x", "caseless": true}}],
                        "backendRefs": [{"name": "b", "port": 80, "weight": 1, "zone": {}}]}],
             "newInSpec": [1]},
    "status": {"parents": [], "newInStatus": {}},
    "newOnTop": {"a": []}})");
  CHECK(decoded.problems.empty());
  REQUIRE(decoded.object);
  const HTTPRoute& route = *std::get<Ptr<HTTPRoute>>(*decoded.object);
  CHECK(decoded.key == ObjectKey{Kind::kHTTPRoute, "team-a", "r"});
  CHECK(route.metadata.resource_version == "7");
  CHECK(route.metadata.generation == 3);
  CHECK(route.spec.rules.at(0).matches.at(0).path.value == "/x");
}

TEST_CASE("All other checks stay, and say which object and field") {
  const DecodedServerObject decoded = Decode(Kind::kGateway, R"({
    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gw", "namespace": "ns"},
    "spec": {"gatewayClassName": "c", "listeners": [{"name": "http", "port": 70000, "protocol": "HTTP"}]}})");
  CHECK_FALSE(decoded.object);
  CHECK(decoded.key == ObjectKey{Kind::kGateway, "ns", "gw"});
  REQUIRE(decoded.problems.size() == 1);
  CHECK(decoded.problems[0].ToString() ==
        "cluster: error: Gateway ns/gw: spec.listeners[0].port: must be between 1 and 65535, not \"70000\"; "
        "write a number in that range");
}

TEST_CASE("An object that doesn't tell its name is refused") {
  for (const char* json : {"{}", "[]", "null", "5", R"({"metadata":{}})", R"({"metadata":{"name":""}})"}) {
    INFO(json);
    const DecodedServerObject decoded = Decode(Kind::kService, json);
    CHECK_FALSE(decoded.object);
    CHECK(decoded.key.name.empty());
    CHECK_FALSE(decoded.problems.empty());
  }
}

TEST_CASE("A Secret's bytes stay out of problems") {
  const DecodedServerObject decoded = Decode(Kind::kSecret, R"({"metadata": {"name": "s", "namespace": "ns"},
    "type": "kubernetes.io/tls", "data": {"tls.crt": "hunter2!", "tls.key": 5}})");
  CHECK_FALSE(decoded.object);
  CHECK_FALSE(decoded.problems.empty());
  for (const Problem& problem : decoded.problems) CHECK(problem.ToString().find("hunter2") == std::string::npos);
}

TEST_CASE("Absent and null are the same, as Go writes them") {
  const DecodedServerObject slice = Decode(
      Kind::kEndpointSlice,
      R"({"metadata": {"name": "s", "namespace": "ns"}, "addressType": "IPv4", "endpoints": null, "ports": null})");
  CHECK(slice.problems.empty());
  CHECK(slice.object);
  const DecodedServerObject secret =
      Decode(Kind::kSecret, R"({"metadata": {"name": "s", "namespace": "ns"}, "type": "Opaque", "data": null})");
  CHECK(secret.object);
}

}  // namespace
}  // namespace portreeve::gatewayapi
