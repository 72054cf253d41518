// What golden files can't hold: objects that no strict source lets through, the memo, and the small functions.
#include "controller/translate/translator.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "controller/store/resource_store.h"
#include "controller/translate/certificates.h"
#include "controller/translate/endpoints.h"
#include "controller/translate/gateway_classes.h"
#include "controller/translate/golden_yaml.h"
#include "controller/translate/hostnames.h"
#include "controller/translate/matches.h"
#include "controller/translate/statuses.h"
#include "controller/translate/text.h"
#include "controller/translate/unclaimed.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Condition;
using gatewayapi::Gateway;
using gatewayapi::HTTPRoute;
using gatewayapi::Object;

gatewayapi::ObjectMeta Meta(std::string namespace_, std::string name) {
  gatewayapi::ObjectMeta meta;
  meta.namespace_ = std::move(namespace_);
  meta.name = std::move(name);
  meta.generation = 1;
  return meta;
}

const ObjectStatus& StatusAt(const Translation& translation, size_t index) {
  return *std::next(translation.statuses.begin(), static_cast<std::ptrdiff_t>(index));
}

template <typename T>
Object Share(T object) {
  return std::make_shared<const T>(std::move(object));
}

Object Class() {
  gatewayapi::GatewayClass made{.metadata = Meta("", "portreeve"), .spec = {}, .status = {}};
  made.spec.controller_name = std::string(ControllerName());
  return Share(made);
}

gatewayapi::Listener Http(std::string name, uint16_t port = 80) {
  gatewayapi::Listener listener;
  listener.name = std::move(name);
  listener.port = port;
  listener.protocol = "HTTP";
  return listener;
}

Gateway Edge(std::vector<gatewayapi::Listener> listeners) {
  Gateway gateway{.metadata = Meta("a", "edge"), .spec = {}, .status = {}};
  gateway.spec.gateway_class_name = "portreeve";
  gateway.spec.listeners = std::move(listeners);
  return gateway;
}

HTTPRoute Route(std::string name, std::string service = "s") {
  HTTPRoute route{.metadata = Meta("a", std::move(name)), .spec = {}, .status = {}};
  route.spec.parent_refs.emplace_back().name = "edge";
  gatewayapi::HTTPRouteRule& rule = route.spec.rules.emplace_back();
  rule.matches.emplace_back();
  gatewayapi::HTTPBackendRef& ref = rule.backend_refs.emplace_back();
  ref.name = std::move(service);
  ref.port = 80;
  return route;
}

gatewayapi::Service Service(std::string name) {
  gatewayapi::Service service{.metadata = Meta("a", std::move(name)), .spec = {}};
  service.spec.ports.push_back({.name = "http", .port = 80, .app_protocol = {}});
  return service;
}

gatewayapi::EndpointSlice Slice(const std::string& service, std::string address) {
  gatewayapi::EndpointSlice slice{
      .metadata = Meta("a", service + "-1"), .address_type = "IPv4", .endpoints = {}, .ports = {}};
  slice.metadata.labels["kubernetes.io/service-name"] = service;
  slice.endpoints.emplace_back().addresses.push_back(std::move(address));
  slice.ports.push_back({.name = "http", .port = 8080, .app_protocol = {}});
  return slice;
}

Translation Translate(const std::vector<Object>& objects) {
  return Translator().Translate(*store::ClusterState::Of(objects));
}

// "Accepted=False/UnsupportedValue" of the route's only parent.
std::string AcceptedOf(const HTTPRoute& route) {
  const Translation translation = Translate({Class(), Share(Edge({Http("http")})), Share(Service("s")), Share(route)});
  const Condition& condition =
      StatusAt(translation, translation.statuses.size() - 1).route->parents.at(0).conditions.at(0);
  return Concat(condition.type, "=", condition.status, "/", condition.reason);
}

