#include "controller/provision/observed.h"

#include <catch2/catch.hpp>

namespace portreeve::provision {
namespace {

constexpr const char* kService = R"({
  "apiVersion": "v1", "kind": "Service",
  "metadata": {"name": "edge-portreeve", "namespace": "ns", "uid": "u1", "resourceVersion": "7",
    "creationTimestamp": "2024-01-31T12:00:00Z", "managedFields": [{"manager": "x"}],
    "labels": {"app.kubernetes.io/managed-by": "portreeve"},
    "ownerReferences": [{"kind": "ConfigMap", "name": "other", "uid": "o1"},
                        {"kind": "Gateway", "name": "edge", "uid": "g1", "controller": true}]},
  "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 31000}]},
  "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}, {"hostname": "lb.example.com"}, {}]}}})";

TEST_CASE("what matters of an object is read") {
  const auto object = ReadObserved(kService);
  REQUIRE(object.has_value());
  CHECK(object->name == "edge-portreeve");
  CHECK(object->ns == "ns");
  CHECK(object->uid == "u1");
  CHECK(object->owner_uid == "g1");
  CHECK(object->owner_name == "edge");
  CHECK(object->ours);
  CHECK_FALSE(object->deleting);
  CHECK(object->created == 1706702400);
  CHECK(object->service_type == "LoadBalancer");
  CHECK(object->cluster_ip == "10.0.0.1");
  REQUIRE(object->ingress.size() == 2);
  CHECK(object->ingress[0].value == "192.0.2.1");
  CHECK(object->ingress[1].type == "Hostname");
  CHECK(object->content.find("managedFields") == std::string::npos);
  CHECK(object->content.find("resourceVersion") == std::string::npos);
  CHECK(object->content.find("status") == std::string::npos);
  const auto deleting = ReadObserved(
      R"({"metadata": {"name": "x", "deletionTimestamp": "2024-01-31T12:00:00Z"}, "spec": {"replicas": 3}})");
  CHECK(deleting->deleting);
  CHECK(deleting->replicas == 3);
  CHECK_FALSE(deleting->ours);
}

TEST_CASE("what isn't an object is none") {
  for (const char* text : {"", "{", "[]", "7", "{}", R"({"metadata": 1})", R"({"metadata": {"name": 5}})"}) {
    CHECK_FALSE(ReadObserved(text).has_value());
  }
}

TEST_CASE("a projection shows what the plan speaks of, and nothing else") {
  const char* plan = R"({"apiVersion": "v1", "kind": "Service", "metadata": {"labels": {"a": "1"}},
                         "spec": {"ports": [{"port": 80}], "type": "LoadBalancer"}})";
  const char* live = R"({"metadata": {"name": "n", "labels": {"a": "1", "b": "2"}},
                         "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 31000}], "x": 1}})";
  CHECK(Project(live, plan) == Project(plan));
  for (
      const char* changed : {
          R"({"metadata": {"labels": {"a": "2"}}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})",
          R"({"metadata": {}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})",
          R"({"metadata": {"labels": {"a": "1"}}, "spec": {"type": "LoadBalancer", "ports": [{"port": 81}]}})",
          R"({"metadata": {"labels": {"a": "1"}}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 1}]}})",
          R"({"metadata": {"labels": {"a": "1"}}})",
      }) {
    CHECK(Project(changed, plan) != Project(plan));
  }
}

}  // namespace
}  // namespace portreeve::provision
