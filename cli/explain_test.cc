// SIZE: one table of what is asked and what is explained.
#include "cli/explain.h"

#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/explain_testing.h"

namespace portreeve::cli {
namespace {

using testing::Edge;
using testing::ExplainYaml;
using testing::Gateway;
using testing::Route;
using testing::Services;

// To backend one, unless they say otherwise.
const std::string kOne = "backendRefs: [{name: one, port: 80}]";
const std::string kTwo = "backendRefs: [{name: two, port: 80}]";

std::string Rule(const std::string& match, const std::string& rest = kOne) {
  return absl::StrCat("{matches: [{", match, "}], ", rest, "}");
}
std::string Path(const std::string& type, const std::string& value) {
  return absl::StrCat("path: {type: ", type, ", value: '", value, "'}");
}
std::string Header(const std::string& name, const std::string& value, const std::string& type = "Exact") {
  return absl::StrCat("headers: [{type: ", type, ", name: ", name, ", value: '", value, "'}]");
}
std::string Query(const std::string& name, const std::string& value, const std::string& type = "Exact") {
  return absl::StrCat("queryParams: [{type: ", type, ", name: ", name, ", value: '", value, "'}]");
}
std::string Rules(const std::string& rules) {
  return absl::StrCat("rules: [", rules, "]");
}
std::string Filters(const std::string& filters, const std::string& rest = kOne) {
  return absl::StrCat("filters: [", filters, "], ", rest);
}

struct Case {
  const char* name;
  // Beside Edge().
  std::string routes;
  std::vector<std::string> words;
  std::vector<std::string> headers;
  bool served;
  // Each stands in the text.
  std::vector<std::string> shows;
};

void CheckCases(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    INFO(one.name);
    ExplainCommand command;
    command.words = one.words;
    command.headers = one.headers;
    const Explanation explanation = ExplainYaml(Edge() + one.routes, command);
    const std::string text = testing::TextOf(explanation);
    INFO(text);
    CHECK(explanation.served() == one.served);
    for (const std::string& shown : one.shows) {
      INFO("shows: " << shown);
      CHECK(text.find(shown) != std::string::npos);
    }
  }
}

TEST_CASE("Every kind of match, met and failed") {
  const std::string exact = Route("r", Rules(Rule(Path("Exact", "/x"))));
  const std::string prefix = Route("r", Rules(Rule(Path("PathPrefix", "/v2"))));
  const std::string regex = Route("r", Rules(Rule(Path("RegularExpression", "/u/[0-9]+"))));
  const std::string method = Route("r", Rules(Rule("method: POST")));
  const std::string header = Route("r", Rules(Rule(Header("X-Canary", "always"))));
  const std::string pattern = Route("r", Rules(Rule(Header("x-canary", "a.*", "RegularExpression"))));
  const std::string query = Route("r", Rules(Rule(Query("beta", "a b"))));
  const std::string query_pattern = Route("r", Rules(Rule(Query("beta", "[0-9]", "RegularExpression"))));
  const std::string url = "http://h:8080";
  CheckCases({
      {"any",
       Route("r", Rules("{" + kOne + "}")),
       {url},
       {},
       true,
       {"gateway    demo/edge\n", "listener   http, port 8080, HTTP, any host\n",
        "route      HTTPRoute demo/r rules[0]\n", "matches[0]: any host, path prefix /\n",
        "backends   demo/one:80, weight 1 of 1\n", "endpoints: 127.0.0.1:9001\n", "sent: GET /, Host: h:8080\n"}},
      {"exact", exact, {url + "/x"}, {}, true, {"path /x\n"}},
      {"exact fails", exact, {url + "/x/"}, {}, false, {"404 no_route", "rules[0]: path: /x/ isn't /x\n"}},
      {"prefix", prefix, {url + "/v2/a"}, {}, true, {"path prefix /v2\n"}},
      {"prefix fails", prefix, {url + "/v2x"}, {}, false, {"404 no_route", "path: /v2x is neither /v2 nor below it\n"}},
      {"regex", regex, {url + "/u/12"}, {}, true, {"path expression /u/[0-9]+\n"}},
      {"regex fails", regex, {url + "/u/x"}, {}, false, {"path: /u/x doesn't match /u/[0-9]+\n"}},
      {"method",
       method,
       {"POST", url},
       {},
       true,
       {"POST http://h:8080\n", "path prefix /, method POST\n", "sent: POST /"}},
      {"method fails", method, {url}, {}, false, {"404 no_route", "rules[0]: method: GET isn't POST\n"}},
      {"method has case", method, {"post", url}, {}, false, {"method: post isn't POST\n"}},
      {"header", header, {url}, {"x-canary: always"}, true, {"header x-canary = always\n"}},
      {"header isn't there", header, {url}, {}, false, {"header: x-canary isn't there, it must be always\n"}},
      {"header fails",
       header,
       {url},
       {"X-Canary: no"},
       false,
       {"header: x-canary has another value, it must be always\n"}},
      {"header pattern", pattern, {url}, {"x-canary: abc"}, true, {"header x-canary matches a.*\n"}},
      {"header pattern fails", pattern, {url}, {"x-canary: b"}, false, {"another value, it must match a.*\n"}},
      {"lines of a header are one value", header, {url}, {"x-canary: always", "x-canary: x"}, false, {"404 no_route"}},
      {"query", query, {url + "/?beta=a%20b"}, {}, true, {"query beta = a b\n", "sent: GET /?beta=a%20b"}},
      {"query isn't there", query, {url}, {}, false, {"query: beta isn't there, it must be a b\n"}},
      {"query fails", query, {url + "?beta=b"}, {}, false, {"query: beta has another value, it must be a b\n"}},
      {"query pattern", query_pattern, {url + "?beta=7"}, {}, true, {"query beta matches [0-9]\n"}},
      {"query pattern fails", query_pattern, {url + "?beta=77"}, {}, false, {"query: beta has another value"}},
      {"the first condition that fails is named",
       Route("r", Rules(Rule(absl::StrCat(Path("Exact", "/x"), ", method: POST, ", Header("a", "b"))))),
       {url + "/x"},
       {},
       false,
       {"rules[0]: method: GET isn't POST\n"}},
      {"of several matches the closest one counts",
       Route("r", Rules(absl::StrCat("{matches: [{", Path("Exact", "/y"), "}, {", Path("Exact", "/x"),
                                     ", method: PUT}], ", kOne, "}"))),
       {url + "/x"},
       {},
       false,
       {"rules[0]: method: GET isn't PUT\n"}},
      {"a rule's name is shown",
       Route("r", Rules(absl::StrCat("{name: all, ", kOne, "}"))),
       {url},
       {},
       true,
       {"HTTPRoute demo/r rules[0] 'all'\n"}},
  });
}

TEST_CASE("Hosts and listeners") {
  const std::string exact = Route("a", "hostnames: [a.example.com], " + Rules(Rule(Path("PathPrefix", "/a"))));
  const std::string wildcard = Route("w", "hostnames: ['*.example.com'], " + Rules("{" + kTwo + "}"));
  const std::string wild = Route("r", "parentRefs: [{name: edge, sectionName: wild}], " + Rules("{" + kOne + "}"));
  const std::string tls = Route("r", "parentRefs: [{name: edge, sectionName: tls}], " + Rules("{" + kOne + "}"));
  CheckCases({
      {"the most specific host first",
       exact + wildcard,
       {"http://a.example.com:8080/a"},
       {},
       true,
       {"HTTPRoute demo/a rules[0]\n", "host a.example.com",
        "demo/w rules[0]: precedence: it matches too, but *.example.com is less specific than a.example.com\n"}},
      {"fall-through to a less specific host",
       exact + wildcard,
       {"http://a.example.com:8080/b"},
       {},
       true,
       {"HTTPRoute demo/w rules[0]\n", "matches[0]: host *.example.com", "demo/a rules[0]: path: /b is neither /a"}},
      {"any host is the least specific",
       wildcard + Route("any", Rules("{" + kOne + "}")),
       {"http://x.example.com:8080/"},
       {},
       true,
       {"HTTPRoute demo/w",
        "demo/any rules[0]: precedence: it matches too, but any host is less specific than *.example.com"}},
      {"a wildcard doesn't cover the name itself",
       wildcard,
       {"http://example.com:8080/"},
       {},
       false,
       {"404 no_route", "demo/w rules[0]: hostname: *.example.com doesn't cover example.com\n"}},
      {"a wildcard covers several labels", wildcard, {"http://a.b.example.com:8080/"}, {}, true, {"HTTPRoute demo/w"}},
      {"the Host field counts, not the URL",
       exact,
       {"http://h:8080/a"},
       {"Host: A.example.com:1"},
       true,
       {"HTTPRoute demo/a", "Host: A.example.com:1\n"}},
      {"no listener's hostname covers the host",
       wild,
       {"http://h:8081/"},
       {},
       false,
       {"404 no_listener", "listener demo/edge/wild: *.example.com doesn't cover h\n"}},
      {"the listener with the most specific hostname owns the host, and no other",
       wild,
       {"http://a.example.com:8081/"},
       {},
       false,
       {"listener   exact, port 8081", "404 no_route",
        "listener demo/edge/wild: *.example.com is less specific than a.example.com\n"}},
      {"a wildcard listener",
       wild,
       {"http://b.example.com:8081/"},
       {},
       true,
       {"listener   wild, port 8081, HTTP, host *.example.com\n", "demo/edge/exact: a.example.com doesn't cover"}},
      {"no listener has the port",
       wild,
       {"http://h/"},
       {},
       false,
       {"answer     no listener has port 80: the connection is refused\n",
        "ports      8080 (HTTP, demo/edge), 8081 (HTTP, demo/edge), 8443 (HTTPS, demo/edge), 8444 (HTTPS, "
        "demo/edge)\n"}},
      {"443 is the port of https", wild, {"https://h/"}, {}, false, {"no listener has port 443"}},
      {"http to a port that speaks HTTPS",
       tls,
       {"http://shop.example.com:8443/"},
       {},
       false,
       {"tls_failed", "port 8443 speaks HTTPS, and the URL says http"}},
      {"https to a port that speaks HTTP",
       tls,
       {"https://h:8080/"},
       {},
       false,
       {"malformed_request", "port 8080 speaks HTTP, and the URL says https"}},
      {"https",
       tls,
       {"https://shop.example.com:8443/"},
       {},
       true,
       {"listener   tls, port 8443, HTTPS, host shop.example.com\n"}},
      {"an address sends no name",
       tls,
       {"https://192.0.2.7:8443/"},
       {},
       false,
       {"tls_unknown_name", "demo/edge/tls: shop.example.com doesn't cover a handshake without a name"}},
      {"an unknown name in SNI",
       tls,
       {"https://other.test:8443/"},
       {},
       false,
       {"no answer, the connection ends tls_unknown_name", "demo/edge/tls: shop.example.com doesn't cover other.test"}},
      {"a listener without certificate",
       tls,
       {"https://shop.example.com:8444/"},
       {},
       false,
       {"tls_unknown_name", "listener demo/edge/bare has no certificate that can be used"}},
      {"the host of another listener than SNI's",
       tls,
       {"https://shop.example.com:8443/"},
       {"Host: b.example.com"},
       false,
       {"421 misdirected", "the handshake was for shop.example.com, the request is for b.example.com"}},
  });
}

TEST_CASE("Precedence, rule by rule") {
  const std::string one = Route("one", Rules(Rule(Path("PathPrefix", "/a"))));
  const std::string url = "http://h:8080/a/b";
  const auto pair = [&](const std::string& winner) { return one + Route("win", Rules(Rule(winner, kTwo))); };
  const auto loses = [](const std::string& why) {
    return std::vector<std::string>{"route      HTTPRoute demo/win rules[0]\n",
                                    "demo/one rules[0]: precedence: it matches too, but " + why + "\n"};
  };
  const std::string path = Path("PathPrefix", "/a");
  const std::string path_type = "an exact path goes first, then a regular expression, then a prefix";
  const std::string older = ", creationTimestamp: '2020-01-01T00:00:00Z'";
  const std::string younger = ", creationTimestamp: '2021-01-01T00:00:00Z'";
  CheckCases({
      {"exact", pair(Path("Exact", "/a/b")), {url}, {}, true, loses(path_type)},
      {"expression", pair(Path("RegularExpression", "/a/.*")), {url}, {}, true, loses(path_type)},
      {"longer prefix", pair(Path("PathPrefix", "/a/b")), {url}, {}, true, loses("the longer prefix goes first")},
      {"method", pair(path + ", method: GET"), {url}, {}, true, loses("a match that asks for a method goes first")},
      {"headers",
       pair(path + ", " + Header("x", "1")),
       {url},
       {"x: 1"},
       true,
       loses("the match that asks for more headers goes first")},
      {"query",
       pair(path + ", " + Query("q", "1")),
       {url + "?q=1"},
       {},
       true,
       loses("the match that asks for more query parameters goes first")},
      {"age",
       Route("one", Rules(Rule(path)), younger) + Route("win", Rules(Rule(path)), older),
       {url},
       {},
       true,
       loses("the older route goes first")},
      {"name",
       Route("one", Rules(Rule(path))) + Route("alpha", Rules(Rule(path))),
       {url},
       {},
       true,
       {"HTTPRoute demo/alpha",
        "demo/one rules[0]: precedence: it matches too, but of routes of one age the first by namespace"}},
      {"rule",
       Route("r", Rules(Rule(path) + ", " + Rule(path, kTwo))),
       {url},
       {},
       true,
       {"route      HTTPRoute demo/r rules[0]\n",
        "demo/r rules[1]: precedence: it matches too, but of rules of one route"}},
      {"the rule's best match is compared",
       Route("r", Rules(Rule(Path("Exact", "/a/b")))) +
           Route("s", Rules(absl::StrCat("{matches: [{", path, "}, {", Path("Exact", "/a/b"), "}], ", kOne, "}"))),
       {url},
       {},
       true,
       {"demo/s rules[0]: precedence: it matches too, but of routes of one age"}},
  });
}

TEST_CASE("Filters run as the data plane runs them") {
  const std::string url = "http://h:8080/old/x?q=1";
  const std::string prefix = Path("PathPrefix", "/old");
  const auto rule = [&](const std::string& rest) { return Route("r", Rules(Rule(prefix, rest))); };
  const std::string redirect = "type: RequestRedirect, requestRedirect: ";
  const std::string rewrite = "type: URLRewrite, urlRewrite: ";
  CheckCases({
      {"redirect to https",
       rule("filters: [{" + redirect + "{scheme: https, statusCode: 301}}]"),
       {url},
       {},
       true,
       {"filters    1. RequestRedirect: scheme https, status 301\n",
        "answer     301 redirected, Location: https://h/old/x?q=1\n"}},
      {"redirect of a prefix",
       rule("filters: [{" + redirect + "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]"),
       {url},
       {},
       true,
       {"path prefix becomes /new, status 302", "302 redirected, Location: http://h:8080/new/x?q=1\n"}},
      {"redirect to a host",
       rule("filters: [{" + redirect + "{hostname: b.example, port: 81}}]"),
       {url},
       {},
       true,
       {"hostname b.example, port 81", "Location: http://b.example:81/old/x?q=1\n"}},
      {"rewrite of a prefix",
       rule(Filters("{" + rewrite + "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}")),
       {url},
       {},
       true,
       {"1. URLRewrite: path prefix becomes /new\n", "sent: GET /new/x?q=1, Host: h:8080\n"}},
      {"rewrite of all",
       rule(Filters("{" + rewrite + "{path: {type: ReplaceFullPath, replaceFullPath: /z}}}")),
       {url},
       {},
       true,
       {"path becomes /z\n", "sent: GET /z?q=1, Host: h:8080\n"}},
      {"rewrite of the host",
       rule(Filters("{" + rewrite + "{hostname: in.example}}")),
       {url},
       {},
       true,
       {"hostname becomes in.example\n", "sent: GET /old/x?q=1, Host: in.example\n"}},
      {"headers, in their order",
       rule(Filters("{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], remove: [c]}}, "
                    "{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: d, value: e}]}}")),
       {url},
       {},
       true,
       {"filters    1. RequestHeaderModifier: set a: b, remove c\n",
        "           2. ResponseHeaderModifier: add d: e\n"}},
      {"filters of a backend",
       rule("backendRefs: [{name: one, port: 80, filters: [{" + rewrite +
            "{hostname: one.example}}]}, "
            "{name: two, port: 80, weight: 3}]"),
       {url},
       {},
       true,
       {"demo/one:80, weight 1 of 4\n", "1. URLRewrite: hostname becomes one.example\n", "Host: one.example\n",
        "demo/two:80, weight 3 of 4\n", "sent: GET /old/x?q=1, Host: h:8080\n"}},
      {"timeouts",
       rule("timeouts: {request: 10s, backendRequest: 2s}, " + kOne),
       {url},
       {},
       true,
       {"timeouts   request 10000 ms, backend request 2000 ms\n"}},
      {"no timeouts",
       rule(kOne),
       {url},
       {},
       true,
       {"request 300000 ms (the data plane's default), backend request no limit of its own\n"}},
      {"timeouts of 0", rule("timeouts: {request: 0s}, " + kOne), {url}, {}, true, {"request no limit, backend"}},
  });
}

TEST_CASE("What the gateway answers by itself, with the words of the access log") {
  const std::string url = "http://h:8080/";
  const auto rule = [](const std::string& rest) { return Route("r", Rules("{" + rest + "}")); };
  CheckCases({
      {"no backends",
       rule("matches: [{path: {value: /}}]"),
       {url},
       {},
       false,
       {"500 no_backends: The rule has no backendRefs", "remedy     Add a backendRef with a weight."}},
      {"weights of 0", rule("backendRefs: [{name: one, port: 80, weight: 0}]"), {url}, {}, false, {"500 no_backends"}},
      {"an unresolved backend",
       rule("backendRefs: [{name: ghost, port: 80}]"),
       {url},
       {},
       false,
       {"(unresolved), weight 1 of 1\n", "answer: 500 backend_unresolved", "ghost"}},
      {"a share that is unresolved",
       rule("backendRefs: [{name: one, port: 80, weight: 9}, {name: ghost, port: 80}]"),
       {url},
       {},
       false,
       {"demo/one:80, weight 9 of 10\n", "(unresolved), weight 1 of 10\n"}},
      {"no endpoints",
       rule("backendRefs: [{name: empty, port: 80}]"),
       {url},
       {},
       false,
       {"demo/empty:80", "answer: 503 no_endpoints"}},
      {"a backend of weight 0 doesn't matter",
       rule("backendRefs: [{name: one, port: 80}, {name: empty, port: 80, weight: 0}]"),
       {url},
       {},
       true,
       {"demo/empty:80, weight 0 of 1: gets nothing\n"}},
      {"no routes at all", "", {url}, {}, false, {"404 no_route", "Check hostnames and matches"}},
      {"an invalid target", rule(kOne), {"http://h:8080/<"}, {}, false, {"400 invalid_target"}},
      {"a method that isn't served", rule(kOne), {"TRACE", url}, {}, false, {"405 method_not_allowed"}},
      {"two hosts", rule(kOne), {url}, {"Host: a", "Host: b"}, false, {"400 invalid_host"}},
      {"the path is matched and sent as it is normalised",
       Route("r", Rules(Rule(Path("Exact", "/b/~x")))),
       {"http://h:8080/a/../b/%7ex"},
       {},
       true,
       {"sent: GET /b/~x, Host"}},
      {"what a client says of itself doesn't count",
       Route("r", Rules(Rule(Header("x-forwarded-proto", "https")))),
       {url},
       {"X-Forwarded-Proto: https"},
       false,
       {"404 no_route", "header: x-forwarded-proto has another value",
        "the data plane replaces or drops X-Forwarded-Proto unless the client is a trusted proxy"}},
      {"lines that are replaced are told of once",
       Route("r", Rules("{" + kOne + "}")),
       {url},
       {"X-Forwarded-For: a", "X-Forwarded-For: b", "Accept: a", "Accept: b"},
       true,
       {"notes      the data plane replaces or drops X-Forwarded-For unless the client is a trusted proxy: rules don't "
        "see "
        "what was given\n"}},
      {"what the data plane says of the client does",
       Route("r", Rules(Rule(Header("x-forwarded-proto", "http")))),
       {url},
       {},
       true,
       {"header x-forwarded-proto = http\n"}},
      {"a route that isn't attached is told of",
       Route("r", "parentRefs: [{name: edge, sectionName: http}], hostnames: [a.test], " + Rules("{" + kOne + "}")) +
           Route("lost", "parentRefs: [{name: edge, sectionName: nope}], " + Rules("{" + kOne + "}")),
       {url},
       {},
       false,
       {"HTTPRoute demo/lost isn't attached: NoMatchingParent"}},
  });
}

TEST_CASE("The closest rules come first, and 20 of them unless all are asked for") {
  std::string routes;
  for (int i = 0; i < 30; ++i)
    routes += Route(absl::StrCat("far", i), Rules(Rule(Path("Exact", absl::StrCat("/far/", i)))));
  routes += Route("near", Rules(Rule(Path("Exact", "/a/b/d"))));
  routes += Route("nearer", Rules(Rule(Path("Exact", "/a/b/c") + ", method: PUT")));
  routes += Route("host", "hostnames: [x.test], " + Rules(Rule(Path("Exact", "/a/b/c"))));
  ExplainCommand command;
  command.words = {"http://h:8080/a/b/c"};
  const Explanation some = ExplainYaml(Edge() + routes, command);
  REQUIRE(some.others.size() == 20);
  CHECK(some.others_left_out == 13);
  CHECK(some.others[0].route == "demo/nearer");
  CHECK(some.others[1].route == "demo/near");
  CHECK(testing::TextOf(some).find("and 13 further off; --all shows them\n") != std::string::npos);
  command.all = true;
  const Explanation all = ExplainYaml(Edge() + routes, command);
  REQUIRE(all.others.size() == 33);
  CHECK(all.others.back().route == "demo/host");
  CHECK(all.others.back().fails == OtherRule::Fails::kHostname);
}

TEST_CASE("The explanation in JSON has all that the text has") {
  ExplainCommand command;
  command.words = {"http://h:8080/x?q=1"};
  const std::string routes = Route(
      "r",
      Rules(absl::StrCat(Rule(Path("Exact", "/x"), Filters("{type: URLRewrite, urlRewrite: {hostname: in.example}}")),
                         ", ", Rule(Path("Exact", "/y"), kTwo))));
  std::ostringstream out;
  PrintJson(ExplainYaml(Edge() + routes, command), out);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  CHECK(json.at("request") ==
        nlohmann::json(
            {{"method", "GET"}, {"url", "http://h:8080/x?q=1"}, {"host", "h"}, {"path", "/x"}, {"query", "q=1"}}));
  CHECK(json.at("gateway") == "demo/edge");
  CHECK(json.at("listener") == "http");
  CHECK(json.at("rule").at("route") == "demo/r");
  CHECK(json.at("rule").at("filters")[0].at("type") == "URLRewrite");
  const auto& backend = json.at("rule").at("backends")[0];
  CHECK(backend.at("endpoints") == nlohmann::json({"127.0.0.1:9001"}));
  CHECK(backend.at("host") == "in.example");
  CHECK(backend.at("path") == "/x?q=1");
  CHECK(json.at("answer").is_null());
  CHECK(json.at("others")[0].at("fails") == "path");

  command.words = {"http://h:8080/z"};
  std::ostringstream refused;
  PrintJson(ExplainYaml(Edge() + routes, command), refused);
  const nlohmann::json answer = nlohmann::json::parse(refused.str());
  CHECK(answer.at("rule").is_null());
  CHECK(answer.at("answer").at("status") == 404);
  CHECK(answer.at("answer").at("reason") == "no_route");
}

TEST_CASE("Listeners that aren't served are told of") {
  ExplainCommand command;
  command.words = {"http://h:81/"};
  const std::string text = testing::TextOf(ExplainYaml(
      Services() + Gateway("edge",
                           "{name: good, port: 80, protocol: HTTP}, {name: bad, port: 81, protocol: UDP}, "
                           "{name: one, port: 82, protocol: HTTP, hostname: a.test}, "
                           "{name: two, port: 82, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}"),
      command));
  INFO(text);
  CHECK(text.find("Gateway demo/edge listener bad isn't served: UnsupportedProtocol: ") != std::string::npos);
  CHECK(text.find("Gateway demo/edge listener two isn't served: ProtocolConflict: ") != std::string::npos);
  CHECK(text.find("listener good") == std::string::npos);
}

TEST_CASE("A Gateway without anything to serve has no ports") {
  ExplainCommand command;
  command.words = {"http://h/"};
  const Explanation explanation = ExplainYaml(Services(), command);
  CHECK_FALSE(explanation.served());
  CHECK(testing::TextOf(explanation).find("ports      there are none\n") != std::string::npos);
}

}  // namespace
}  // namespace portreeve::cli
