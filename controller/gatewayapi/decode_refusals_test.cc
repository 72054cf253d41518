// One row for each rule: what a cluster refuses is refused here, at the right field, and its neighbour is accepted.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "controller/gatewayapi/decode.h"

namespace portreeve::gatewayapi {
namespace {

struct Row {
  std::string body;     // below the document's head
  std::string field;    // of the problem; empty: accepted
  std::string message;  // a part of it
};

void CheckRows(const std::string& head, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const DecodeResult result = DecodeDocuments(head + row.body + "\n", "t.yaml");
    std::string all;
    for (const Problem& problem : result.problems) all += problem.ToString() + "\n";
    INFO(row.body);
    INFO("wanted: " << row.field << ": " << row.message);
    INFO("problems: " << all);
    if (row.field.empty()) {
      CHECK(result.problems.empty());
      CHECK(result.objects.size() == 1);
      continue;
    }
    CHECK(result.objects.empty());
    REQUIRE(!result.problems.empty());
    CHECK(std::ranges::any_of(result.problems, [&](const Problem& problem) {
      return problem.field == row.field && problem.message.find(row.message) != std::string::npos;
    }));
    for (const Problem& problem : result.problems) {
      CHECK(problem.line > 0);
      CHECK(problem.column > 0);
      CHECK(!problem.remedy.empty());
      CHECK(problem.file == "t.yaml");
    }
  }
}

std::string Repeat(const std::string& text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) {
    std::string one = text;
    for (size_t at = one.find('#'); at != std::string::npos; at = one.find('#')) one.replace(at, 1, std::to_string(i));
    all += (i == 0 ? "" : ", ") + one;
  }
  return all;
}

const char kRoute[] =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: a}\nspec:\n  ";

TEST_CASE("HTTPRoute: structure") {
  CheckRows(kRoute,
            {
                {"rules: []", "spec.rules", "at least 1"},
                {"rules: {}", "spec.rules", "must be a list, not a mapping"},
                {"rulez: []", "spec.rulez", "unknown field"},
                {"hostnames: [a.example.com]\n  hostnames: []", "spec.hostnames", "is given twice, first in line 5"},
                {"rules: [" + Repeat("{}", 16) + "]", "", ""},
                {"rules: [" + Repeat("{}", 17) + "]", "spec.rules", "more than 16 entries, but has 17"},
                {"rules: [{matches: [" + Repeat("{}", 64) + "]}]", "", ""},
                {"rules: [{matches: [" + Repeat("{}", 65) + "]}]", "spec.rules[0].matches", "more than 64"},
                {"rules: [" + Repeat("{matches: [" + Repeat("{}", 43) + "]}", 3) + "]", "spec.rules", "128 matches"},
                {"rules: [{name: a}, {name: a}]", "spec.rules[1].name", "occurs twice"},
                {"rules: [{name: A}]", "spec.rules[0].name", "DNS name"},
                {"useDefaultGateways: Some", "spec.useDefaultGateways", "one of All, None"},
                {"hostnames: [" + Repeat("h#.example.com", 17) + "]", "spec.hostnames", "more than 16"},
                {"hostnames: [\"*.example.com\"]", "", ""},
                {"hostnames: [\"*\"]", "spec.hostnames[0]", "must be a host name"},
                {"hostnames: [\"A.example.com\"]", "spec.hostnames[0]", "lower case"},
                {"hostnames: [\"a.example.com:80\"]", "spec.hostnames[0]", "must be a host name"},
                {"hostnames: [80]", "spec.hostnames[0]", "must be text, not a number"},
                {"hostnames: [yes]", "spec.hostnames[0]", "must be text, not a boolean"},
                {"hostnames: [\"\"]", "spec.hostnames[0]", "must not be empty"},
            });
}

