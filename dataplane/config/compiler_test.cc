#include "dataplane/config/compiler.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "dataplane/config/test_resources.h"
#include "dataplane/tls/certificate.h"
#include "dataplane/tls/test_certificates.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

using testing::Ask;
using testing::MakeDelta;
using testing::Named;
using Outcome = CompileResult::Outcome;

// Listener http on 80, rule for all, backend b with one endpoint.
std::vector<Named> Basics() {
  return {testing::Listener("http", 80), testing::Rule({}), testing::Backend("b"), testing::Endpoints("b", {1})};
}

// Follows the snapshots by itself.
struct Rig {
  explicit Rig(const std::vector<Named>& first) { Apply(first); }

  CompileResult Apply(const std::vector<Named>& changed, const std::vector<std::string>& removed = {}) {
    const std::string target = absl::StrCat("s", ++count);
    last = compiler.Apply(MakeDelta(compiler.snapshot(), target, changed, removed));
    REQUIRE(last.outcome == Outcome::kApplied);
    REQUIRE(last.config != nullptr);
    CHECK(last.config->version == target);
    return last;
  }
  std::string AskAt(int port, std::string_view host, std::string_view path) const {
    return Ask(*last.config, port, host, path);
  }

  ConfigCompiler compiler;
  CompileResult last;
  int count = 0;
};

bool InForce(const CompileResult& result, const std::string& key) {
  return std::ranges::any_of(result.in_force, [&](const auto& one) { return one.first == key; });
}

TEST_CASE("A full delta is compiled as a whole") {
  Rig rig(Basics());
  CHECK(rig.last.refused.empty());
  CHECK(rig.last.in_force.size() == 4);
  CHECK(rig.compiler.Held().size() == 4);
  CHECK(rig.AskAt(80, "a.example", "/x") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.AskAt(81, "a.example", "/x") == "no port");
  CHECK_FALSE(rig.last.config->ports.at(80)->tls);
  CHECK(rig.last.config->ports.at(80)->first->key == "listener/ns/gw/http");
}

TEST_CASE("One bad rule in a thousand hurts no other") {
  std::vector<Named> all = {testing::Listener("http", 80), testing::Backend("b"), testing::Endpoints("b", {1})};
  for (int i = 0; i < 1000; ++i) {
    testing::RuleSpec spec;
    spec.route = absl::StrCat("r", i);
    spec.prefix = absl::StrCat("/p", i);
    if (i == 500) spec.more = R"(matches { path { type: REGEX value: "a(b" } })";
    all.push_back(testing::Rule(spec));
  }
  Rig rig(all);
  REQUIRE(rig.last.refused.size() == 1);
  CHECK(rig.last.refused[0].key == "rule/ns/r500/0");
  CHECK(rig.last.refused[0].origin == "HTTPRoute ns/r500");
  CHECK(rig.last.refused[0].field == "matches[1].path.value");
  CHECK_FALSE(rig.last.refused[0].message.empty());
  CHECK(rig.last.in_force.size() == 1002);
  CHECK(rig.AskAt(80, "h", "/p499/x") == "ns/r499/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.AskAt(80, "h", "/p500") == "no route");
}

TEST_CASE("A refused resource keeps its last good version until a good one comes") {
  Rig rig(Basics());
  const auto held = [&] {
    auto all = rig.compiler.Held();
    std::ranges::sort(all);
    return all;
  };
  const auto before = held();
  testing::RuleSpec bad;
  bad.more = "filters { redirect { status: 200 } }";
  const CompileResult refused = rig.Apply({testing::Rule(bad)});
  REQUIRE(refused.refused.size() == 1);
  CHECK(refused.refused[0].version == testing::Rule(bad).second->version());
  CHECK_FALSE(InForce(refused, "rule/ns/r/0"));
  CHECK(held() == before);
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  // It stays refused while nobody touches it.
  CHECK(rig.Apply({testing::Endpoints("b", {2})}).refused.size() == 1);
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:2]");
  testing::RuleSpec good;
  good.prefix = "/new";
  CHECK(rig.Apply({testing::Rule(good)}).refused.empty());
  CHECK(rig.AskAt(80, "h", "/") == "no route");
}

TEST_CASE("A refused resource that is removed is gone, its last good version with it") {
  Rig rig(Basics());
  testing::RuleSpec bad;
  bad.more = "filters { }";
  rig.Apply({testing::Rule(bad)});
  CHECK(rig.last.refused.size() == 1);
  rig.Apply({}, {"rule/ns/r/0"});
  CHECK(rig.last.refused.empty());
  CHECK(rig.AskAt(80, "h", "/") == "no route");
}

TEST_CASE("A rule serves 500 for a backend that isn't there, until it is") {
  Rig rig({testing::Listener("http", 80), testing::Rule({})});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ?");
  rig.Apply({testing::Backend("b")});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[]");
  rig.Apply({testing::Endpoints("b", {1, 2})});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1 127.0.0.1:2]");
  rig.Apply({}, {"backend/ns/b"});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ?");
  rig.Apply({testing::Backend("b")});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1 127.0.0.1:2]");
  rig.Apply({}, {"endpoints/ns/b"});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[]");
}