std::vector<std::string> ListenerConditions(const Gateway& gateway, size_t listener) {
  const Translation translation = Translate({Class(), Share(gateway)});
  std::vector<std::string> shown;
  for (const Condition& condition : StatusAt(translation, 1).gateway->listeners.at(listener).conditions) {
    shown.push_back(Concat(condition.type, "=", condition.status, "/", condition.reason));
  }
  return shown;
}

TEST_CASE("listeners of one port and hostname are all refused") {
  gatewayapi::Listener upper = Http("upper");
  upper.hostname = "Shop.example.com";
  gatewayapi::Listener lower = Http("lower");
  lower.hostname = "shop.example.com";
  const Gateway gateway = Edge({upper, lower, Http("other")});
  const std::vector<std::string> conflicted = {"Accepted=False/HostnameConflict", "Conflicted=True/HostnameConflict",
                                               "Programmed=False/HostnameConflict", "ResolvedRefs=True/ResolvedRefs"};
  CHECK(ListenerConditions(gateway, 0) == conflicted);
  CHECK(ListenerConditions(gateway, 1) == conflicted);
  CHECK(ListenerConditions(gateway, 2).front() == "Accepted=True/Accepted");
  const Translation translation = Translate({Class(), Share(gateway)});
  CHECK(translation.gateways.at("a/edge").size() == 1);
  CHECK(StatusAt(translation, 1).gateway->conditions.at(0).reason == "ListenersNotValid");
}

TEST_CASE("listeners that the API server would refuse aren't accepted") {
  gatewayapi::Listener plain = Http("plain");
  plain.tls.emplace();
  CHECK(ListenerConditions(Edge({plain}), 0).front() == "Accepted=False/UnsupportedValue");

  gatewayapi::Listener passthrough = Http("passthrough");
  passthrough.protocol = "HTTPS";
  passthrough.tls.emplace().mode = gatewayapi::TLSMode::kPassthrough;
  CHECK(ListenerConditions(Edge({passthrough}), 0).front() == "Accepted=False/UnsupportedValue");

  gatewayapi::Listener bare = Http("bare");
  bare.protocol = "HTTPS";
  CHECK(ListenerConditions(Edge({bare}), 0).at(2) == "Programmed=False/Invalid");
  CHECK(ListenerConditions(Edge({bare}), 0).at(3) == "ResolvedRefs=False/InvalidCertificateRef");

  CHECK(StatusAt(Translate({Class(), Share(Edge({}))}), 1).gateway->conditions.at(0).reason == "ListenersNotValid");
}

TEST_CASE("from None allows no route") {
  Gateway gateway = Edge({Http("http")});
  gateway.spec.listeners[0].allowed_routes.namespaces.from = gatewayapi::FromNamespaces::kNone;
  const Translation translation = Translate({Class(), Share(gateway), Share(Route("r"))});
  CHECK(StatusAt(translation, translation.statuses.size() - 1).route->parents.at(0).conditions.at(0).reason ==
        "NotAllowedByListeners");
}

TEST_CASE("secrets without certificate or key can't be used") {
  gatewayapi::Secret secret{.metadata = Meta("a", "tls"), .type = "kubernetes.io/tls", .data = {}};
  CHECK(std::get<Objection>(ReadCertificate(secret)).message.starts_with("Secret a/tls has no tls.crt"));
  secret.data["tls.crt"] = SecretBytes("x");
  CHECK(std::get<Objection>(ReadCertificate(secret)).message.starts_with("Secret a/tls has no tls.key"));
  secret.data["tls.key"] = SecretBytes("");
  CHECK(std::get<Objection>(ReadCertificate(secret)).message.starts_with("Secret a/tls has no tls.key"));
}