TEST_CASE("HTTPRoute: parentRefs") {
  CheckRows(kRoute, {
                        {"parentRefs: [{}]", "spec.parentRefs[0].name", "is required"},
                        {"parentRefs: [{name: g, port: 0}]", "spec.parentRefs[0].port", "between 1 and 65535"},
                        {"parentRefs: [{name: g, port: 65536}]", "spec.parentRefs[0].port",
                         "between 1 and 65535, not \"65536\""},
                        {"parentRefs: [{name: g, port: \"80\"}]", "spec.parentRefs[0].port", "whole number, not text"},
                        {"parentRefs: [{name: g, port: 8.5}]", "spec.parentRefs[0].port", "whole number"},
                        {"parentRefs: [{name: g, port: 080}]", "spec.parentRefs[0].port", "whole number"},
                        {"parentRefs: [{name: g, namespace: A}]", "spec.parentRefs[0].namespace", "DNS label"},
                        {"parentRefs: [{name: g}, {name: g}]", "spec.parentRefs[1]", "refers to \"g\" again"},
                        {"parentRefs: [{name: g, sectionName: a}, {name: g}]", "spec.parentRefs[1]", "again"},
                        {"parentRefs: [{name: g, sectionName: a}, {name: g, sectionName: b}]", "", ""},
                        {"parentRefs: [{name: g, port: 80}, {name: g, port: 81}]", "", ""},
                        {"parentRefs: [{name: g}, {name: g, namespace: b}]", "", ""},
                        {"parentRefs: [" + Repeat("{name: g#}", 33) + "]", "spec.parentRefs", "more than 32"},
                    });
}

TEST_CASE("HTTPRoute: path matches") {
  const auto path = [](const std::string& value) { return "rules: [{matches: [{path: " + value + "}]}]"; };
  const std::string field = "spec.rules[0].matches[0].path.value";
  CheckRows(kRoute,
            {
                {path("{value: /a/b%20c;d=e}"), "", ""},
                {path("{value: x}"), field, "must start with \"/\""},
                {path("{type: Exact, value: x}"), field, "must start with \"/\""},
                {path("{type: RegularExpression, value: \"x[0-9]+\"}"), "", ""},
                {path("{value: /a//b}"), field, "must not contain \"//\""},
                {path("{value: /a/./b}"), field, "\"/./\""},
                {path("{value: /a/../b}"), field, "\"/../\""},
                {path("{value: /a%2fb}"), field, "\"%2f\""},
                {path("{value: /a%2Fb}"), field, "\"%2F\""},
                {path("{value: \"/a#b\"}"), field, "\"#\""},
                {path("{value: /a/..}"), field, "must not end with"},
                {path("{value: /a/.}"), field, "must not end with"},
                {path("{value: \"/a b\"}"), field, "characters that a path may have"},
                {path("{value: \"/a?b\"}"), field, "characters that a path may have"},
                {path("{value: /a%zz}"), field, "characters that a path may have"},
                {path("{value: \"/a\\nb\"}"), field, "control characters"},
                {path("{value: /" + std::string(1024, 'a') + "}"), field, "longer than 1024"},
                {path("{type: Prefix, value: /a}"), "spec.rules[0].matches[0].path.type", "must be one of Exact"},
                {path("/a"), "spec.rules[0].matches[0].path", "must be a mapping, not text"},
                {path("{values: /a}"), "spec.rules[0].matches[0].path.values", "unknown field"},
            });
}

