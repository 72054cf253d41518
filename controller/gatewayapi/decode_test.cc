#include "controller/gatewayapi/decode.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

namespace portreeve::gatewayapi {
namespace {

using std::chrono::milliseconds;

std::string AllProblems(const DecodeResult& result) {
  std::string text;
  for (const Problem& problem : result.problems) text += problem.ToString() + "\n";
  return text;
}

template <typename T>
T DecodeOne(const std::string& text) {
  const DecodeResult result = DecodeDocuments(text, "test.yaml");
  INFO(AllProblems(result));
  REQUIRE(result.problems.empty());
  REQUIRE(result.objects.size() == 1);
  REQUIRE(std::holds_alternative<Ptr<T>>(result.objects[0].object));
  return *std::get<Ptr<T>>(result.objects[0].object);
}

TEST_CASE("HTTPRoute defaults are those of the CRD") {
  const auto route = DecodeOne<HTTPRoute>(R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs: [{name: a, port: 80}]
  - matches: []
  - matches: [{method: GET}, {path: {value: /x}}, {path: {type: Exact}}]
    filters: [{type: RequestRedirect, requestRedirect: {}}]
  - retry: {}
    sessionPersistence: {cookie: {}}
)");
  CHECK(route.metadata.namespace_ == "default");
  CHECK(route.metadata.generation == 0);
  REQUIRE(route.spec.parent_refs.size() == 1);
  CHECK_FALSE(route.spec.parent_refs[0].namespace_);
  CHECK(route.spec.parent_refs[0].kind == "Gateway");
  CHECK(route.spec.parent_refs[0].group == "gateway.networking.k8s.io");
  REQUIRE(route.spec.rules.size() == 4);
  const std::vector<HTTPRouteMatch> default_matches(1);
  CHECK(route.spec.rules[0].matches == default_matches);
  CHECK(route.spec.rules[0].matches[0].path == HTTPPathMatch{PathMatchType::kPathPrefix, "/"});
  CHECK(route.spec.rules[1].matches == default_matches);
  const HTTPBackendRef& backend = route.spec.rules[0].backend_refs.at(0);
  CHECK(backend.weight == 1);
  CHECK(backend.kind == "Service");
  CHECK(backend.group.empty());
  CHECK_FALSE(backend.namespace_);
  CHECK(backend.port == 80);
  const auto& matches = route.spec.rules[2].matches;
  CHECK(matches[0].path == HTTPPathMatch{PathMatchType::kPathPrefix, "/"});
  CHECK(matches[0].method == "GET");
  CHECK(matches[1].path == HTTPPathMatch{PathMatchType::kPathPrefix, "/x"});
  CHECK(matches[2].path == HTTPPathMatch{PathMatchType::kExact, "/"});
  CHECK(route.spec.rules[2].filters.at(0).request_redirect->status_code == 302);
  CHECK(route.spec.rules[3].retry->attempts == 1);
  CHECK(route.spec.rules[3].session_persistence->cookie_path == "/");
}

TEST_CASE("HTTPRoute without rules has one rule that takes everything") {
  const auto route = DecodeOne<HTTPRoute>(
      "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: {}\n");
  REQUIRE(route.spec.rules.size() == 1);
  CHECK(route.spec.rules[0].matches == std::vector<HTTPRouteMatch>(1));
}

TEST_CASE("HTTPRoute in full") {
  const auto route = DecodeOne<HTTPRoute>(R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: r
  namespace: team-a
  generation: 3
  creationTimestamp: 2024-01-01T00:00:00Z
  uid: 12345678-1234-1234-1234-123456789012
  resourceVersion: "77"
  labels: {app: x}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}", example.com/note: "a\nb"}
  managedFields: [{manager: kubectl}]
spec:
  parentRefs:
  - {name: edge, namespace: infra, sectionName: https, port: 443}
  - {name: edge, namespace: infra, sectionName: http, port: 80}
  hostnames: ["a.example.com", "*.example.org"]
  rules:
  - name: first
    matches:
    - path: {type: RegularExpression, value: "/x/[0-9]+"}
      headers: [{name: X-A, value: "1"}, {type: RegularExpression, name: x-b, value: "^a.*"}]
      queryParams: [{name: q, value: "1"}, {type: RegularExpression, name: Q, value: ".*"}]
      method: POST
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: A, value: "1"}], add: [{name: B, value: "2, 3"}], remove: [C]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {remove: [Server]}
    - type: RequestMirror
      requestMirror: {backendRef: {name: m, port: 80}, fraction: {numerator: 1}}
    - type: RequestMirror
      requestMirror: {backendRef: {name: n, port: 80}, percent: 10}
    - type: CORS
      cors: {allowOrigins: ["https://*.example.com:8443"], allowCredentials: true, allowMethods: [GET]}
    - type: ExtensionRef
      extensionRef: {group: example.com, kind: Thing, name: t}
    - type: ExternalAuth
      externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {path: /check}, forwardBody: {maxSize: 9}}
    backendRefs:
    - {name: a, namespace: other, port: 80, weight: 0}
    - name: b
      port: 8080
      weight: 1000000
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: b}]}}]
    timeouts: {request: 10s, backendRequest: 500ms}
    retry: {codes: [500, 503], attempts: 0, backoff: 100ms}
    sessionPersistence: {type: Header, header: {name: X-Session}, absoluteTimeout: 1h}
  - matches: [{path: {value: /old}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: b.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}
  - filters:
    - type: RequestRedirect
      requestRedirect:
        {scheme: https, hostname: c.example.com, port: 8443, statusCode: 308,
         path: {type: ReplaceFullPath, replaceFullPath: /x}}
status:
  parents:
  - parentRef: {name: edge, namespace: infra}
    controllerName: example.com/other
    conditions:
    - {type: Accepted, status: "True", reason: Accepted, message: "", observedGeneration: 2, lastTransitionTime: "2024-01-01T00:00:00Z"}
)");
  CHECK(route.metadata.generation == 3);
  CHECK(route.metadata.creation_timestamp == 1704067200);
  CHECK(route.metadata.resource_version == "77");
  CHECK(route.metadata.annotations == std::map<std::string, std::string>{{"example.com/note", "a\nb"}});
  CHECK(route.spec.parent_refs[1].section_name == "http");
  CHECK(route.spec.parent_refs[0].port == 443);
  const HTTPRouteRule& rule = route.spec.rules[0];
  CHECK(rule.name == "first");
  CHECK(rule.matches[0].headers[1] == HTTPHeaderMatch{ValueMatchType::kRegularExpression, "x-b", "^a.*"});
  CHECK(rule.matches[0].query_params[0] == HTTPQueryParamMatch{ValueMatchType::kExact, "q", "1"});
  REQUIRE(rule.filters.size() == 7);
  CHECK(rule.filters[0].request_header_modifier->add[0] == HTTPHeader{"B", "2, 3"});
  CHECK(rule.filters[1].response_header_modifier->remove == std::vector<std::string>{"Server"});
  CHECK(rule.filters[2].request_mirror->fraction->denominator == 100);
  CHECK(rule.filters[3].request_mirror->percent == 10);
  CHECK(rule.filters[4].cors->max_age == 5);
  CHECK(rule.filters[5].extension_ref->kind == "Thing");
  CHECK(rule.filters[6].external_auth->http_path == "/check");
  CHECK(rule.filters[6].external_auth->forward_body_max_size == 9);
  CHECK(ToString(rule.filters[6].type) == "ExternalAuth");
  CHECK(rule.backend_refs[0].weight == 0);
  CHECK(rule.backend_refs[0].namespace_ == "other");
  CHECK(rule.backend_refs[1].filters.size() == 1);
  CHECK(rule.timeouts->request == milliseconds(10'000));
  CHECK(rule.timeouts->backend_request == milliseconds(500));
  CHECK(rule.retry->codes == std::vector<int>{500, 503});
  CHECK(rule.retry->attempts == 0);
  CHECK(rule.session_persistence->header_name == "X-Session");
  CHECK(route.spec.rules[1].filters[0].url_rewrite->path ==
        HTTPPathModifier{HTTPPathModifier::Type::kReplacePrefixMatch, "/new"});
  CHECK(route.spec.rules[2].filters[0].request_redirect->status_code == 308);
  REQUIRE(route.status.parents.size() == 1);
  CHECK(route.status.parents[0].controller_name == "example.com/other");
  CHECK(route.status.parents[0].conditions[0].observed_generation == 2);
}

TEST_CASE("Gateway in full") {
  const auto gateway = DecodeOne<Gateway>(R"(
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec:
  gatewayClassName: portreeve
  addresses: [{value: 192.0.2.1}, {type: Hostname, value: a.example.com}, {type: IPAddress}]
  infrastructure:
    labels: {team: a}
    annotations: {example.com/x: "1"}
    parametersRef: {group: "", kind: ConfigMap, name: params}
  allowedListeners: {namespaces: {from: Same}}
  tls:
    backend: {clientCertificateRef: {name: client}}
    frontend:
      default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}
      perPort: [{port: 8443, tls: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}], mode: AllowInsecureFallback}}}]
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - name: https
    port: 443
    protocol: HTTPS
    hostname: "*.example.com"
    tls: {certificateRefs: [{name: cert}, {name: cert, namespace: other}], options: {example.com/min: "1.3"}}
    allowedRoutes:
      kinds: [{kind: HTTPRoute}]
      namespaces:
        from: Selector
        selector: {matchLabels: {team: a}, matchExpressions: [{key: stage, operator: In, values: [prod]}]}
  - {name: pass, port: 443, protocol: TLS, tls: {mode: Passthrough}, hostname: b.example.org}
  - {name: raw, port: 9000, protocol: TCP}
  - {name: odd, port: 9001, protocol: example.com/odd}
