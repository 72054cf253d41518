#include "controller/translate/random_world.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>

#include "controller/gatewayapi/decode.h"
#include "controller/translate/text.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Kind;
using gatewayapi::Object;
using gatewayapi::ObjectKey;

const std::vector<std::string> kNamespaces = {"a", "b", "c"};
const std::vector<std::string> kNames = {"x", "y"};
const std::vector<std::string> kHosts = {"", "*.example.com", "a.example.com", "*.a.example.com", "b.example.org"};
const std::vector<std::string> kProtocols = {"HTTP", "HTTP", "HTTPS", "HTTPS", "TCP"};
const std::vector<std::string> kPaths = {"/", "/a", "/a/b"};

// A key pair that fits together, from the golden files.
gatewayapi::Secret GoodPair() {
  const std::string path =
      std::string(PORTREEVE_SOURCE_DIR) + "/controller/translate/testdata/certificate-good.in.yaml";
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  for (const gatewayapi::DecodedObject& object : gatewayapi::DecodeDocuments(text, path).objects) {
    if (object.key.kind == Kind::kSecret) return **std::get_if<gatewayapi::Ptr<gatewayapi::Secret>>(&object.object);
  }
  return {};
}

template <typename T>
Object Share(T&& object) {
  return std::make_shared<const std::decay_t<T>>(std::forward<T>(object));
}

}  // namespace

std::string CanaryOf(const gatewayapi::ObjectMeta& secret) {
  return Concat("CANARY-", secret.namespace_, "-", secret.name, "-");
}

gatewayapi::ObjectMeta RandomWorld::Meta(const ObjectKey& key) {
  gatewayapi::ObjectMeta meta;
  meta.namespace_ = key.namespace_;
  meta.name = key.name;
  meta.generation = static_cast<int64_t>(Below(3)) + 1;
  meta.creation_timestamp = static_cast<int64_t>(Below(3));
  return meta;
}

std::optional<std::string> RandomWorld::MaybeNamespace() {
  if (OneIn(2)) return std::nullopt;
  return Pick(kNamespaces);
}

std::vector<Object> RandomWorld::Objects() {
  std::vector<Object> objects;
  std::set<ObjectKey> keys;
  auto add = [&](Kind kind, const std::string& namespace_, const std::string& name) {
    const ObjectKey key{kind, namespace_, name};
    if (!OneIn(4) && keys.insert(key).second) objects.push_back(Make(key));
  };
  for (const char* name : {"ours", "theirs", "spoiled"}) add(Kind::kGatewayClass, "", name);
  for (const std::string& namespace_ : kNamespaces) {
    add(Kind::kNamespace, "", namespace_);
    for (const std::string& name : kNames) {
      for (const Kind kind : {Kind::kGateway, Kind::kHTTPRoute, Kind::kReferenceGrant, Kind::kService, Kind::kSecret}) {
        add(kind, namespace_, name);
      }
      add(Kind::kEndpointSlice, namespace_, name + "-1");
      add(Kind::kEndpointSlice, namespace_, name + "-2");
    }
  }
  return objects;
}

Object RandomWorld::Again(const ObjectKey& key) {
  return Make(key);
}

Object RandomWorld::Make(const ObjectKey& key) {
  switch (key.kind) {
    case Kind::kGatewayClass: {
      gatewayapi::GatewayClass made{.metadata = Meta(key), .spec = {}, .status = {}};
      made.spec.controller_name = key.name == "theirs" ? "example.com/other" : "portreeve.dev/controller";
      if (key.name == "spoiled") made.spec.parameters_ref = gatewayapi::ObjectReference{"example.com", "C", "c", "a"};
      return Share(std::move(made));
    }
    case Kind::kNamespace: {
      gatewayapi::Namespace made{.metadata = Meta(key)};
      made.metadata.labels = {{"kubernetes.io/metadata.name", key.name}, {"team", OneIn(2) ? "in" : "out"}};
      return Share(std::move(made));
    }
    case Kind::kGateway:
      return MakeGateway(key);
    case Kind::kHTTPRoute:
      return MakeRoute(key);
    case Kind::kReferenceGrant:
      return MakeGrant(key);
    case Kind::kService:
      return MakeService(key);
    case Kind::kEndpointSlice:
      return MakeSlice(key);
    case Kind::kSecret:
    case Kind::kConfigMap:
    case Kind::kDataPlaneConfig:
      return MakeSecret(key);
  }
  return {};
}