TEST_CASE("HTTPRoute: header, query and method matches") {
  const auto match = [](const std::string& text) { return "rules: [{matches: [{" + text + "}]}]"; };
  const std::string at = "spec.rules[0].matches[0].";
  CheckRows(kRoute,
            {
                {match("headers: [{name: \"a b\", value: x}]"), at + "headers[0].name", "HTTP token"},
                {match("headers: [{name: \"a:\", value: x}]"), at + "headers[0].name", "HTTP token"},
                {match("headers: [{name: a}]"), at + "headers[0].value", "is required"},
                {match("headers: [{name: a, value: \"\"}]"), at + "headers[0].value", "must not be empty"},
                {match("headers: [{name: a, value: \"x\\r\\ny: z\"}]"), at + "headers[0].value", "CR, LF or NUL"},
                {match("headers: [{name: a, value: x}, {name: a, value: y}]"), at + "headers[1].name", "twice"},
                {match("headers: [{name: a, value: x}, {name: A, value: y}]"), "", ""},
                {match("headers: [{name: a, value: 1}]"), at + "headers[0].value", "text, not a number"},
                {match("headers: [{name: a, value: x, type: Prefix}]"), at + "headers[0].type", "Exact"},
                {match("headers: [" + Repeat("{name: h#, value: x}", 17) + "]"), at + "headers", "more than 16"},
                {match("queryParams: [{name: q, value: x}, {name: q, value: y}]"), at + "queryParams[1].name", "twice"},
                {match("queryParams: [{name: q, value: x}, {name: Q, value: y}]"), "", ""},
                {match("queryParams: [{name: \"q&\", value: \"\"}]"), at + "queryParams[0].value", "not be empty"},
                {match("method: get"), at + "method", "one of GET"},
                {match("method: OPTIONS"), "", ""},
                {match("metod: GET"), at + "metod", "unknown field"},
            });
}

TEST_CASE("HTTPRoute: filters") {
  const auto filters = [](const std::string& text) { return "rules: [{filters: [" + text + "]}]"; };
  const std::string at = "spec.rules[0].filters";
  const std::string set = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}]}}";
  const std::string out = "{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}}";
  const std::string redirect = "{type: RequestRedirect, requestRedirect: {scheme: https}}";
  const std::string rewrite = "{type: URLRewrite, urlRewrite: {hostname: a.example.com}}";
  const std::string mirror = "{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}}}";
  CheckRows(
      kRoute,
      {
          {filters(set + ", " + out + ", " + mirror + ", " + mirror), "", ""},
          {filters(set + ", " + set), at, "RequestHeaderModifier must not be repeated"},
          {filters(out + ", " + out), at, "ResponseHeaderModifier must not be repeated"},
          {filters(redirect + ", " + redirect), at, "RequestRedirect must not be repeated"},
          {filters(rewrite + ", " + rewrite), at, "URLRewrite must not be repeated"},
          {filters("{type: CORS, cors: {}}, {type: CORS, cors: {}}"), at, "CORS must not be repeated"},
          {filters(redirect + ", " + rewrite), at, "both RequestRedirect and URLRewrite"},
          {filters("{requestRedirect: {}}"), at + "[0].type", "is required"},
          {filters("{type: Redirect}"), at + "[0].type", "must be one of"},
          {filters("{type: URLRewrite}"), at + "[0].urlRewrite", "is required for type URLRewrite"},
          {filters("{type: URLRewrite, urlRewrite: {}, cors: {}}"), at + "[0].cors", "must not be set for type"},
          {filters("{type: RequestRedirect, requestRedirect: {statusCode: 304}}"),
           at + "[0].requestRedirect.statusCode", "301, 302, 303, 307 or 308, not 304"},
          {filters("{type: RequestRedirect, requestRedirect: {statusCode: 307}}"), "", ""},
          {filters("{type: RequestRedirect, requestRedirect: {scheme: ftp}}"), at + "[0].requestRedirect.scheme",
           "one of http, https"},
          {filters("{type: RequestRedirect, requestRedirect: {hostname: \"*.a.com\"}}"),
           at + "[0].requestRedirect.hostname", "without wildcard"},
          {filters("{type: RequestRedirect, requestRedirect: {port: 70000}}"), at + "[0].requestRedirect.port",
           "between 1 and 65535"},
          {filters("{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath}}}"),
           at + "[0].urlRewrite.path.replaceFullPath", "is required"},
          {filters("{type: URLRewrite, urlRewrite: {path: {replaceFullPath: /}}}"), at + "[0].urlRewrite.path.type",
           "is required"},
          {filters("{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /, "
                   "replacePrefixMatch: /}}}"),
           at + "[0].urlRewrite.path.replacePrefixMatch", "must not be set beside"},
          {filters("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}, {name: a, value: "
                   "c}]}}"),
           at + "[0].requestHeaderModifier.set[1].name", "occurs twice"},
          {filters("{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: \"b\\nc\"}]}}"),
           at + "[0].requestHeaderModifier.add[0].value", "CR, LF or NUL"},
          {filters("{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, a]}}"),
           at + "[0].requestHeaderModifier.remove[1]", "occurs twice"},
          {filters("{type: RequestHeaderModifier, requestHeaderModifier: {remove: [\"a b\"]}}"),
           at + "[0].requestHeaderModifier.remove[0]", "HTTP token"},
          {filters("{type: RequestMirror, requestMirror: {backendRef: {name: m}}}"),
           at + "[0].requestMirror.backendRef.port", "required for a Service"},
          {filters("{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, percent: 101}}"),
           at + "[0].requestMirror.percent", "between 0 and 100"},
          {filters("{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, percent: 1, fraction: "
                   "{numerator: 1}}}"),
           at + "[0].requestMirror", "both percent and fraction"},
          {filters("{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, fraction: {numerator: 3, "
                   "denominator: 2}}}"),
           at + "[0].requestMirror.fraction.numerator", "not be greater than the denominator"},
          {filters("{type: CORS, cors: {allowOrigins: [\"*\", \"https://a.com\"]}}"), at + "[0].cors.allowOrigins",
           "\"*\" beside other entries"},
          {filters("{type: CORS, cors: {allowOrigins: [a.com]}}"), at + "[0].cors.allowOrigins[0]", "origin"},
          {filters("{type: CORS, cors: {allowMethods: [get]}}"), at + "[0].cors.allowMethods[0]", "HTTP method"},
          {filters("{type: CORS, cors: {maxAge: 0}}"), at + "[0].cors.maxAge", "at least 1"},
          {filters("{type: ExtensionRef, extensionRef: {kind: A, name: b}}"), at + "[0].extensionRef.group",
           "required"},
          {filters("{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: a, port: 1}}}"),
           at + "[0].externalAuth.grpc", "is required"},
          {filters("{type: ExternalAuth, externalAuth: {protocol: HTTP, http: {}, grpc: {}, backendRef: {name: a, "
                   "port: 1}}}"),
           at + "[0].externalAuth.grpc", "must not be set for the other protocol"},
      });
}

