#include "cli/status.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "controller/serve/test_api_server.h"

namespace portreeve::cli {
namespace {

using nlohmann::json;
using serve::testing::TestApiServer;

const std::string kApi = "/apis/gateway.networking.k8s.io/v1/";
const std::string kControllerPods = "/api/v1/namespaces/portreeve-system/pods";
const std::string kProxy = kControllerPods + "/controller-1:18001/proxy/dataplanes";

json Condition(const std::string& type, const std::string& status, const std::string& reason, int generation = 1) {
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", reason + ", in words"},
          {"observedGeneration", generation}};
}

json GoodConditions() {
  return json::array({Condition("Accepted", "True", "Accepted"), Condition("Programmed", "True", "Programmed")});
}

json GatewayOf(const std::string& name, const std::string& gateway_class = "portreeve") {
  return {{"metadata", {{"name", name}, {"namespace", "demo"}, {"generation", 1}}},
          {"spec", {{"gatewayClassName", gateway_class}, {"listeners", json::array({{{"name", "http"}}})}}},
          {"status",
           {{"addresses", json::array({{{"value", "203.0.113.7"}}})},
            {"conditions", GoodConditions()},
            {"listeners",
             json::array({{{"name", "http"},
                           {"attachedRoutes", 2},
                           {"conditions", json::array({Condition("Accepted", "True", "Accepted"),
                                                       Condition("Conflicted", "False", "NoConflicts")})}}})}}}};
}

json RouteOf(const std::string& name, json conditions) {
  const json parent = {{"name", "edge"}};
  return {{"metadata", {{"name", name}, {"namespace", "demo"}, {"generation", 1}}},
          {"spec", {{"parentRefs", json::array({parent})}}},
          {"status",
           {{"parents", json::array({{{"controllerName", "portreeve.dev/controller"},
                                      {"parentRef", parent},
                                      {"conditions", std::move(conditions)}}})}}}};
}

json Pod(const std::string& name, const std::string& ns, const std::string& gateway = "") {
  json labels = json::object();
  if (!gateway.empty()) labels["gateway.networking.k8s.io/gateway-name"] = gateway;
  return {{"metadata", {{"name", name}, {"namespace", ns}, {"labels", labels}}},
          {"spec",
           {{"containers", json::array({{{"ports", json::array({{{"name", "grpc"}, {"containerPort", 18000}},
                                                                {{"name", "admin"}, {"containerPort", 18001}}})}}})}}},
          {"status", {{"phase", "Running"}}}};
}

json DataPlane(const std::string& pod, const std::string& gateway = "demo/edge") {
  return {{"gateway", gateway},     {"pod", pod},           {"instance", pod + "-1"}, {"connected", true},
          {"snapshot", "0123abcd"}, {"wanted", "0123abcd"}, {"current", true},        {"refused", json::array()}};
}

// A cluster in which all is well: demo/edge with one data plane, one controller.
class Cluster {
 public:
  Cluster() {
    List(kApi + "gatewayclasses",
         {{{"metadata", {{"name", "portreeve"}}}, {"spec", {{"controllerName", "portreeve.dev/controller"}}}},
          {{"metadata", {{"name", "other"}}}, {"spec", {{"controllerName", "example.com/other"}}}}});
    List(kApi + "gateways", {GatewayOf("edge"), GatewayOf("foreign", "other")});
    List(kApi + "httproutes", {RouteOf("shop", GoodConditions())});
    List(kControllerPods, {Pod("controller-1", "portreeve-system")});
    List("/api/v1/pods", {Pod("edge-1", "demo", "edge")});
    DataPlanes({DataPlane("edge-1")});
  }

  void List(const std::string& path, const std::vector<json>& items) {
    server.Put(path, json({{"metadata", json::object()}, {"items", items}}).dump());
  }
  void DataPlanes(const std::vector<json>& planes) {
    server.Put(kProxy, json({{"metadata", json::object()}, {"dataPlanes", planes}}).dump());
  }
  void Answer(const std::string& path, int status, const std::string& body) {
    server.SetIntercept([=](const kube::ApiRequest& request) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
      if (request.path.substr(0, request.path.find('?')) != path) return std::nullopt;
      return kube::ApiResponse{status, body, std::nullopt};
    });
  }
  StatusReport Read(const StatusOptions& options = {}) {
    auto report = ReadStatus(server, options);
    INFO(report.status());
    REQUIRE(report.ok());
    return *std::move(report);
  }
  std::string Error() {
    const auto report = ReadStatus(server, {});
    REQUIRE_FALSE(report.ok());
    return std::string(report.status().message());
  }

