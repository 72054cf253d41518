// After any sequence of deltas the configuration is the one that the resources give when compiled at once.
#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>
#include <random>

#include "dataplane/config/compiler.h"
#include "dataplane/config/test_resources.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

using testing::Named;

constexpr const char* kHosts[] = {"", "a.example", "b.example", "*.example", "*.a.example"};
constexpr const char* kAsked[] = {"a.example", "b.example", "x.a.example", "c.example", "elsewhere"};
constexpr const char* kPrefixes[] = {"/", "/x", "/x/y", "/z"};

// Small numbers, so that everything meets everything.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
  template <typename T, std::size_t N>
  const T& Of(const T (&all)[N]) {
    return all[Below(N)];
  }

 private:
  std::mt19937 engine_;
};

// Bad ones among them: `bad` is set.
Named RandomRule(Random& random, bool& bad) {
  testing::RuleSpec spec;
  spec.route = absl::StrCat("r", random.Below(6));
  spec.index = random.Below(2);
  spec.listeners = {absl::StrCat("l", random.Below(4))};
  if (random.Below(3) == 0) spec.listeners.push_back("l9");
  spec.hostnames.clear();
  for (int i = random.Below(3); i > 0; --i) {
    if (const std::string host = random.Of(kHosts); !host.empty()) spec.hostnames.push_back(host);
  }
  spec.prefix = random.Of(kPrefixes);
  spec.backends = {absl::StrCat("b", random.Below(4))};
  if (random.Below(2) == 0) spec.backends.emplace_back();
  if (random.Below(2) == 0) spec.backends.push_back(absl::StrCat("b", random.Below(4)));
  bad = random.Below(8) == 0;
  if (bad) spec.more = "filters { }";
  return testing::Rule(spec);
}

// Listeners have ports of their own or distinct hostnames: who wins a conflict depends on who came first.
Named RandomResource(Random& random, bool& bad) {
  bad = false;
  const int n = random.Below(4);
  switch (random.Below(6)) {
    case 0:
      return testing::Listener(absl::StrCat("l", n), 80 + random.Below(2), kHosts[n]);
    case 1:
      return testing::Backend(absl::StrCat("b", n));
    case 2: {
      bad = random.Below(8) == 0;
      return testing::Endpoints(absl::StrCat("b", n), {bad ? 0 : 1 + random.Below(3)});
    }
    default:
      return RandomRule(random, bad);
  }
}

void RequireSame(const RuntimeConfig& grown, const RuntimeConfig& fresh) {
  REQUIRE(grown.ports.size() == fresh.ports.size());
  for (const int port : {80, 81, 82}) {
    for (const char* host : kAsked) {
      for (const char* path : {"/", "/x", "/x/y/1", "/z", "/other"}) {
        INFO("port " << port << " host " << host << " path " << path);
        REQUIRE(testing::Ask(grown, port, host, path) == testing::Ask(fresh, port, host, path));
      }
    }
  }
}

void RunSequence(unsigned seed) {
  Random random(seed);
  ConfigCompiler grown;
  absl::btree_map<std::string, Named> good;
  for (int step = 1; step <= 40; ++step) {
    INFO("seed " << seed << " step " << step);
    absl::btree_map<std::string, Named> changed;
    absl::btree_map<std::string, bool> bad;
    for (int i = random.Below(6); i > 0; --i) {
      bool is_bad = false;
      Named one = RandomResource(random, is_bad);
      bad[one.first] = is_bad;
      changed[one.first] = std::move(one);
    }
    std::vector<std::string> removed;
    for (const auto& [key, resource] : good) {
      if (random.Below(8) == 0 && !changed.contains(key)) removed.push_back(key);
    }
    std::vector<Named> sent;
    for (auto& [key, resource] : changed) sent.push_back(resource);
    const bool full = random.Below(10) == 0;
    if (full) {
      for (const auto& [key, resource] : good) {
        if (!changed.contains(key) && std::ranges::find(removed, key) == removed.end()) sent.push_back(resource);
      }
    }
    CompileResult result = grown.Apply(testing::MakeDelta(full ? "" : grown.snapshot(), absl::StrCat("s", step), sent,
                                                          full ? std::vector<std::string>() : removed));
    REQUIRE(result.outcome == CompileResult::Outcome::kApplied);

    for (const std::string& key : removed) good.erase(key);
    for (const auto& [key, resource] : changed) {
      if (!bad[key]) good[key] = resource;
    }
    std::vector<Named> all;
    for (const auto& [key, resource] : good) all.push_back(resource);
    REQUIRE(grown.Held().size() == good.size());
    ConfigCompiler fresh;
    RequireSame(*result.config, *fresh.Apply(testing::MakeDelta("", "x", all)).config);
  }
}

TEST_CASE("Deltas lead where the whole leads") {
  for (unsigned seed = 1; seed <= 60; ++seed) RunSequence(seed);
}

}  // namespace
}  // namespace portreeve::config