TEST_CASE("HTTPRoute: rules across fields") {
  const std::string strip =
      "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]";
  const std::string redirect =
      "filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]";
  const std::string at = "spec.rules[0].";
  CheckRows(
      kRoute,
      {
          {"rules: [{" + strip + "}]", "", ""},
          {"rules: [{matches: [{path: {value: /a}}], " + strip + "}]", "", ""},
          {"rules: [{matches: [{path: {type: Exact, value: /a}}], " + strip + "}]", at + "matches", "one PathPrefix"},
          {"rules: [{matches: [{}, {}], " + redirect + "}]", at + "matches", "one PathPrefix"},
          {"rules: [{matches: [], " + redirect + "}]", at + "matches", "one PathPrefix"},
          {"rules: [{matches: [{}, {}], backendRefs: [{name: a, port: 1, " + strip + "}]}]", at + "matches",
           "one PathPrefix"},
          {"rules: [{" + redirect + ", backendRefs: [{name: a, port: 1}]}]", at + "backendRefs",
           "beside a RequestRedirect"},
          {"rules: [{backendRefs: [{name: a}]}]", at + "backendRefs[0].port", "is required for a Service"},
          {"rules: [{backendRefs: [{name: a, kind: Other, group: example.com}]}]", "", ""},
          {"rules: [{backendRefs: [{name: a, kind: XBackend, group: gateway.networking.x-k8s.io, port: 1}]}]",
           at + "backendRefs[0].port", "must not be set for an XBackend"},
          {"rules: [{backendRefs: [{port: 1}]}]", at + "backendRefs[0].name", "is required"},
          {"rules: [{backendRefs: [{name: a, port: 1, weight: -1}]}]", at + "backendRefs[0].weight", "between 0"},
          {"rules: [{backendRefs: [{name: a, port: 1, weight: 1000001}]}]", at + "backendRefs[0].weight",
           "between 0 and 1000000"},
          {"rules: [{backendRefs: [{name: a, port: 1, wieght: 1}]}]", at + "backendRefs[0].wieght", "unknown field"},
          {"rules: [{backendRefs: [" + Repeat("{name: a#, port: 1}", 17) + "]}]", at + "backendRefs", "16"},
          {"rules: [{timeouts: {request: 10}}]", at + "timeouts.request", "must be text, not a number"},
          {"rules: [{timeouts: {request: 10 s}}]", at + "timeouts.request", "must be a duration"},
          {"rules: [{timeouts: {request: 1s, backendRequest: 2s}}]", at + "timeouts.backendRequest",
           "not be longer than request"},
          {"rules: [{timeouts: {request: 0s, backendRequest: 2s}}]", "", ""},
          {"rules: [{retry: {codes: [399]}}]", at + "retry.codes[0]", "between 400 and 599"},
          {"rules: [{retry: {codes: [500, 500]}}]", at + "retry.codes[1]", "occurs twice"},
          {"rules: [{retry: {attempts: -1}}]", at + "retry.attempts", "at least 0"},
          {"rules: [{retry: {backoff: 1d}}]", at + "retry.backoff", "must be a duration"},
          {"rules: [{sessionPersistence: {}}]", at + "sessionPersistence.cookie", "is required"},
          {"rules: [{sessionPersistence: {cookie: {lifetimeType: Permanent}}}]",
           at + "sessionPersistence.absoluteTimeout", "is required when lifetimeType is Permanent"},
          {"rules: [{sessionPersistence: {type: Header, header: {}}}]", at + "sessionPersistence.header.name",
           "is required"},
      });
}