TEST_CASE("rules that the API server would refuse aren't accepted") {
  using Filter = gatewayapi::HTTPRouteFilter;
  HTTPRoute route = Route("r");
  gatewayapi::HTTPRouteRule& rule = route.spec.rules[0];
  CHECK(AcceptedOf(route) == "Accepted=True/Accepted");

  SECTION("paths") {
    rule.matches[0].path.value = "no-slash";
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
  }
  SECTION("header values that end a line, and names that are none") {
    Filter& filter = rule.filters.emplace_back();
    filter.request_header_modifier.emplace().set.push_back({"X-A", "b"});
    CHECK(AcceptedOf(route) == "Accepted=True/Accepted");
    for (const std::string& value : std::vector<std::string>{"a\r\nSet-Cookie: x", "a\nb", std::string("a\0b", 3)}) {
      filter.request_header_modifier->set[0].value = value;
      CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    }
    for (const char* name : {"", "a b", "a:", "a\n"}) {
      filter.request_header_modifier->set[0] = {name, "b"};
      CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    }
  }
  SECTION("redirects") {
    rule.backend_refs.clear();
    Filter& filter = rule.filters.emplace_back();
    filter.type = Filter::Type::kRequestRedirect;
    filter.request_redirect.emplace().status_code = 304;
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    filter.request_redirect->status_code = 308;
    filter.request_redirect->scheme = "ftp";
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    filter.request_redirect->scheme = "https";
    filter.request_redirect->path.emplace().type = gatewayapi::HTTPPathModifier::Type::kReplacePrefixMatch;
    CHECK(AcceptedOf(route) == "Accepted=True/Accepted");
    rule.matches[0].path.type = gatewayapi::PathMatchType::kExact;
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    filter.request_redirect->path = {gatewayapi::HTTPPathModifier::Type::kReplaceFullPath, "/\r\nx"};
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
  }
  SECTION("filters that exclude each other") {
    rule.filters.emplace_back().type = Filter::Type::kURLRewrite;
    rule.filters.emplace_back().type = Filter::Type::kURLRewrite;
    CHECK(AcceptedOf(route) == "Accepted=False/IncompatibleFilters");
    rule.filters.back().type = Filter::Type::kRequestRedirect;
    CHECK(AcceptedOf(route) == "Accepted=False/IncompatibleFilters");
    rule.backend_refs.clear();
    CHECK(AcceptedOf(route) == "Accepted=False/IncompatibleFilters");
    rule.filters.erase(rule.filters.begin());
    CHECK(AcceptedOf(route) == "Accepted=True/Accepted");
  }
  SECTION("timeouts") {
    rule.timeouts = {std::chrono::milliseconds(100), std::chrono::milliseconds(101)};
    CHECK(AcceptedOf(route) == "Accepted=False/UnsupportedValue");
    rule.timeouts->request = std::chrono::milliseconds(0);
    CHECK(AcceptedOf(route) == "Accepted=True/Accepted");
  }
}

TEST_CASE("one header or query name counts once, the first") {
  HTTPRoute route = Route("r");
  route.spec.rules[0].matches[0].headers = {{gatewayapi::ValueMatchType::kExact, "X-A", "1"},
                                            {gatewayapi::ValueMatchType::kRegularExpression, "x-a", "("}};
  route.spec.rules[0].matches[0].query_params = {{gatewayapi::ValueMatchType::kExact, "q", "1"},
                                                 {gatewayapi::ValueMatchType::kExact, "q", "2"}};
  const Translation translation = Translate({Class(), Share(Edge({Http("http")})), Share(Service("s")), Share(route)});
  const config::v1::Match& match = translation.gateways.at("a/edge").find("rule/a/r/0")->second->rule().matches(0);
  REQUIRE(match.headers_size() == 1);
  CHECK(match.headers(0).name() == "x-a");
  CHECK(match.headers(0).value() == "1");
  REQUIRE(match.query_size() == 1);
  CHECK(match.query(0).value() == "1");
}

TEST_CASE("versions are the same in every process") {
  const Translation translation =
      Translate({Class(), Share(Edge({Http("http")})), Share(Service("s")), Share(Slice("s", "10.0.0.1"))});
  CHECK(translation.gateways.at("a/edge").find("listener/a/edge/http")->second->version() == "c0dd024ad0a778d4");
}