TEST_CASE("A backend that goes and comes in one delta is found again") {
  Rig rig(Basics());
  rig.Apply({testing::Backend("b")}, {"backend/ns/b"});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
}

TEST_CASE("A rule may come before its listener and stay after it") {
  Rig rig({testing::Rule({}), testing::Backend("b"), testing::Endpoints("b", {1})});
  CHECK(rig.AskAt(80, "h", "/") == "no port");
  rig.Apply({testing::Listener("http", 80)});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  rig.Apply({testing::Listener("http", 81)});
  CHECK(rig.AskAt(80, "h", "/") == "no port");
  CHECK(rig.AskAt(81, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  rig.Apply({}, {"listener/ns/gw/http"});
  CHECK(rig.last.config->ports.empty());
}

TEST_CASE("Hosts that aren't touched are shared with the configuration before") {
  std::vector<Named> all = {testing::Listener("http", 80), testing::Backend("b"), testing::Endpoints("b", {1})};
  for (const char* name : {"one", "two"}) {
    testing::RuleSpec spec;
    spec.route = name;
    spec.hostnames = {absl::StrCat(name, ".example")};
    all.push_back(testing::Rule(spec));
  }
  Rig rig(all);
  const auto routes = [&](const char* host) {
    return *rig.last.config->ports.at(80)->first->routes->hosts().Get(host);
  };
  const auto one = routes("one.example");
  const auto two = routes("two.example");
  const auto listener = rig.last.config->ports.at(80);
  rig.Apply({testing::Endpoints("b", {2})});
  CHECK(rig.last.config->ports.at(80) == listener);
  testing::RuleSpec spec;
  spec.route = "two";
  spec.hostnames = {"two.example"};
  spec.prefix = "/more";
  rig.Apply({testing::Rule(spec)});
  CHECK(routes("one.example") == one);
  CHECK(routes("two.example") != two);
}

TEST_CASE("Full state removes what isn't in it, and keeps what is the same") {
  Rig rig(Basics());
  const auto port = rig.last.config->ports.at(80);
  std::vector<Named> rest = Basics();
  rest.push_back(testing::Backend("c"));
  const CompileResult result = rig.compiler.Apply(MakeDelta("", "full", rest));
  CHECK(result.outcome == Outcome::kApplied);
  CHECK(result.config->ports.at(80) == port);
  CHECK(result.in_force.size() == 1);
  CHECK(result.gone.empty());
  const CompileResult less = rig.compiler.Apply(MakeDelta("", "less", {testing::Listener("http", 80)}));
  CHECK(less.gone.size() == 4);
  CHECK(Ask(*less.config, 80, "h", "/") == "no route");
}

TEST_CASE("A delta that starts elsewhere, or comes from an older epoch, changes nothing") {
  Rig rig(Basics());
  const auto config = rig.last.config;
  CompileResult result = rig.compiler.Apply(MakeDelta("other", "x", {}, {"rule/ns/r/0"}));
  CHECK(result.outcome == Outcome::kMismatch);
  CHECK(result.config == config);
  CHECK(rig.compiler.Apply(MakeDelta("s1", "s2", {}, {}, 7)).outcome == Outcome::kApplied);
  CHECK(rig.compiler.epoch() == 7);
  result = rig.compiler.Apply(MakeDelta("", "old", {}, {}, 6));
  CHECK(result.outcome == Outcome::kStaleEpoch);
  CHECK(rig.compiler.snapshot() == "s2");
  CHECK(Ask(*result.config, 80, "h", "/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
}

TEST_CASE("An empty delta gives the configuration that runs") {
  Rig rig(Basics());
  const CompileResult result = rig.compiler.Apply(MakeDelta("s1", "s1", {}));
  CHECK(result.outcome == Outcome::kApplied);
  CHECK(result.config == rig.last.config);
}

TEST_CASE("A certificate that is refused leaves the last good one to the listener") {
  const tls::testing::Pair first = tls::testing::MakePair({"a.example"}, "p256", 0);
  Rig rig({testing::Listener("https", 443, "", {"certificate/ns/c", "certificate/ns/missing"}),
           testing::Certificate("c", first.chain, first.key)});
  const auto certificates = [&] { return rig.last.config->ports.at(443)->first->certificates; };
  REQUIRE(certificates().size() == 1);
  const auto served = certificates()[0];
  const tls::testing::Pair other = tls::testing::MakePair({"a.example"}, "p256", 1);
  rig.Apply({testing::Certificate("c", other.chain, first.key)});
  REQUIRE(rig.last.refused.size() == 1);
  CHECK(rig.last.refused[0].origin == "Secret ns/c");
  CHECK(rig.last.refused[0].message.find("BEGIN") == std::string::npos);
  CHECK(certificates()[0] == served);
  rig.Apply({testing::Certificate("c", other.chain, other.key)});
  CHECK(rig.last.refused.empty());
  CHECK(certificates()[0] != served);
  rig.Apply({}, {"certificate/ns/c"});
  CHECK(certificates().empty());
}

TEST_CASE("A port has one protocol: who is there stays, and the other is told") {
  Rig rig({testing::Listener("z", 80)});
  const Named rival = testing::Listener("a", 80, "", {"certificate/ns/c"});
  rig.Apply({rival});
  REQUIRE(rig.last.refused.size() == 1);
  CHECK(rig.last.refused[0].key == "listener/ns/gw/a");
  CHECK(rig.last.refused[0].field == "port");
  CHECK(rig.last.refused[0].message.find("ns/gw/z") != std::string::npos);
  CHECK_FALSE(rig.last.config->ports.at(80)->tls);
  CHECK(rig.compiler.Held().size() == 1);

  SECTION("the other takes the port once it is free, and is in force then") {
    rig.Apply({}, {"listener/ns/gw/z"});
    CHECK(rig.last.refused.empty());
    CHECK(InForce(rig.last, "listener/ns/gw/a"));
    CHECK(rig.last.config->ports.at(80)->tls);
  }
  SECTION("also when the one that is there moves away in the same delta as others come") {
    rig.Apply({testing::Listener("z", 8080), testing::Listener("y", 80, "", {"certificate/ns/c"})});
    // Two newcomers for one place: the lower key.
    REQUIRE(rig.last.refused.size() == 1);
    CHECK(rig.last.refused[0].key == "listener/ns/gw/y");
    CHECK(rig.last.config->ports.at(80)->first->name == "ns/gw/a");
    CHECK(rig.last.config->ports.at(8080)->first->name == "ns/gw/z");
  }
  SECTION("and nothing is left of it when it goes") {
    rig.Apply({}, {"listener/ns/gw/a"});
    CHECK(rig.last.refused.empty());
  }
}

TEST_CASE("A listener that moves to where it can't be stays where it was") {
  Rig rig({testing::Listener("a", 80), testing::Listener("b", 81, "b.example")});
  rig.Apply({testing::Listener("a", 81, "b.example")});
  REQUIRE(rig.last.refused.size() == 1);
  CHECK(rig.last.config->ports.at(80)->first->name == "ns/gw/a");
  // And two may swap.
  rig.Apply({testing::Listener("a", 81), testing::Listener("b", 80)});
  CHECK(rig.last.refused.empty());
  CHECK(rig.last.config->ports.at(80)->first->name == "ns/gw/b");
  CHECK(rig.last.config->ports.at(81)->first->name == "ns/gw/a");
}

TEST_CASE("Indexes stay while their owner lives, and aren't given on within one delta") {
  Rig rig({testing::Backend("a"), testing::Backend("b"), testing::Backend("c"), testing::Listener("x", 80),
           testing::Listener("y", 81)});
  const auto name_at = [&](std::size_t i) {
    const auto& backend = rig.last.config->backends.at(i);
    return backend == nullptr ? std::string("-") : backend->name;
  };
  const auto index_of = [&](const std::string& name) {
    for (std::size_t i = 0; i < rig.last.config->backends.size(); ++i) {
      if (name_at(i) == name) return i;
    }
    return std::size_t{99};
  };
  const std::size_t a = index_of("ns/a");
  const std::size_t b = index_of("ns/b");
  const std::uint32_t y = rig.last.config->ports.at(81)->first->metrics_index;
  rig.Apply({testing::Backend("d"), testing::Listener("z", 82)}, {"backend/ns/b", "listener/ns/gw/x"});
  CHECK(index_of("ns/a") == a);
  CHECK(name_at(b) == "-");
  CHECK(index_of("ns/d") == 3);
  CHECK(rig.last.config->ports.at(81)->first->metrics_index == y);
  CHECK(rig.last.config->ports.at(82)->first->metrics_index == 2);
  rig.Apply({testing::Backend("e")});
  CHECK(index_of("ns/e") == b);
}

TEST_CASE("Draining endpoints are used when there is no other") {
  const auto with = [](const std::string& text) {
    return testing::Parse(absl::StrCat("key: \"endpoints/ns/b\" endpoints { ", text, " }"));
  };
  const std::string draining = R"(endpoints { address: "::1" port: 2 draining: true })";
  Rig rig(Basics());
  rig.Apply({with(draining)});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[[::1]:2]");
  rig.Apply({with(absl::StrCat(R"(endpoints { address: "10.0.0.1" port: 2 })", draining))});
  CHECK(rig.AskAt(80, "h", "/") == "ns/r/0 -> ns/b[10.0.0.1:2]");
}

TEST_CASE("What can't be understood is refused with its place") {
  struct Case {
    const char* text;
    const char* field;
  };
  const Case cases[] = {
      {R"(key: "listener/ns/gw/l" listener { name: "l" port: 0 protocol: HTTP })", "port"},
      {R"(key: "listener/ns/gw/l" listener { name: "l" port: 80 })", "protocol"},
      {R"(key: "listener/ns/gw/l" listener { name: "l" port: 80 protocol: HTTP hostname: "A.example" })", "hostname"},
      {R"(key: "listener/ns/gw/l" listener { name: "l" port: 80 protocol: HTTP certificates: "c" })", "certificates"},
      {R"(key: "backend/ns/b" backend { name: "b" })", "endpoints"},
      {R"(key: "backend/ns/b" backend { name: "b" endpoints: "e" balancing: 9 })", "balancing"},
      {R"(key: "endpoints/ns/b" endpoints { endpoints { address: "name" port: 1 } })", "endpoints[0].address"},
      {R"(key: "endpoints/ns/b" endpoints { endpoints { address: "::1" port: 65536 } })", "endpoints[0].port"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" })", "matches"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" matches { } })", "matches[0].path.type"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" matches { path { type: EXACT value: "x" } } })",
       "matches[0].path.value"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" matches { path { type: EXACT value: "/" } }
          attachments { listener: "l" hostnames: "a..b" } })",
       "attachments[0].hostnames[0]"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" matches { path { type: EXACT value: "/" } }
          backends { weight: 1000001 } })",
       "backends[0].weight"},
      {R"(key: "rule/ns/r/0" rule { route_name: "r" matches { path { type: EXACT value: "/" } } filters { } })",
       "filters[0]"},
      {R"(key: "backend/ns/b" endpoints { })", ""},
      {R"(key: "policy/ns/p")", ""},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    Rig rig({testing::Parse(one.text)});
    REQUIRE(rig.last.refused.size() == 1);
    CHECK(rig.last.refused[0].field == one.field);
    CHECK_FALSE(rig.last.refused[0].message.empty());
    CHECK(rig.compiler.Held().empty());
  }
}

}  // namespace
}  // namespace portreeve::config