TEST_CASE("Gateway") {
  const std::string head =
      "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: a}\n"
      "spec:\n  gatewayClassName: c\n  ";
  const auto listeners = [](const std::string& text) { return "listeners: [" + text + "]"; };
  const std::string at = "spec.listeners";
  CheckRows(
      head,
      {
          {"", at, "is required"},
          {"listeners: []", at, "at least 1"},
          {listeners(Repeat("{name: l#, port: 80, protocol: HTTP, hostname: h#.example.com}", 64)), "", ""},
          {listeners(Repeat("{name: l#, port: 80, protocol: HTTP, hostname: h#.example.com}", 65)), at, "more than 64"},
          {listeners("{port: 80, protocol: HTTP}"), at + "[0].name", "is required"},
          {listeners("{name: a, protocol: HTTP}"), at + "[0].port", "is required"},
          {listeners("{name: a, port: 80}"), at + "[0].protocol", "is required"},
          {listeners("{name: a, port: 0, protocol: HTTP}"), at + "[0].port", "between 1 and 65535"},
          {listeners("{name: A, port: 80, protocol: HTTP}"), at + "[0].name", "DNS name"},
          {listeners("{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}"), at + "[1].name",
           "occurs twice"},
          {listeners("{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}"), at + "[1]",
           "same port, protocol and hostname as listener \"a\""},
          {listeners("{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: TCP}"), "", ""},
          {listeners("{name: a, port: 80, protocol: HTTP, hostname: \"a.*.com\"}"), at + "[0].hostname", "host name"},
          {listeners("{name: a, port: 80, protocol: HTTP, tls: {mode: Passthrough}}"), at + "[0].tls",
           "must not be set for protocol HTTP"},
          {listeners("{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}"), at + "[0].tls",
           "mode must be Terminate"},
          {listeners("{name: a, port: 443, protocol: HTTPS, tls: {}}"), at + "[0].tls.certificateRefs",
           "must name a Secret"},
          {listeners("{name: a, port: 443, protocol: HTTPS, tls: {options: {a.com/b: c}}}"), "", ""},
          {listeners("{name: a, port: 443, protocol: HTTPS}"), "", ""},
          {listeners("{name: a, port: 443, protocol: TLS}"), at + "[0].tls", "is required for protocol TLS"},
          {listeners("{name: a, port: 53, protocol: UDP, hostname: a.com}"), at + "[0].hostname", "protocol UDP"},
          {listeners("{name: a, port: 80, protocol: \"not a protocol\"}"), at + "[0].protocol", "protocol name"},
          {listeners("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}"),
           at + "[0].allowedRoutes.namespaces.from", "one of All, Selector, Same"},
          {listeners("{name: a, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{group: x}]}}"),
           at + "[0].allowedRoutes.kinds[0].kind", "is required"},
          {listeners("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {selector: {matchExpressions: "
                     "[{key: a, operator: Is}]}}}}"),
           at + "[0].allowedRoutes.namespaces.selector.matchExpressions[0].operator", "one of In"},
          {listeners("{name: a, port: 80, protocol: TCP, filters: {requests: [{type: ExtensionRef, extensionRef: "
                     "{group: a, kind: B, name: c}}]}}"),
           at + "[0].filters", "protocol HTTP or HTTPS"},
          {listeners("{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{}]}}"),
           at + "[0].tls.certificateRefs[0].name", "is required"},
          {listeners("{name: a, port: 80, protocol: HTTP}") + "\n  addresses: [{value: 1.2.3}]",
           "spec.addresses[0].value", "IPv4 or IPv6"},
          {listeners("{name: a, port: 80, protocol: HTTP}") + "\n  addresses: [{value: 1.2.3.4}, {value: 1.2.3.4}]",
           "spec.addresses[1].value", "occurs twice"},
          {listeners("{name: a, port: 80, protocol: HTTP}") + "\n  infrastructure: {labels: {\"a b\": c}}",
           "spec.infrastructure.labels", "key \"a b\" must be"},
          {listeners("{name: a, port: 80, protocol: HTTP}") + "\n  tls: {frontend: {}}", "spec.tls.frontend.default",
           "is required"},
          {listeners("{name: a, port: 80, protocol: HTTP}") +
               "\n  tls: {frontend: {default: {validation: {caCertificateRefs: []}}}}",
           "spec.tls.frontend.default.validation.caCertificateRefs", "at least 1"},
          {listeners("{name: a, port: 80, protocol: HTTP}") + "\n  gatewayClass: x", "spec.gatewayClass",
           "unknown field"},
      });
}

