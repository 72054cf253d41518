#include "controller/kube/kube_config.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace portreeve::kube {
namespace {

// Files and an environment that last as long as the test.
class Rig {
 public:
  Rig() { REQUIRE(mkdtemp(folder_) != nullptr); }
  ~Rig() { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = std::string(folder_) + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  absl::StatusOr<KubeConfig> Find() {
    search.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
    return FindKubeConfig(search);
  }
  // The complaint about a kubeconfig with this text, its path cut off.
  std::string Complaint(const std::string& text) {
    search.file = Write("config", text);
    const auto config = Find();
    REQUIRE_FALSE(config.ok());
    std::string message(config.status().message());
    const std::string prefix = "kubeconfig " + search.file;
    REQUIRE(message.starts_with(prefix));
    return message.substr(prefix.size());
  }
  std::string folder() const { return folder_; }

  KubeConfigSearch search;
  std::map<std::string, std::string> environment;

 private:
  char folder_[40] = "/tmp/kubeconfig-test-XXXXXX";
};

const std::string kConfig = R"(
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: Q0E=, tls-server-name: kube.test}
- name: c2
  cluster: {server: "https://[fd00::1]:6443", certificate-authority: ca/ca.crt}
- name: c3
  cluster: {server: "https://x", insecure-skip-tls-verify: true}
contexts:
- name: one
  context: {cluster: c1, user: token}
- name: two
  context: {cluster: c2, user: files, namespace: edge}
- name: three
  context: {cluster: c3, user: inline}
users:
- name: token
  user: {token: hunter2}
- name: files
  user: {client-certificate: ca/client.crt, client-key: ca/client.key, tokenFile: token}
- name: inline
  user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}
preferences: {}
)";

TEST_CASE("The current context is taken, or the one that is named") {
  Rig rig;
  rig.search.file = rig.Write("config", kConfig);
  rig.Write("ca/ca.crt", "FILE CA");
  rig.Write("ca/client.crt", "FILE CERT");
  rig.Write("ca/client.key", "FILE KEY");
  auto one = rig.Find();
  REQUIRE(one.ok());
  CHECK(one->server.url == "https://10.0.0.1:6443");
  CHECK(one->server.ca_pem == "CA");
  CHECK(one->server.tls_server_name == "kube.test");
  CHECK(one->server.token.Reveal() == "hunter2");
  CHECK_FALSE(one->server.insecure);
  CHECK(one->namespace_ == "default");

  rig.search.context = "two";
  auto two = rig.Find();
  REQUIRE(two.ok());
  CHECK(two->server.ca_pem == "FILE CA");
  CHECK(two->server.client_certificate_pem == "FILE CERT");
  CHECK(two->server.client_key_pem.Reveal() == "FILE KEY");
  CHECK(two->server.token_file == rig.folder() + "/token");
  CHECK(two->namespace_ == "edge");

  rig.search.context = "three";
  auto three = rig.Find();
  REQUIRE(three.ok());
  CHECK(three->server.insecure);
  CHECK(three->server.client_certificate_pem == "CERT");
  CHECK(three->server.client_key_pem.Reveal() == "KEY");
}

