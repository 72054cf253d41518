// `portreeve validate` against an API server, which may be slow, away, or forbid things.
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/validate.h"
#include "controller/kube/fault_api_server.h"
#include "controller/kube/test_certificates.h"

namespace portreeve::cli {
namespace {

using kube::FaultApiServer;
using nlohmann::json;
using Seen = FaultApiServer::Seen;
using Fault = FaultApiServer::Fault;

const std::string kApi = "/apis/gateway.networking.k8s.io/v1/";

json Meta(const std::string& name, const std::string& ns = "demo") {
  json meta = {{"name", name}};
  if (!ns.empty()) meta["namespace"] = ns;
  return meta;
}

json TlsListener() {
  return {{"name", "tls"},
          {"port", 443},
          {"protocol", "HTTPS"},
          {"tls", {{"certificateRefs", json::array({{{"name", "cert"}}})}}}};
}

json Route(const std::string& name, const std::string& service, const std::string& ns = "demo") {
  return {{"metadata", Meta(name, ns)},
          {"spec",
           {{"parentRefs", json::array({{{"name", "edge"}}})},
            {"rules", json::array({{{"backendRefs", json::array({{{"name", service}, {"port", 80}}})}}})}}}};
}

std::string Base64(const std::string& text) {
  std::string encoded;
  absl::Base64Escape(text, &encoded);
  return encoded;
}

// A cluster in which all is well.
class Cluster {
 public:
  Cluster() {
    server.ServeAll();
    server.Put(kApi + "gatewayclasses",
               {{"metadata", Meta("portreeve", "")}, {"spec", {{"controllerName", "portreeve.dev/controller"}}}});
    server.Put(
        kApi + "gateways",
        {{"metadata", Meta("edge")},
         {"spec",
          {{"gatewayClassName", "portreeve"},
           {"listeners", json::array({{{"name", "http"}, {"port", 80}, {"protocol", "HTTP"}}, TlsListener()})}}}});
    server.Put(kApi + "httproutes", Route("shop", "shop"));
    server.Put("/api/v1/services",
               {{"metadata", Meta("shop")}, {"spec", {{"ports", json::array({{{"port", 80}, {"targetPort", 80}}})}}}});
    const auto certificate = kube::TestCertificate::Authority("test").Sign("shop", "DNS:shop.example.com");
    server.Put("/api/v1/secrets",
               {{"metadata", Meta("cert")},
                {"type", "kubernetes.io/tls"},
                {"data", {{"tls.crt", Base64(certificate.pem())}, {"tls.key", Base64(certificate.key_pem())}}}});
  }

  absl::StatusOr<Objects> Read(const ClusterAccess& access = {}) const {
    return ReadCluster(server.NewClient(), access);
  }
  Findings Examine(const ClusterAccess& access = {}) const {
    auto objects = Read(access);
    INFO(objects.status());
    REQUIRE(objects.ok());
    return cli::Examine(*std::move(objects));
  }
  std::string ErrorOf(std::chrono::milliseconds timeout) const {
    ClusterAccess access;
    access.timeout = timeout;
    const auto objects = Read(access);
    REQUIRE_FALSE(objects.ok());
    return std::string(objects.status().message());
  }
  void Forbid(const std::string& collection) {
    server.SetFault([collection](const Seen& seen) -> std::optional<Fault> {
      if (seen.collection != collection) return std::nullopt;
      return Fault{.status = 403, .message = "forbidden: no such right"};
    });
  }