TEST_CASE("a change makes anew what depends on it, and nothing else") {
  store::ResourceStore store;
  store.Put(Class());
  store.Put(Share(Edge({Http("http")})));
  for (int i = 0; i < 200; ++i) {
    const std::string name = Concat("s", i);
    store.Put(Share(Service(name)));
    store.Put(Share(Slice(name, "10.0.0.1")));
    store.Put(Share(Route(Concat("r", i), name)));
  }
  Translator translator;
  translator.Translate(*store.Snapshot());
  CHECK(translator.work().routes == 200);
  CHECK(translator.work().endpoints == 200);
  const auto work = [&] {
    translator.Translate(*store.Snapshot());
    return std::vector<size_t>{translator.work().gateways, translator.work().routes, translator.work().endpoints};
  };
  using Work = std::vector<size_t>;
  CHECK(work() == Work{0, 0, 0});

  store.Put(Share(Slice("s7", "10.0.0.2")));
  CHECK(work() == Work{0, 0, 1});

  HTTPRoute route = Route("r7", "s7");
  route.metadata.generation = 2;
  route.spec.hostnames = {"shop.example.com"};
  store.Put(Share(route));
  CHECK(work() == Work{0, 1, 0});

  // Another Service, which nobody had named.
  route.spec.rules[0].backend_refs[0].name = "new";
  store.Put(Share(route));
  CHECK(work() == Work{0, 1, 0});
  store.Put(Share(Service("new")));
  CHECK(work() == Work{0, 1, 1});

  // Ours comes back by watch, with what others wrote beside it.
  gatewayapi::RouteParentStatus& foreign = route.status.parents.emplace_back();
  foreign.parent_ref.name = "ghost";
  foreign.controller_name = "example.com/other";
  store.Put(Share(route));
  const Translation translation = translator.Translate(*store.Snapshot());
  CHECK(translator.work().routes == 0);
  const auto found =
      std::ranges::find_if(translation.statuses, [](const ObjectStatus& status) { return status.key.name == "r7"; });
  CHECK(found->route->parents.size() == 2);

  // Nobody selects by them: the namespace of the routes may matter to a selector, so that they are judged again.
  store.Put(Share(gatewayapi::Namespace{.metadata = Meta("", "other")}));
  CHECK(work() == Work{0, 0, 0});
  store.Put(Share(gatewayapi::Namespace{.metadata = Meta("", "a")}));
  CHECK(work() == Work{0, 200, 0});

  // A listener whose models stay the same leaves the routes alone.
  Gateway gateway = Edge({Http("http")});
  gateway.metadata.generation = 2;
  store.Put(Share(gateway));
  CHECK(work() == Work{1, 0, 0});
  gateway.spec.listeners[0].hostname = "*.example.com";
  store.Put(Share(gateway));
  CHECK(work() == Work{1, 200, 0});
}

TEST_CASE("what stays the same is the same pointer") {
  store::ResourceStore store;
  store.Put(Class());
  store.Put(Share(Edge({Http("http")})));
  store.Put(Share(Service("s")));
  store.Put(Share(Slice("s", "10.0.0.1")));
  store.Put(Share(Route("one")));
  store.Put(Share(Route("two")));
  Translator translator;
  const Translation before = translator.Translate(*store.Snapshot());
  HTTPRoute changed = Route("one");
  changed.spec.hostnames = {"a.example.com"};
  store.Put(Share(changed));
  const Translation after = translator.Translate(*store.Snapshot());
  for (const auto& [key, resource] : after.gateways.at("a/edge")) {
    INFO(key);
    const auto& old = before.gateways.at("a/edge").find(key)->second;
    CHECK((old == resource) == (key != "rule/a/one/0"));
  }
  CHECK(StatusAt(before, 0).gateway_class == StatusAt(after, 0).gateway_class);
  CHECK(StatusAt(before, 1).gateway == StatusAt(after, 1).gateway);
  CHECK(StatusAt(before, 2).route == StatusAt(after, 2).route);
  CHECK(StatusAt(before, 3).route == StatusAt(after, 3).route);
  store.Delete({gatewayapi::Kind::kService, "a", "s"});
  const Translation last = translator.Translate(*store.Snapshot());
  CHECK(StatusAt(last, 1).gateway == StatusAt(after, 1).gateway);
  CHECK(StatusAt(last, 2).route != StatusAt(after, 2).route);
}