status:
  addresses: [{value: 192.0.2.1}]
  conditions: [{type: example.com/Extra, status: Unknown, reason: X, message: "", lastTransitionTime: "2024-01-01T00:00:00Z"}]
  listeners:
  - name: http
    attachedRoutes: 1
    supportedKinds: [{kind: HTTPRoute}]
    conditions: []
)");
  CHECK(gateway.spec.addresses.size() == 3);
  CHECK_FALSE(gateway.spec.addresses[2].value);
  CHECK(gateway.spec.infrastructure->parameters_ref->kind == "ConfigMap");
  CHECK(gateway.spec.allowed_listeners->from == FromNamespaces::kSame);
  CHECK(gateway.spec.tls->backend_client_certificate_ref->kind == "Secret");
  CHECK(gateway.spec.tls->frontend->default_validation->mode == FrontendTLSValidation::Mode::kAllowValidOnly);
  CHECK(gateway.spec.tls->frontend->per_port[0].validation->mode ==
        FrontendTLSValidation::Mode::kAllowInsecureFallback);
  REQUIRE(gateway.spec.listeners.size() == 5);
  CHECK(gateway.spec.listeners[0].allowed_routes == AllowedRoutes{});
  CHECK(gateway.spec.listeners[0].allowed_routes.namespaces.from == FromNamespaces::kSame);
  CHECK_FALSE(gateway.spec.listeners[0].hostname);
  CHECK(gateway.spec.listeners[1].tls->mode == TLSMode::kTerminate);
  CHECK(gateway.spec.listeners[1].tls->certificate_refs[1].namespace_ == "other");
  CHECK(gateway.spec.listeners[1].allowed_routes.kinds[0].group == "gateway.networking.k8s.io");
  CHECK(gateway.spec.listeners[1].allowed_routes.namespaces.selector->Matches({{"team", "a"}, {"stage", "prod"}}));
  CHECK(gateway.spec.listeners[2].tls->mode == TLSMode::kPassthrough);
  CHECK(gateway.status.listeners[0].attached_routes == 1);
  CHECK(gateway.status.conditions[0].type == "example.com/Extra");
}