gatewayapi::Listener RandomWorld::MakeListener(size_t index) {
  gatewayapi::Listener listener;
  listener.name = Concat("l", index);
  const std::string& host = Pick(kHosts);
  if (!host.empty()) listener.hostname = host;
  listener.protocol = Pick(kProtocols);
  listener.port = static_cast<uint16_t>((listener.protocol == "HTTPS" && !OneIn(5) ? 443 : 80) + Below(4));
  if (listener.protocol == "HTTPS") {
    listener.tls.emplace();
    for (size_t i = 0; i <= Below(2); ++i) {
      listener.tls->certificate_refs.push_back({"", OneIn(9) ? "ConfigMap" : "Secret", Pick(kNames), MaybeNamespace()});
    }
  }
  using gatewayapi::FromNamespaces;
  listener.allowed_routes.namespaces.from =
      Pick(std::vector<FromNamespaces>{FromNamespaces::kAll, FromNamespaces::kSame, FromNamespaces::kSelector});
  if (listener.allowed_routes.namespaces.from == FromNamespaces::kSelector) {
    listener.allowed_routes.namespaces.selector.emplace().match_labels = {{"team", "in"}};
  }
  if (OneIn(6)) listener.allowed_routes.kinds.push_back({std::string(gatewayapi::kGatewayGroup), "GRPCRoute"});
  return listener;
}

Object RandomWorld::MakeGateway(const ObjectKey& key) {
  gatewayapi::Gateway made{.metadata = Meta(key), .spec = {}, .status = {}};
  made.spec.gateway_class_name = OneIn(6) ? (OneIn(2) ? "theirs" : "spoiled") : "ours";
  for (size_t i = 0; i <= Below(3); ++i) made.spec.listeners.push_back(MakeListener(i));
  if (OneIn(3)) made.status.conditions.push_back({"example.com/Mine", "True", "Own", "m", 1, "2024-01-01T00:00:00Z"});
  return Share(std::move(made));
}

gatewayapi::HTTPRouteRule RandomWorld::MakeRule() {
  gatewayapi::HTTPRouteRule rule;
  gatewayapi::HTTPRouteMatch match;
  match.path.value = Pick(kPaths);
  if (OneIn(6)) match.path = {gatewayapi::PathMatchType::kRegularExpression, OneIn(2) ? "/(" : "/.*"};
  rule.matches.push_back(match);
  for (size_t i = 0; i < Below(3); ++i) {
    gatewayapi::HTTPBackendRef ref;
    ref.kind = OneIn(9) ? "Thing" : "Service";
    ref.namespace_ = MaybeNamespace();
    ref.name = Pick(kNames);
    ref.port = static_cast<uint16_t>(80 + Below(2));
    ref.weight = static_cast<int32_t>(Below(3));
    rule.backend_refs.push_back(ref);
  }
  if (OneIn(5)) {
    gatewayapi::HTTPRouteFilter filter;
    filter.type = OneIn(2) ? gatewayapi::HTTPRouteFilter::Type::kExtensionRef
                           : gatewayapi::HTTPRouteFilter::Type::kRequestHeaderModifier;
    rule.filters.push_back(filter);
  }
  return rule;
}

