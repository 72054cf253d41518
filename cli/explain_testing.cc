#include "cli/explain_testing.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "controller/kube/test_certificates.h"

namespace portreeve::cli::testing {
namespace {

std::string Service(const std::string& name, int endpoint_port) {
  const std::string service = absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                                           ", namespace: demo}\nspec: {ports: [{port: 80, targetPort: 9000}]}\n");
  if (endpoint_port == 0) return service;
  return absl::StrCat(service, "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ", name,
                      "-1, namespace: demo, labels: {kubernetes.io/service-name: ", name,
                      "}}\naddressType: IPv4\nports: [{port: ", endpoint_port,
                      "}]\nendpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]\n");
}

std::string CertificateSecret() {
  static const kube::TestCertificate certificate =
      kube::TestCertificate::Authority("test").Sign("shop.example.com", "DNS:shop.example.com,DNS:*.example.com");
  std::string chain;
  std::string key;
  absl::Base64Escape(certificate.pem(), &chain);
  absl::Base64Escape(certificate.key_pem(), &key);
  return absl::StrCat("---\napiVersion: v1\nkind: Secret\nmetadata: {name: cert, namespace: demo}\n",
                      "type: kubernetes.io/tls\ndata: {tls.crt: ", chain, ", tls.key: ", key, "}\n");
}

}  // namespace

YamlFolder::YamlFolder() : path_("/tmp/portreeve-explain-XXXXXX") {
  REQUIRE(mkdtemp(path_.data()) != nullptr);
}

YamlFolder::~YamlFolder() {
  std::filesystem::remove_all(path_);
}

void YamlFolder::Write(const std::string& file, const std::string& text) const {
  std::ofstream(path_ + "/" + file) << text;
}

std::string Services() {
  return absl::StrCat(
      "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: portreeve}\n"
      "spec: {controllerName: portreeve.dev/controller}\n"
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: demo}\n",
      Service("one", 9001), Service("two", 9002), Service("empty", 0));
}

std::string Gateway(const std::string& name, const std::string& listeners) {
  return absl::StrCat("---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: ", name,
                      ", namespace: demo}\nspec: {gatewayClassName: portreeve, listeners: [", listeners, "]}\n");
}

std::string Edge() {
  return absl::StrCat(Services(), CertificateSecret(),
                      Gateway("edge",
                              "{name: http, port: 8080, protocol: HTTP}, "
                              "{name: wild, port: 8081, protocol: HTTP, hostname: '*.example.com'}, "
                              "{name: exact, port: 8081, protocol: HTTP, hostname: a.example.com}, "
                              "{name: tls, port: 8443, protocol: HTTPS, hostname: shop.example.com, tls: "
                              "{certificateRefs: [{name: cert}]}}, "
                              "{name: tls-other, port: 8443, protocol: HTTPS, hostname: '*.example.com', "
                              "tls: {certificateRefs: [{name: cert}]}}, "
                              "{name: bare, port: 8444, protocol: HTTPS, tls: {certificateRefs: [{name: ghost}]}}"));
}

std::string Route(const std::string& name, const std::string& spec, const std::string& more_metadata) {
  const bool has_parent = spec.find("parentRefs") != std::string::npos;
  return absl::StrCat("---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: ", name,
                      ", namespace: demo", more_metadata, "}\nspec: {",
                      has_parent ? "" : "parentRefs: [{name: edge, sectionName: http}], ", spec, "}\n");
}

Explanation ExplainYaml(const std::string& yaml, ExplainCommand command) {
  const YamlFolder folder(yaml);
  command.from.folder = folder.path();
  const auto asked = ParseRequest(command.words, command.headers);
  INFO(asked.status());
  REQUIRE(asked.ok());
  const auto objects = ReadFolder(folder.path(), command.gateway.empty());
  REQUIRE(objects.ok());
  for (const auto& problem : objects->problems) UNSCOPED_INFO(problem);
  REQUIRE(objects->problems.empty());
  auto explanation = ExplainObjects(*objects, command, *asked);
  INFO(explanation.status());
  REQUIRE(explanation.ok());
  return *std::move(explanation);
}

std::string TextOf(const Explanation& explanation) {
  std::ostringstream out;
  PrintText(explanation, out);
  return out.str();
}

}  // namespace portreeve::cli::testing