TEST_CASE("Class, grant and namespace") {
  const auto gateway_class = DecodeOne<GatewayClass>(
      "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: portreeve}\n"
      "spec: {controllerName: portreeve.dev/gateway-controller, parametersRef: {group: '', kind: ConfigMap, name: p, "
      "namespace: n}}\nstatus: {supportedFeatures: [{name: Gateway}]}\n");
  CHECK(gateway_class.metadata.namespace_.empty());
  CHECK(gateway_class.spec.controller_name == "portreeve.dev/gateway-controller");
  CHECK(gateway_class.spec.parameters_ref->namespace_ == "n");
  CHECK(gateway_class.status.supported_features == std::vector<std::string>{"Gateway"});

  const auto grant = DecodeOne<ReferenceGrant>(
      "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: b}\n"
      "spec:\n  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}]\n"
      "  to: [{group: '', kind: Service}, {group: '', kind: Service, name: s}]\n");
  CHECK(grant.spec.from[0].namespace_ == "a");
  CHECK_FALSE(grant.spec.to[0].name);
  CHECK(grant.spec.to[1].name == "s");

  const auto name_space =
      DecodeOne<Namespace>("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {team: x}}\n");
  CHECK(name_space.metadata.labels ==
        std::map<std::string, std::string>{{"kubernetes.io/metadata.name", "a"}, {"team", "x"}});
}