TEST_CASE("a translator that sees another store starts over") {
  const auto one = store::ClusterState::Of(std::vector<Object>{Class(), Share(Edge({Http("x", 80)}))});
  const auto two = store::ClusterState::Of(std::vector<Object>{Class(), Share(Edge({Http("x", 81)}))});
  Translator translator;
  translator.Translate(*one);
  CHECK(ToYaml(translator.Translate(*two)) == ToYaml(Translator().Translate(*two)));
}

TEST_CASE("what nobody claims is named") {
  Gateway lost = Edge({Http("http")});
  lost.metadata.name = "lost";
  lost.spec.gateway_class_name = "ghost";
  gatewayapi::GatewayClass foreign{.metadata = Meta("", "foreign"), .spec = {}, .status = {}};
  foreign.spec.controller_name = "example.com/other";
  Gateway theirs = Edge({Http("http")});
  theirs.metadata.name = "theirs";
  theirs.spec.gateway_class_name = "foreign";
  HTTPRoute route = Route("r");
  route.spec.parent_refs.emplace_back().name = "nowhere";
  route.spec.parent_refs.emplace_back().name = "theirs";
  gatewayapi::ParentReference& mesh = route.spec.parent_refs.emplace_back();
  mesh.group = "";
  mesh.kind = "Service";
  mesh.name = "mesh";
  const auto state = store::ClusterState::Of(std::vector<Object>{Class(), Share(foreign), Share(Edge({Http("http")})),
                                                                 Share(lost), Share(theirs), Share(route)});
  const std::vector<Unclaimed> unclaimed = Translator().Translate(*state).unclaimed;
  REQUIRE(unclaimed.size() == 2);
  CHECK(unclaimed[0].key.ToString() == "Gateway a/lost");
  CHECK(unclaimed[0].message ==
        "spec.gatewayClassName: GatewayClass ghost doesn't exist: make it with controllerName "
        "portreeve.dev/controller, or name another");
  CHECK(unclaimed[1].key.ToString() == "HTTPRoute a/r");
  CHECK(unclaimed[1].message == "spec.parentRefs[1]: Gateway a/nowhere doesn't exist: make it, or name another");
}

TEST_CASE("supported features are sorted, unique, and no more than a status holds") {
  for (const bool in_cluster : {false, true}) {
    const std::vector<std::string> features = SupportedFeatures(in_cluster);
    CHECK(std::ranges::is_sorted(features));
    CHECK(std::ranges::adjacent_find(features) == features.end());
    CHECK(features.size() <= 64);
    const auto has = [&](const char* name) { return std::ranges::find(features, name) != features.end(); };
    for (const char* claimed :
         {"Gateway", "HTTPRoute", "ReferenceGrant", "GatewayPort8080", "HTTPRouteBackendURLRewrite"}) {
      CHECK(has(claimed));
    }
    for (const char* not_yet : {"HTTPRouteCORS", "HTTPRouteRequestMirror", "HTTPRouteRetryCodes", "TLSRoute",
                                "ListenerSet", "HTTPRouteBackendProtocolH2C"}) {
      CHECK_FALSE(has(not_yet));
    }
    for (const char* provisioned : {"GatewayAddressEmpty", "GatewayInfrastructure", "GatewayStaticAddresses"}) {
      CHECK(has(provisioned) == in_cluster);
    }
  }
}