TEST_CASE("Gateway class and grant") {
  CheckRows("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n",
            {
                {"metadata: {name: c}\nspec: {controllerName: a.com/b}", "", ""},
                {"metadata: {name: c}", "spec", "is required"},
                {"metadata: {name: c}\nspec: {}", "spec.controllerName", "is required"},
                {"metadata: {name: c}\nspec: {controllerName: portreeve}", "spec.controllerName", "domain/path"},
                {"metadata: {name: c, namespace: a}\nspec: {controllerName: a.com/b}", "metadata.namespace",
                 "GatewayClass has no namespace"},
                {"metadata: {name: c, label: {}}\nspec: {controllerName: a.com/b}", "metadata.label", "unknown field"},
            });
  CheckRows("apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g}\nspec:\n  ",
            {
                {"from: []\n  to: [{group: '', kind: Service}]", "spec.from", "at least 1"},
                {"from: [{group: '', kind: A, namespace: b}]", "spec.to", "is required"},
                {"from: [{kind: A, namespace: b}]\n  to: [{group: '', kind: S}]", "spec.from[0].group", "is required"},
                {"from: [{group: '', kind: A}]\n  to: [{group: '', kind: S}]", "spec.from[0].namespace", "is required"},
                {"from: [{group: '', kind: A, namespace: '*'}]\n  to: [{group: '', kind: S}]", "spec.from[0].namespace",
                 "DNS label"},
                {"from: [{group: '', kind: A, namespace: b}]\n  to: [{group: '', kind: S, name: ''}]",
                 "spec.to[0].name", "not be empty"},
            });
}