TEST_CASE("Service and EndpointSlice") {
  const auto service = DecodeOne<Service>(R"(
apiVersion: v1
kind: Service
metadata: {name: a, namespace: x}
spec:
  selector: {app: a}
  ports:
  - {name: http, port: 80}
  - {name: web, port: 8080, targetPort: http-web, appProtocol: kubernetes.io/ws}
  - {name: dns, port: 53, targetPort: 5353, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP, nodePort: 30000}
  sessionAffinity: None
)");
  CHECK(service.spec.type == "ClusterIP");
  CHECK(std::get<uint16_t>(service.spec.ports[0].target_port) == 80);
  CHECK(std::get<std::string>(service.spec.ports[1].target_port) == "http-web");
  CHECK(service.spec.ports[1].app_protocol == "kubernetes.io/ws");
  CHECK(std::get<uint16_t>(service.spec.ports[2].target_port) == 5353);
  CHECK(service.spec.ports[2].protocol == "UDP");

  const auto headless =
      DecodeOne<Service>("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None}\n");
  CHECK(headless.spec.cluster_ip == "None");

  const auto slice = DecodeOne<EndpointSlice>(R"(
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, namespace: x, labels: {kubernetes.io/service-name: a}}
addressType: IPv6
ports: [{name: http, port: 8080}, {name: all}]
endpoints:
- addresses: ["2001:db8::1"]
- addresses: ["2001:db8::2"]
  conditions: {ready: false, serving: true, terminating: true}
  nodeName: n
  zone: z
  targetRef: {kind: Pod, namespace: x, name: a-abc}
  hints: {forZones: [{name: z}]}
)");
  CHECK_FALSE(slice.endpoints[0].conditions.ready);
  CHECK(slice.endpoints[1].conditions.ready == false);
  CHECK(slice.endpoints[1].conditions.terminating == true);
  CHECK(slice.endpoints[1].target_name == "a-abc");
  CHECK(slice.ports[0].port == 8080);
  CHECK_FALSE(slice.ports[1].port);
}

TEST_CASE("Secret and ConfigMap") {
  const auto secret = DecodeOne<Secret>(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/tls\n"
      "data: {tls.crt: Y3J0, tls.key: a2V5}\nstringData: {tls.key: other, note: 'x'}\n");
  CHECK(secret.data.at("tls.crt").Reveal() == "crt");
  CHECK(secret.data.at("tls.key").Reveal() == "other");
  CHECK(secret.data.size() == 3);
  const auto plain = DecodeOne<Secret>("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n");
  CHECK(plain.type == "Opaque");

  const auto config = DecodeOne<ConfigMap>(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  ca.crt: |\n    PEM\nbinaryData: {b: AAE=}\n");
  CHECK(config.data.at("ca.crt").find("PEM") == 0);
  CHECK(config.binary_data.at("b") == std::string("\0\1", 2));
}

TEST_CASE("Lists, JSON, comments and null") {
  const DecodeResult result = DecodeDocuments(R"(
# only a comment
---
{"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "creationTimestamp": null}},
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}, "spec": {"finalizers": ["kubernetes"]}}
]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRouteList
items:
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: {name: r}
  spec: {hostnames: null}
---
)",
                                              "x.yaml");
  INFO(AllProblems(result));
  CHECK(result.problems.empty());
  REQUIRE(result.objects.size() == 3);
  CHECK(result.objects[1].key.ToString() == "Namespace b");
  CHECK(result.objects[2].key.ToString() == "HTTPRoute default/r");
}