TEST_CASE("hostnames intersect") {
  const std::vector<std::pair<std::string, std::string>> yes = {{"", "a.example.com"},
                                                                {"", "*.example.com"},
                                                                {"a.example.com", "a.example.com"},
                                                                {"*.example.com", "a.example.com"},
                                                                {"*.example.com", "a.b.example.com"},
                                                                {"*.example.com", "*.b.example.com"},
                                                                {"*.com", "*.example.com"}};
  for (const auto& [a, b] : yes) {
    INFO(a << " " << b);
    CHECK(HostnamesIntersect(a, b));
    CHECK(HostnamesIntersect(b, a));
  }
  const std::vector<std::pair<std::string, std::string>> no = {
      {"*.example.com", "example.com"},   {"*.example.com", "aexample.com"},    {"a.example.com", "b.example.com"},
      {"*.example.com", "*.example.org"}, {"*.example.com", "*.b-example.com"}, {"*.a.com", "*.b.a.org"}};
  for (const auto& [a, b] : no) {
    INFO(a << " " << b);
    CHECK_FALSE(HostnamesIntersect(a, b));
    CHECK_FALSE(HostnamesIntersect(b, a));
  }
}

TEST_CASE("addresses that may be dialled") {
  for (const char* always : {"10.0.0.1", "192.0.2.1", "170.254.0.1", "2001:db8::1", "fd00::1", "fec0::1"}) {
    INFO(always);
    CHECK(MayDial(always, false));
    CHECK(MayDial(always, true));
  }
  for (const char* loopback : {"127.0.0.1", "127.255.0.9", "169.254.169.254", "::1", "fe80::1", "febf::1",
                               "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "fd00:ec2::254"}) {
    INFO(loopback);
    CHECK_FALSE(MayDial(loopback, false));
    CHECK(MayDial(loopback, true));
  }
  for (const char* never : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "", "localhost",
                            "127.1", "0x7f.0.0.1", "10.0.0.1:80", "fe80::1%eth0", "[::1]"}) {
    INFO(never);
    CHECK_FALSE(MayDial(never, false));
    CHECK_FALSE(MayDial(never, true));
  }
}

TEST_CASE("patterns") {
  CHECK_FALSE(ObjectionToPattern("/v[0-9]+/(a|b)*"));
  CHECK_FALSE(ObjectionToPattern(std::string(150, 'a')));
  CHECK_FALSE(ObjectionToPattern("(?i)x"));
  for (const char* bad : {"(", "[", "a{2,1}", "(?=a)", "\\1", "a**b(", "(.{100}){100}"}) {
    INFO(bad);
    CHECK(ObjectionToPattern(bad));
  }
  CHECK(ObjectionToPattern(std::string(1025, 'a')));
}

TEST_CASE("conditions merge in place") {
  const Condition foreign = {"example.com/Mine", "True", "Own", "m", 1, "2024-01-01T00:00:00Z"};
  const Condition stored = {"Accepted", "False", "Old", "old", 1, "2024-01-01T00:00:00Z"};
  const Condition gone = {"PartiallyInvalid", "True", "Old", "old", 1, "2024-01-01T00:00:00Z"};
  const Condition accepted = {"Accepted", "True", "Accepted", "new", 2, ""};
  const Condition resolved = {"ResolvedRefs", "True", "ResolvedRefs", "new", 2, ""};
  CHECK(MergeConditions({stored, foreign, gone}, kOwnOfRoute, {resolved, accepted}) ==
        std::vector<Condition>{accepted, foreign, resolved});
  CHECK(MergeConditions({}, kOwnOfRoute, {resolved, accepted}) == std::vector<Condition>{resolved, accepted});
  CHECK(MergeConditions({stored, stored}, kOwnOfRoute, {accepted}) == std::vector<Condition>{accepted});
}

}  // namespace
}  // namespace portreeve::translate