TEST_CASE("In a pod its service account is used") {
  Rig rig;
  rig.search.service_account_folder = rig.folder() + "/sa";
  rig.environment = {{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  CHECK(std::string(rig.Find().status().message()).find("automountServiceAccountToken") != std::string::npos);
  rig.Write("sa/ca.crt", "POD CA");
  rig.Write("sa/namespace", "portreeve");
  const auto config = rig.Find();
  REQUIRE(config.ok());
  CHECK(config->server.url == "https://[fd00::1]:443");
  CHECK(config->server.ca_pem == "POD CA");
  CHECK(config->server.token_file == rig.folder() + "/sa/token");
  CHECK(config->namespace_ == "portreeve");
  CHECK(config->origin == "in-cluster");
}

TEST_CASE("KUBECONFIG goes before the pod, and the pod before the home folder") {
  Rig rig;
  rig.environment = {{"HOME", rig.folder()}};
  CHECK(rig.Find().status().message() ==
        "no API server is known: this is no pod, KUBECONFIG isn't set and there is no ~/.kube/config; name a "
        "kubeconfig");
  rig.Write(".kube/config", kConfig);
  CHECK(rig.Find()->origin == rig.folder() + "/.kube/config, context one");
  rig.search.service_account_folder = rig.folder() + "/sa";
  rig.Write("sa/ca.crt", "CA");
  rig.environment["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  CHECK(rig.Find()->origin == "in-cluster");
  rig.environment["KUBECONFIG"] = rig.Write("other", kConfig);
  CHECK(rig.Find()->origin == rig.folder() + "/other, context one");
}

TEST_CASE("Several files are merged: the first one that knows a name wins") {
  Rig rig;
  const std::string first = rig.Write("first", R"(
contexts: [{name: mine, context: {cluster: shared, user: token}}]
current-context: mine
)");
  const std::string second = rig.Write("second", R"(
clusters: [{name: shared, cluster: {server: "https://second"}}]
users: [{name: token, user: {token: second}}]
current-context: other
)");
  const std::string third = rig.Write("third", R"(
clusters: [{name: shared, cluster: {server: "https://third"}}]
users: [{name: token, user: {token: third}}]
)");
  rig.environment["KUBECONFIG"] = first + ":/nowhere/config::" + second + ":" + third;
  const auto config = rig.Find();
  REQUIRE(config.ok());
  CHECK(config->server.url == "https://second");
  CHECK(config->server.token.Reveal() == "second");
  rig.environment["KUBECONFIG"] = "/nowhere/config";
  CHECK(std::string(rig.Find().status().message()).starts_with("kubeconfig /nowhere/config can't be read"));
}

TEST_CASE("A kubeconfig that can't be used says file, line, reason and remedy") {
  Rig rig;
  CHECK(rig.Complaint("clusters: [\n- a: {b\n").find(": not readable as YAML: ") != std::string::npos);
  CHECK(rig.Complaint("# nothing\n") == " is empty; name another one");
  CHECK(rig.Complaint("[]\n").starts_with(":1:1: error: must be a mapping"));
  CHECK(rig.Complaint("clusters: []\n") ==
        ": no current-context; run `kubectl config use-context NAME`, or name a context");
  CHECK(rig.Complaint("current-context: gone\n") ==
        ": contexts has no entry \"gone\"; add it, or choose another context (`kubectl config get-contexts` lists "
        "them)");
  CHECK(rig.Complaint("current-context: a\ncontexts: {a: b}\n") ==
        ":2:11: error: contexts: must be a list; write its entries with \"- \" in front");
  CHECK(rig.Complaint("current-context: a\ncontexts:\n- {name: a, context: {user: u}}\n")
            .starts_with(":3:22: error: contexts[0].context.cluster: is required"));
  CHECK(rig.Complaint("current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u}}\n")
            .starts_with(": clusters has no entry \"c\""));
}

// The complaint about one user, or one cluster.
std::string UserComplaint(Rig& rig, const std::string& user) {
  return rig.Complaint(
      "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
      "clusters: [{name: c, cluster: {server: \"https://x\"}}]\nusers:\n- name: u\n  user:\n" +
      user);
}
std::string ClusterComplaint(Rig& rig, const std::string& cluster) {
  return rig.Complaint(
      "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters:\n- name: c\n"
      "  cluster:\n" +
      cluster);
}

TEST_CASE("Plug-ins, passwords, proxies and impersonation are refused with what to do instead") {
  Rig rig;
  const std::string exec = UserComplaint(rig, "    exec: {command: aws, apiVersion: v1}\n");
  CHECK(exec.starts_with(":7:5: error: users[0].user.exec: plug-ins that fetch credentials are not run; "));
  CHECK(exec.find("kubectl create token") != std::string::npos);
  CHECK(UserComplaint(rig, "    auth-provider: {name: gcp}\n").find("users[0].user.auth-provider") !=
        std::string::npos);
  CHECK(UserComplaint(rig, "    username: a\n    password: b\n").find("take no passwords") != std::string::npos);
  CHECK(UserComplaint(rig, "    as: root\n").find("impersonation") != std::string::npos);
  CHECK(
      ClusterComplaint(rig, "    server: https://x\n    proxy-url: http://p\n").find("clusters[0].cluster.proxy-url") !=
      std::string::npos);
  CHECK(ClusterComplaint(rig,
                         "    server: https://x\n    certificate-authority-data: Q0E=\n"
                         "    insecure-skip-tls-verify: true\n")
            .find("remove one of the two") != std::string::npos);
}

TEST_CASE("Credentials that can't be read are named, never quoted") {
  Rig rig;
  for (const std::string user :
       {"    client-certificate-data: hunter2!\n    client-key-data: S0VZ\n", "    client-certificate-data: Q0VSVA==\n",
        "    client-key-data: hunter2!\n", "    client-certificate: nowhere.crt\n    client-key: nowhere.key\n",
        "    token: [hunter2]\n", "    token: {hunter2: x}\n"}) {
    INFO(user);
    const std::string complaint = UserComplaint(rig, user);
    CHECK(complaint.find("users[0].user.") != std::string::npos);
    CHECK(complaint.find("hunter2") == std::string::npos);
  }
}

}  // namespace
}  // namespace portreeve::kube