Object RandomWorld::MakeRoute(const ObjectKey& key) {
  gatewayapi::HTTPRoute made{.metadata = Meta(key), .spec = {}, .status = {}};
  for (size_t i = 0; i <= Below(3); ++i) {
    gatewayapi::ParentReference ref;
    ref.namespace_ = MaybeNamespace();
    ref.name = Pick(kNames);
    if (OneIn(4)) ref.section_name = Concat("l", Below(3));
    if (OneIn(5)) ref.port = static_cast<uint16_t>(80 + Below(4));
    made.spec.parent_refs.push_back(ref);
    if (OneIn(4)) {
      made.status.parents.push_back({ref, OneIn(2) ? "example.com/other" : "portreeve.dev/controller", {}});
      made.status.parents.back().conditions.push_back({"example.com/Mine", "True", "Own", "m", 1, ""});
    }
  }
  for (size_t i = 0; i < Below(3); ++i) {
    const std::string& host = Pick(kHosts);
    if (!host.empty()) made.spec.hostnames.push_back(host);
  }
  for (size_t i = 0; i <= Below(3); ++i) made.spec.rules.push_back(MakeRule());
  return Share(std::move(made));
}

Object RandomWorld::MakeGrant(const ObjectKey& key) {
  gatewayapi::ReferenceGrant made{.metadata = Meta(key), .spec = {}};
  for (size_t i = 0; i < 4; ++i) {
    made.spec.from.push_back(
        {std::string(gatewayapi::kGatewayGroup), OneIn(2) ? "Gateway" : "HTTPRoute", Pick(kNamespaces)});
  }
  made.spec.to.push_back({"", OneIn(2) ? "Secret" : "Service", std::nullopt});
  if (OneIn(2)) made.spec.to.back().name = Pick(kNames);
  return Share(std::move(made));
}

Object RandomWorld::MakeService(const ObjectKey& key) {
  gatewayapi::Service made{.metadata = Meta(key), .spec = {}};
  made.spec.ports.push_back({.name = "http", .port = 80, .app_protocol = {}});
  if (OneIn(2)) made.spec.ports.push_back({.name = "more", .port = 81, .app_protocol = {}});
  if (OneIn(8)) made.spec.type = "ExternalName";
  return Share(std::move(made));
}

Object RandomWorld::MakeSlice(const ObjectKey& key) {
  gatewayapi::EndpointSlice made{.metadata = Meta(key), .address_type = "IPv4", .endpoints = {}, .ports = {}};
  made.metadata.labels["kubernetes.io/service-name"] = OneIn(6) ? Pick(kNames) : key.name.substr(0, 1);
  for (const char* name : {"http", "more"}) {
    made.ports.push_back({.name = name, .port = static_cast<uint16_t>(8080 + Below(2)), .app_protocol = {}});
  }
  for (size_t i = 0; i < Below(4); ++i) {
    gatewayapi::Endpoint endpoint;
    endpoint.addresses.push_back(Concat("10.0.0.", Below(4) + 1));
    if (OneIn(3)) endpoint.conditions = {.ready = OneIn(2), .serving = true, .terminating = OneIn(2)};
    made.endpoints.push_back(endpoint);
  }
  return Share(std::move(made));
}

// Good and bad ones; each holds its canary, a good one outside of the PEM blocks, where PEM allows text.
Object RandomWorld::MakeSecret(const ObjectKey& key) {
  static const gatewayapi::Secret good = GoodPair();
  gatewayapi::Secret made{.metadata = Meta(key), .type = "kubernetes.io/tls", .data = {}};
  const std::string canary = CanaryOf(made.metadata);
  if (!OneIn(3)) {
    for (const auto& [name, bytes] : good.data) {
      made.data[name] = SecretBytes(Concat(canary, Below(1000), "\n", bytes.Reveal()));
    }
  } else {
    made.data["tls.crt"] = SecretBytes(canary + "crt");
    made.data["tls.key"] = SecretBytes(canary + "key");
    if (OneIn(2)) made.type = "Opaque";
  }
  made.data["other"] = SecretBytes(canary + "other");
  return Share(std::move(made));
}

}  // namespace portreeve::translate