  FaultApiServer server;
};

std::string TextOf(const Findings& findings) {
  std::ostringstream out;
  PrintText(findings, out);
  return out.str();
}

constexpr std::chrono::milliseconds kShort{600};

TEST_CASE("A cluster is read with its Secrets, and printed as a folder is") {
  const Cluster cluster;
  const Findings findings = cluster.Examine();
  CHECK_FALSE(findings.refused());
  const std::string text = TextOf(findings);
  CHECK(text.find("ok      Gateway demo/edge\n") != std::string::npos);
  CHECK(text.find("ok      HTTPRoute demo/shop\n") != std::string::npos);
  CHECK(text.find("3 objects with a status, 0 refused") != std::string::npos);
  CHECK(cluster.server.Count([](const Seen& seen) { return seen.method != "GET"; }) == 0);
}

TEST_CASE("What is refused in a cluster is told like in a folder") {
  Cluster cluster;
  cluster.server.Put(kApi + "httproutes", Route("bad", "ghost"));
  const Findings findings = cluster.Examine();
  CHECK(findings.refused());
  CHECK(TextOf(findings).find("ResolvedRefs=False BackendNotFound") != std::string::npos);
}

TEST_CASE("One namespace alone is read when one is named") {
  Cluster cluster;
  cluster.server.Put(kApi + "httproutes", Route("bad", "ghost", "other"));
  ClusterAccess access;
  access.namespaces = {"demo"};
  CHECK_FALSE(cluster.Examine(access).refused());
  CHECK(cluster.Examine().refused());
}

TEST_CASE("A kind that may not be read is told of, and the others are judged") {
  Cluster cluster;
  cluster.Forbid("/api/v1/secrets");
  const Findings findings = cluster.Examine();
  REQUIRE(findings.unread.size() == 1);
  CHECK(findings.unread[0].find("Secret") == 0);
  CHECK(TextOf(findings).find("NOT READ Secret: ") != std::string::npos);
  CHECK(TextOf(findings).find("InvalidCertificateRef") != std::string::npos);
  std::ostringstream out;
  PrintJson(findings, out);
  CHECK(json::parse(out.str()).at("unread").size() == 1);
}

TEST_CASE("Without the right to read Gateways nothing is said but that, and at once") {
  Cluster cluster;
  cluster.Forbid(kApi + "gateways");
  const std::string error = cluster.ErrorOf(std::chrono::seconds(30));
  CHECK(error.find("this user may not read Gateway (") == 0);
  CHECK(error.find("no such right") != std::string::npos);
}

TEST_CASE("What isn't read in time is named, with the reason") {
  Cluster cluster;
  cluster.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection == kApi + "httproutes") return Fault{.status = 500, .message = "etcd is slow"};
    return std::nullopt;
  });
  const std::string error = cluster.ErrorOf(kShort);
  CHECK(error.find("not everything could be read within 0.6 s: HTTPRoute (") == 0);
  CHECK(error.find("etcd is slow") != std::string::npos);
  CHECK(error.find("Gateway") == std::string::npos);
  cluster.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection == kApi + "httproutes") return Fault{.hang = true};
    return std::nullopt;
  });
  CHECK(cluster.ErrorOf(kShort).find("HTTPRoute (") != std::string::npos);
  cluster.server.EndHangs();
}

TEST_CASE("An API server that is away is one error") {
  Cluster cluster;
  cluster.server.Down();
  CHECK(cluster.ErrorOf(kShort).find("the API server can't be reached within 0.6 s: ") == 0);
}

TEST_CASE("A missing CRD is no error: there are no such objects") {
  Cluster cluster;
  cluster.server.Withdraw("/apis/gateway.networking.k8s.io/v1/referencegrants");
  CHECK_FALSE(cluster.Examine().refused());
}

TEST_CASE("The command takes a kubeconfig, and one that can't be read is an error") {
  const Cluster cluster;
  char folder[] = "/tmp/portreeve-kubeconfig-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string file = std::string(folder) + "/config";
  std::ofstream(file) << "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                      << "clusters: [{name: c, cluster: {server: '" << cluster.server.Client().url << "'}}]\n"
                      << "users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";
  ObjectsFrom from;
  from.cluster = true;
  from.access.kubeconfig = file;
  CHECK(Validate(from, true) == 0);
  from.access.kubeconfig = std::string(folder) + "/none";
  CHECK(Validate(from, true) == 2);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace portreeve::cli