  TestApiServer server;
};

std::string TextOf(const StatusReport& report) {
  std::ostringstream out;
  PrintText(report, out);
  return out.str();
}

void CheckShows(const StatusReport& report, int code, const std::vector<std::string>& shows) {
  const std::string text = TextOf(report);
  INFO(text);
  CHECK(ExitCodeOf(report) == code);
  for (const std::string& shown : shows) {
    INFO("shows: " << shown);
    CHECK(text.find(shown) != std::string::npos);
  }
}

TEST_CASE("A cluster in which all is well") {
  Cluster cluster;
  const StatusReport report = cluster.Read();
  CheckShows(report, 0,
             {"GATEWAY    CLASS      ADDRESSES    ACCEPTED  PROGRAMMED\n",
              "demo/edge  portreeve  203.0.113.7  True      True\n", "  listener http: 2 routes\n",
              "DATA PLANE  GATEWAY    CONNECTED  SNAPSHOT  STATE\n",
              "edge-1      demo/edge  yes        0123abcd  current\n", "1 routes, 0 not as wanted\n"});
  CHECK(TextOf(report).find("foreign") == std::string::npos);
  CHECK(cluster.server.Count("GET ") == static_cast<int>(cluster.server.requests().size()));
}

TEST_CASE("A Gateway that isn't programmed, and one that nobody has judged as it is") {
  Cluster cluster;
  json gateway = GatewayOf("edge");
  gateway["status"]["conditions"][1] = Condition("Programmed", "False", "AddressNotAssigned");
  cluster.List(kApi + "gateways", {gateway});
  CheckShows(cluster.Read(), 1,
             {"False (AddressNotAssigned)", "  ! Programmed=False AddressNotAssigned: AddressNotAssigned, in words\n"});
  gateway["status"]["conditions"] = GoodConditions();
  gateway["metadata"]["generation"] = 2;
  cluster.List(kApi + "gateways", {gateway});
  CheckShows(cluster.Read(), 1,
             {"Unknown (Outdated)", "it was True (Accepted) for generation 1, and the object is at 2"});
  gateway.erase("status");
  cluster.List(kApi + "gateways", {gateway});
  CheckShows(cluster.Read(), 1,
             {"Unknown (Pending)", "listener http: Accepted=Unknown Pending: no controller has judged"});
}

TEST_CASE("Listeners and routes with complaints") {
  Cluster cluster;
  json gateway = GatewayOf("edge");
  gateway["status"]["listeners"][0]["conditions"] = json::array(
      {Condition("ResolvedRefs", "False", "InvalidCertificateRef"), Condition("Conflicted", "True", "HostnameConflict"),
       Condition("OverlappingTLSConfig", "True", "OverlappingHostnames")});
  cluster.List(kApi + "gateways", {gateway});
  json unjudged = RouteOf("new", GoodConditions());
  unjudged.erase("status");
  cluster.List(kApi + "httproutes",
               {RouteOf("shop", GoodConditions()),
                RouteOf("bad", json::array({Condition("Accepted", "True", "Accepted"),
                                            Condition("ResolvedRefs", "False", "BackendNotFound")})),
                unjudged});
  const StatusReport report = cluster.Read();
  CheckShows(
      report, 1,
      {"  ! listener http: ResolvedRefs=False InvalidCertificateRef: ",
       "  ! listener http: Conflicted=True HostnameConflict: ", "3 routes, 2 not as wanted\n", "HTTPRoute demo/bad\n",
       "  ! parent demo/edge: ResolvedRefs=False BackendNotFound: ", "HTTPRoute demo/new\n",
       "  ! parent demo/edge: Accepted=Unknown Pending: no controller has judged it yet\n"});
  CHECK(TextOf(report).find("OverlappingTLSConfig") == std::string::npos);
}