TEST_CASE("Core kinds") {
  CheckRows(
      "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ",
      {
          {"ports: []", "spec.ports", "at least 1"},
          {"ports: [{port: 80}, {port: 81, name: b}]", "spec.ports[0].name", "required when a Service has several"},
          {"ports: [{port: 80, name: a}, {port: 81, name: a}]", "spec.ports[1].name", "occurs twice"},
          {"ports: [{port: 80, name: a}, {port: 80, name: b}]", "spec.ports[1].port", "80/TCP occurs twice"},
          {"ports: [{port: 80, targetPort: Http}]", "spec.ports[0].targetPort", "port's name"},
          {"ports: [{port: 80, targetPort: 0}]", "spec.ports[0].targetPort", "between 1 and 65535"},
          {"ports: [{port: 80, protocol: HTTP}]", "spec.ports[0].protocol", "one of TCP, UDP, SCTP"},
          {"ports: [{port: 80}]\n  type: Cluster", "spec.type", "one of ClusterIP"},
          {"type: ExternalName", "spec.externalName", "must be a host name"},
      });
  CheckRows(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\n",
      {
          {"endpoints: []", "addressType", "is required"},
          {"addressType: IP\nendpoints: []", "addressType", "one of IPv4, IPv6, FQDN"},
          {"addressType: IPv4\nendpoints: [{addresses: []}]", "endpoints[0].addresses", "at least 1"},
          {"addressType: IPv4\nendpoints: [{addresses: ['::1']}]", "endpoints[0].addresses[0]", "addressType IPv4"},
          {"addressType: IPv6\nendpoints: [{addresses: [127.0.0.1]}]", "endpoints[0].addresses[0]", "IPv6"},
          {"addressType: IPv4\nendpoints: [{addresses: [127.0.0.1], conditions: {ready: 'yes'}}]",
           "endpoints[0].conditions.ready", "must be true or false"},
          {"addressType: IPv4\nports: [{port: 1}, {port: 2}]", "ports[1].name", "occurs twice"},
          {"addressType: IPv4\nspec: {}", "spec", "unknown field"},
      });
  CheckRows("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
            {
                {"type: kubernetes.io/tls\ndata: {tls.crt: YQ==}", "data", "must hold \"tls.key\""},
                {"data: {a: '%%%'}", "data.a", "must be base64"},
                {"data: {'a b': YQ==}", "data", "must be letters"},
                {"stringData: {a: 1}", "stringData.a", "must be text, not a number"},
                {"data: {a: YQ==}\ndata: {}", "data", "is given twice"},
            });
  CheckRows("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
            {
                {"data: {a: true}", "data.a", "must be text, not a boolean"},
                {"data: {a: b}\nbinaryData: {a: YQ==}", "binaryData", "which data holds too"},
            });
  CheckRows("apiVersion: v1\nkind: Namespace\nmetadata:\n  ",
            {
                {"name: a.b", "metadata.name", "DNS label"},
                {"name: a\n  labels: {a: 'b c'}", "metadata.labels.a", "letters, digits"},
                {"name: a\n  creationTimestamp: today", "metadata.creationTimestamp", "RFC 3339"},
                {"name: a\n  generation: x", "metadata.generation", "whole number"},
            });
  CheckRows("", {
                    {"apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\nmetadata: {name: r}",
                     "apiVersion", "is not served"},
                    {"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]", "kind", "ignored"},
                });
}

TEST_CASE("The remedy names what was probably meant") {
  const DecodeResult result = DecodeDocuments(std::string(kRoute) + "hostname: [a.example.com]\n", "t.yaml");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].remedy == "did you mean \"hostnames\"?");
}

TEST_CASE("The problems of one object are bounded") {
  std::string rules = "rules: [{matches: [";
  for (int i = 0; i < 60; ++i) rules += "{path: {value: x}}, ";
  const DecodeResult result = DecodeDocuments(std::string(kRoute) + rules + "{}]}]\n", "t.yaml");
  CHECK(result.problems.size() == 20);
}

}  // namespace
}  // namespace portreeve::gatewayapi
