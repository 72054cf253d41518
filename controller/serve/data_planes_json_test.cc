#include "controller/serve/data_planes_json.h"

#include <catch2/catch.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::serve {
namespace {

using nlohmann::json;

translate::ResourceMap ListenerMap(const std::string& version) {
  auto resource = std::make_shared<config::v1::Resource>();
  resource->set_key("listener/demo/edge/http");
  resource->set_version(version);
  return {{resource->key(), resource}};
}

DataPlaneReport Report(const std::string& gateway, const std::string& pod, const std::string& snapshot) {
  DataPlaneReport report;
  report.gateway = gateway;
  report.instance = pod + "-1";
  report.pod = pod;
  report.snapshot = snapshot;
  return report;
}

TEST_CASE("A data plane is current when it runs what its Gateway has") {
  SnapshotCache cache;
  cache.Publish({{"demo/edge", ListenerMap("1")}, {"demo/other", {}}});
  const std::string version = cache.Latest("demo/edge")->version;
  const json all = json::parse(DataPlanesJson(
      {Report("demo/edge", "a", version), Report("demo/edge", "b", "old"), Report("demo/gone", "c", version)}, cache));
  const json& planes = all.at("dataPlanes");
  REQUIRE(planes.size() == 3);
  CHECK(planes[0].at("gateway") == "demo/edge");
  CHECK(planes[0].at("pod") == "a");
  CHECK(planes[0].at("instance") == "a-1");
  CHECK(planes[0].at("connected") == true);
  CHECK(planes[0].at("wanted") == version);
  CHECK(planes[0].at("current") == true);
  CHECK(planes[1].at("snapshot") == "old");
  CHECK(planes[1].at("current") == false);
  CHECK(planes[2].at("wanted") == "");
  CHECK(planes[2].at("current") == false);
}

TEST_CASE("Before anything is published nobody is current") {
  const SnapshotCache cache;
  const json all = json::parse(DataPlanesJson({Report("demo/edge", "a", "")}, cache));
  CHECK(all.at("dataPlanes")[0].at("current") == false);
  CHECK(json::parse(DataPlanesJson({}, cache)).at("dataPlanes").empty());
}

TEST_CASE("What is refused is told with its object, field and message, whatever bytes they hold") {
  const SnapshotCache cache;
  DataPlaneReport report = Report("demo/edge", "a", "v");
  report.refused = {{"rule/demo/shop/0", "7", "HTTPRoute demo/shop", "matches[0].path.value", "no \xff path"}};
  report.listening = {"listener/demo/edge/http"};
  const json plane = json::parse(DataPlanesJson({report}, cache)).at("dataPlanes")[0];
  const json& refused = plane.at("refused")[0];
  CHECK(refused.at("key") == "rule/demo/shop/0");
  CHECK(refused.at("version") == "7");
  CHECK(refused.at("object") == "HTTPRoute demo/shop");
  CHECK(refused.at("field") == "matches[0].path.value");
  CHECK(refused.at("message").get<std::string>().starts_with("no "));
  CHECK(plane.at("listening") == json({"listener/demo/edge/http"}));
}

}  // namespace
}  // namespace portreeve::serve