TEST_CASE("Routes of other Gateways and other controllers' words are left out") {
  Cluster cluster;
  json route = RouteOf("shop", GoodConditions());
  route["status"]["parents"].push_back({{"controllerName", "example.com/other"},
                                        {"parentRef", {{"name", "edge"}}},
                                        {"conditions", json::array({Condition("Accepted", "False", "No")})}});
  json foreign = RouteOf("foreign", json::array({Condition("Accepted", "False", "No")}));
  foreign["spec"]["parentRefs"][0]["name"] = "foreign";
  foreign["status"]["parents"][0]["parentRef"]["name"] = "foreign";
  json service = RouteOf("mesh", json::array());
  service["spec"]["parentRefs"][0] = {{"group", ""}, {"kind", "Service"}, {"name", "edge"}};
  service.erase("status");
  cluster.List(kApi + "httproutes", {route, foreign, service});
  CheckShows(cluster.Read(), 0, {"1 routes, 0 not as wanted\n"});
}

TEST_CASE("Data planes that are behind, refuse something, or aren't connected") {
  Cluster cluster;
  json behind = DataPlane("edge-1");
  behind["snapshot"] = "00000000000000000000";
  behind["current"] = false;
  json refusing = DataPlane("edge-2");
  refusing["refused"] = json::array(
      {{{"object", "HTTPRoute demo/shop"}, {"field", "matches[0].path.value"}, {"message", "no expression"}}});
  cluster.DataPlanes({behind, refusing, DataPlane("foreign-1", "demo/foreign")});
  cluster.List("/api/v1/pods",
               {Pod("edge-1", "demo", "edge"), Pod("edge-2", "demo", "edge"), Pod("edge-3", "demo", "edge")});
  const StatusReport report = cluster.Read();
  CheckShows(report, 1,
             {"edge-1      demo/edge  yes        000000000000  behind\n", "  ! it should run 0123abcd\n",
              "edge-2      demo/edge  yes        0123abcd      current\n",
              "  ! refuses HTTPRoute demo/shop: matches[0].path.value: no expression\n",
              "edge-3      demo/edge  no         -             unknown\n"});
  CHECK(TextOf(report).find("foreign-1") == std::string::npos);
}