TEST_CASE("An unknown kind is a warning, and everything else goes on") {
  const DecodeResult result = DecodeDocuments(
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {anything: goes}\n"
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
      "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: x}\n",
      "dir/x.yaml");
  CHECK(result.objects.size() == 1);
  REQUIRE(result.problems.size() == 2);
  CHECK(result.problems[0].ToString() ==
        "dir/x.yaml:1:1: warning: kind: \"Deployment of apps/v1\" is not a kind that Portreeve reads, so it is "
        "ignored; check kind and apiVersion if it should be");
  CHECK(result.problems[1].line == 10);
  CHECK(result.problems[1].severity == Problem::Severity::kWarning);
  CHECK_FALSE(result.unnamed_refused);
}

TEST_CASE("A quote that is left open in kind is an error, not another kind") {
  const DecodeResult result = DecodeDocuments("apiVersion: v1\nkind: \"Service\nmetadata: {name: x}\n", "x.yaml");
  CHECK(result.objects.empty());
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].severity == Problem::Severity::kError);
  CHECK(result.problems[0].line == 1);
  CHECK(result.unnamed_refused);
}

TEST_CASE("A refused object is named, the others of the file go on") {
  const DecodeResult result = DecodeDocuments(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n"
      "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: a}\n"
      "spec:\n  rules:\n  - matches:\n    - path: {value: /a}\n    - path: {value: x}\n",
      "r.yaml");
  CHECK(result.objects.size() == 1);
  REQUIRE(result.refused.size() == 1);
  CHECK(result.refused[0].key.ToString() == "HTTPRoute a/r");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].ToString() ==
        "r.yaml:12:14: error: HTTPRoute a/r: spec.rules[0].matches[1].path.value: must start with \"/\"; write \"/x\"");
}

TEST_CASE("A syntax error spoils the whole file") {
  const DecodeResult result = DecodeDocuments(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nkind: [unclosed\n---\n"
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n",
      "r.yaml");
  CHECK(result.syntax_error);
  CHECK(result.objects.empty());
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].line >= 5);
  CHECK(result.problems[0].ToString().find("r.yaml:") == 0);
}

TEST_CASE("An object that doesn't say who it is") {
  for (const char* text : {"kind: Namespace\nmetadata: {name: a}\n", "apiVersion: v1\nkind: Namespace\n",
                           "apiVersion: v1\nkind: Namespace\nmetadata: {}\n", "just text\n", "[1, 2]\n",
                           "apiVersion: v1\nkind: Namespace\nmetadata: {name: A}\n",
                           "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: B}\n",
                           "apiVersion: v1\nkind: List\nitems: {}\n"}) {
    const DecodeResult result = DecodeDocuments(text, "r.yaml");
    INFO(text << AllProblems(result));
    CHECK(result.unnamed_refused);
    CHECK(result.objects.empty());
    CHECK(!result.problems.empty());
  }
}

TEST_CASE("Problems never quote a Secret") {
  for (const char* body :
       {"data: {a: hunter2}", "data: {a: hunter2==}", "data: {'hunter2 ': YQ==}", "data: [hunter2]",
        "stringData: {a: [hunter2]}", "stringData: {a: {hunter2 x: 1}}", "type: [hunter2]",
        "immutable: true\n'hunter2!': x", "data: {a: *hunter2}", "data: {a: &hunter2 x, b: }\nstringData: hunter2",
        "metadata: hunter2", "data: {a: \"hunter2\\z\"}", "data: {'hunter2 ': x, 'hunter2 ': y}"}) {
    const DecodeResult result = DecodeDocuments(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: a}\n" + std::string(body) + "\n", "s.yaml");
    INFO(body);
    CHECK(!result.problems.empty());
    CHECK(AllProblems(result).find("hunter2") == std::string::npos);
  }
}

}  // namespace
}  // namespace portreeve::gatewayapi
