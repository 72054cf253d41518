#include "cli/validate.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/reasons.h"

namespace portreeve::cli {
namespace {

constexpr const char* kGood = R"(
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
  - {name: http, port: 8080, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: ns}
spec:
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: ns}
spec:
  parentRefs: [{name: gw, sectionName: http}]
  rules:
  - backendRefs: [{name: shop, port: 80}]
)";

constexpr const char* kBadRoute = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bad, namespace: ns}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: ghost, port: 80}]
)";

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(std::string(path_) + "/" + file) << text;
  }
  Findings Examine() const {
    auto objects = ReadFolder(path_);
    REQUIRE(objects.ok());
    return cli::Examine(*std::move(objects));
  }

 private:
  char path_[32] = "/tmp/portreeve-validate-XXXXXX";
};

nlohmann::json JsonOf(const Findings& findings) {
  std::ostringstream out;
  PrintJson(findings, out);
  return nlohmann::json::parse(out.str());
}

std::string TextOf(const Findings& findings) {
  std::ostringstream out;
  PrintText(findings, out);
  return out.str();
}

TEST_CASE("A good folder has nothing that is refused, in Kubernetes' own shape") {
  const Folder folder;
  folder.Write("all.yaml", kGood);
  const Findings findings = folder.Examine();
  CHECK_FALSE(findings.refused());
  const nlohmann::json json = JsonOf(findings);
  REQUIRE(json["objects"].size() == 3);
  CHECK(json["problems"].empty());
  const auto& gateway = json["objects"][1];
  CHECK(gateway["apiVersion"] == "gateway.networking.k8s.io/v1");
  CHECK(gateway["kind"] == "Gateway");
  CHECK(gateway["metadata"] == nlohmann::json({{"namespace", "ns"}, {"name", "gw"}, {"generation", 4}}));
  CHECK(gateway["status"]["listeners"][0]["attachedRoutes"] == 1);
  CHECK(gateway["status"]["listeners"][0]["supportedKinds"][0]["kind"] == "HTTPRoute");
  const auto& parent = json["objects"][2]["status"]["parents"][0];
  CHECK(parent["parentRef"] ==
        nlohmann::json(
            {{"group", "gateway.networking.k8s.io"}, {"kind", "Gateway"}, {"name", "gw"}, {"sectionName", "http"}}));
  CHECK(parent["controllerName"] == "portreeve.dev/controller");
  for (const auto& condition : parent["conditions"]) {
    CHECK(condition["status"] == "True");
    CHECK(condition["observedGeneration"] == json["objects"][2]["metadata"]["generation"]);
    CHECK(condition.contains("reason"));
    CHECK(condition.contains("message"));
  }
  CHECK_FALSE(json["objects"][0]["metadata"].contains("namespace"));
}

TEST_CASE("What is refused is marked, with its reason") {
  const Folder folder;
  folder.Write("all.yaml", kGood);
  folder.Write("bad.yaml", kBadRoute);
  const Findings findings = folder.Examine();
  CHECK(findings.refused());
  const std::string text = TextOf(findings);
  CHECK(text.find("REFUSED HTTPRoute ns/bad (") != std::string::npos);
  CHECK(text.find("/bad.yaml:2)\n") != std::string::npos);
  CHECK(text.find("ok      HTTPRoute ns/shop") != std::string::npos);
  CHECK(text.find("!     ResolvedRefs=False BackendNotFound") != std::string::npos);
}

TEST_CASE("A file that doesn't parse is a problem with its place") {
  const Folder folder;
  folder.Write("all.yaml", kGood);
  folder.Write("broken.yaml", "kind: [\n");
  const Findings findings = folder.Examine();
  CHECK(findings.refused());
  const nlohmann::json problem = JsonOf(findings)["problems"][0];
  CHECK(problem["file"].get<std::string>().find("broken.yaml") != std::string::npos);
  CHECK(problem["line"].get<int>() >= 1);
  CHECK(problem["severity"] == "error");
  CHECK_FALSE(problem["message"].get<std::string>().empty());
  CHECK(TextOf(findings).find("broken.yaml:") != std::string::npos);
}

TEST_CASE("A folder that isn't there is an error") {
  const auto objects = ReadFolder("/nowhere/at/all");
  REQUIRE_FALSE(objects.ok());
  CHECK(std::string(objects.status().message()).find("/nowhere/at/all") != std::string::npos);
  ObjectsFrom from;
  from.folder = "/nowhere/at/all";
  CHECK(Validate(from, false) == 2);
}

TEST_CASE("docs/reasons.md is what this build would write") {
  std::ostringstream out;
  PrintReasons(out);
  std::ifstream in(PORTREEVE_SOURCE_DIR "/docs/reasons.md");
  std::ostringstream text;
  text << in.rdbuf();
  INFO("run: portreeve reasons > docs/reasons.md");
  CHECK(text.str() == out.str());
}

}  // namespace
}  // namespace portreeve::cli