TEST_CASE("Pods that are over don't count, and a Gateway without data planes does") {
  Cluster cluster;
  json done = Pod("edge-0", "demo", "edge");
  done["status"]["phase"] = "Succeeded";
  json going = Pod("edge-1", "demo", "edge");
  going["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z";
  cluster.List("/api/v1/pods", {done, going});
  cluster.DataPlanes({});
  const StatusReport report = cluster.Read();
  CHECK(report.data_planes.empty());
  CheckShows(report, 1, {"! no data plane of demo/edge is connected\n"});
}

TEST_CASE("What can't be found out is said, and ends with 2 where nothing else is wrong") {
  Cluster cluster;
  cluster.Answer(kProxy, 503, R"({"kind": "Status", "message": "no route to host"})");
  CheckShows(cluster.Read(), 2,
             {"? controller portreeve-system/controller-1: the API server answers 503: no route to host\n",
              "? data plane edge-1 of demo/edge: no controller that was asked knows of it\n"});
  cluster.Answer(kProxy, 200, "no json");
  CheckShows(cluster.Read(), 2, {"? controller portreeve-system/controller-1: the answer is no JSON\n"});
  cluster.Answer(kProxy, 200, "{}");
  CheckShows(cluster.Read(), 2, {"its answer has no dataPlanes\n"});
  cluster.Answer(kControllerPods, 403, R"({"message": "pods is forbidden"})");
  CheckShows(cluster.Read(), 2, {"? controllers in portreeve-system: the API server answers 403: pods is forbidden\n"});
  cluster.Answer("/api/v1/pods", 403, R"({"message": "pods is forbidden"})");
  CheckShows(cluster.Read(), 2, {"? pods of data planes: ", "edge-1      demo/edge  yes"});
  StatusOptions elsewhere;
  elsewhere.controller_namespace = "elsewhere";
  cluster.server.SetIntercept(nullptr);
  cluster.List("/api/v1/namespaces/elsewhere/pods", {});
  CheckShows(cluster.Read(elsewhere), 2,
             {"? controllers: no pod in elsewhere has the labels", "--controller-namespace"});
}

TEST_CASE("What is wrong counts more than what isn't known") {
  Cluster cluster;
  cluster.List(kApi + "httproutes", {RouteOf("bad", json::array({Condition("Accepted", "False", "No")}))});
  cluster.Answer(kProxy, 503, "");
  CHECK(ExitCodeOf(cluster.Read()) == 1);
}

TEST_CASE("Two controllers have their own data planes each") {
  Cluster cluster;
  cluster.List(kControllerPods, {Pod("controller-1", "portreeve-system"), Pod("controller-2", "portreeve-system")});
  cluster.List("/api/v1/pods", {Pod("edge-1", "demo", "edge"), Pod("edge-2", "demo", "edge")});
  cluster.server.Put(kControllerPods + "/controller-2:18001/proxy/dataplanes",
                     json({{"metadata", json::object()}, {"dataPlanes", json::array({DataPlane("edge-2")})}}).dump());
  CheckShows(cluster.Read(), 0, {"edge-1      demo/edge  yes", "edge-2      demo/edge  yes"});
}

TEST_CASE("Without Gateways, classes or routes there is nothing to say") {
  Cluster cluster;
  cluster.Answer(kApi + "gateways", 403, R"({"message": "not you"})");
  CHECK(cluster.Error() ==
        "Gateways can't be read: the API server answers 403: not you; grant get and list of "
        "gateways.gateway.networking.k8s.io");
  cluster.server.SetIntercept(nullptr);
  cluster.server.Delete(kApi + "httproutes");
  CHECK(cluster.Error() ==
        "HTTPRoutes can't be read: the API server answers 404: not found; install the Gateway API's CRDs");
  cluster.List(kApi + "httproutes", {});
  cluster.List(kApi + "gateways", {});
  CheckShows(cluster.Read(), 0, {"There are no Gateways of this controller's.\n"});
}

TEST_CASE("An older version of the API is asked when the server has no newer one") {
  Cluster cluster;
  cluster.server.Delete(kApi + "gateways");
  cluster.List("/apis/gateway.networking.k8s.io/v1beta1/gateways", {GatewayOf("edge")});
  CHECK(ExitCodeOf(cluster.Read()) == 0);
}

TEST_CASE("Lists come in pages, of one namespace where one is named") {
  Cluster cluster;
  const std::string routes = kApi + "namespaces/demo/httproutes";
  cluster.List(kApi + "namespaces/demo/gateways", {GatewayOf("edge")});
  cluster.List("/api/v1/namespaces/demo/pods", {Pod("edge-1", "demo", "edge")});
  cluster.server.SetIntercept([&](const kube::ApiRequest& request) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    if (!absl::StartsWith(request.path, routes + "?limit=")) return std::nullopt;
    const bool second = request.path.find("&continue=a%2Fb") != std::string::npos;
    const json page = {{"metadata", {{"continue", second ? "" : "a/b"}}},
                       {"items", json::array({RouteOf(second ? "two" : "one", GoodConditions())})}};
    return kube::ApiResponse{200, page.dump(), std::nullopt};
  });
  StatusOptions options;
  options.access.namespaces = {"demo"};
  CheckShows(cluster.Read(options), 0, {"2 routes, 0 not as wanted\n"});
}

TEST_CASE("The status in JSON has all that the text has") {
  Cluster cluster;
  cluster.List(kApi + "httproutes", {RouteOf("bad", json::array({Condition("Accepted", "False", "No")}))});
  std::ostringstream out;
  PrintJson(cluster.Read(), out);
  const json all = json::parse(out.str());
  CHECK(all.at("gateways")[0].at("name") == "demo/edge");
  CHECK(all.at("gateways")[0].at("accepted").at("status") == "True");
  CHECK(all.at("gateways")[0].at("listeners")[0].at("attachedRoutes") == 2);
  CHECK(all.at("dataPlanes")[0].at("pod") == "edge-1");
  CHECK(all.at("dataPlanes")[0].at("current") == true);
  CHECK(all.at("routes")[0].at("complaints")[0].at("where") == "parent demo/edge");
  CHECK(all.at("routes")[0].at("complaints")[0].at("reason") == "No");
  CHECK(all.at("problems").empty());
  CHECK(all.at("unknown").empty());
}

TEST_CASE("A cluster that can't be found ends with 2") {
  StatusOptions options;
  options.access.kubeconfig = "/nowhere/config";
  CHECK(RunStatus(options, false) == 2);
}

}  // namespace
}  // namespace portreeve::cli
