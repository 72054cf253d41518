// Nanoseconds for one Match: by the number of routes in one host, and of hosts; with regular expressions and headers.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/route/route_table.h"

namespace portreeve::config {
struct Rule {};
}  // namespace portreeve::config

namespace portreeve::route {
namespace {

template <typename T>
T Checked(absl::StatusOr<T> result) {
  if (!result.ok()) std::abort();
  return *std::move(result);
}

RouteEntry Entry(PathMatch::Type type, const std::string& path, std::uint32_t number) {
  RouteEntry entry;
  entry.match.path = Checked(PathMatch::Create(type, path));
  entry.order.rule_index = number;
  entry.rule = std::make_shared<const config::Rule>();
  return entry;
}

// Requests in an order that no cache foresees; every one matches. There are as many of them for a small table as for a
// big one, so that what differs is the table.
class Requests {
 public:
  void Add(std::string path, std::string host, std::string tenant) {
    texts_.push_back({std::move(path), std::move(host), std::move(tenant)});
  }

  const std::vector<http::RequestHead>& Heads() {
    std::uint64_t state = 42;
    for (std::size_t i = 0; i < kRequests; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const Texts& text = texts_[(state >> 33) % texts_.size()];
      http::RequestHead head;
      head.method = "GET";
      head.path = text.path;
      head.authority = head.host = text.host;
      for (const auto* line : {"accept", "user-agent", "x-request-id", "accept-encoding"}) head.headers.Add(line, "x");
      if (!text.tenant.empty()) head.headers.Add("x-tenant", text.tenant);
      heads_.push_back(std::move(head));
    }
    return heads_;
  }

 private:
  static constexpr std::size_t kRequests = 2048;
  struct Texts {
    std::string path;
    std::string host;
    std::string tenant;
  };
  std::vector<Texts> texts_;
  std::vector<http::RequestHead> heads_;
};

void Run(benchmark::State& state, const RouteTable& table, Requests& requests) {
  const std::vector<http::RequestHead>& heads = requests.Heads();
  // RE2 builds its automata at first use.
  for (const http::RequestHead& head : heads) benchmark::DoNotOptimize(table.Match(head).rule);
  std::size_t i = 0;
  for (auto _ : state) {
    const RouteMatch match = table.Match(heads[i]);
    if (match.rule == nullptr) state.SkipWithError("no match");
    benchmark::DoNotOptimize(match.rule);
    if (++i == heads.size()) i = 0;
  }
}

void RoutesInOneHost(benchmark::State& state) {
  std::vector<RouteEntry> entries;
  Requests requests;
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    const std::string path = "/api/service-" + std::to_string(i);
    entries.push_back(Entry(PathMatch::Type::kPrefix, path, i));
    requests.Add(path + "/items/7", "a.example.com", "");
  }
  const RouteTable table = RouteTable().With("a.example.com", HostRoutes::Build(std::move(entries)));
  Run(state, table, requests);
}

void Hosts(benchmark::State& state, const std::string& wildcard) {
  std::vector<RouteTable::Hosts::Change> changes;
  Requests requests;
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    const std::string host = "shop-" + std::to_string(i) + ".example.com";
    changes.push_back({wildcard + host, HostRoutes::Build({Entry(PathMatch::Type::kPrefix, "/", i)})});
    requests.Add("/items/7", wildcard.empty() ? host : "www." + host, "");
  }
  Run(state, RouteTable(RouteTable::Hosts().With(std::move(changes))), requests);
}
void ExactHosts(benchmark::State& state) {
  Hosts(state, "");
}
void WildcardHosts(benchmark::State& state) {
  Hosts(state, "*.");
}

// All on one path, told apart by a header.
void Headers(benchmark::State& state) {
  std::vector<RouteEntry> entries;
  Requests requests;
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    const std::string tenant = "tenant-" + std::to_string(i);
    entries.push_back(Entry(PathMatch::Type::kPrefix, "/", i));
    entries.back().match.headers.push_back(Checked(ValueMatch::Header(ValueMatch::Type::kExact, "X-Tenant", tenant)));
    requests.Add("/items/7", "a.example.com", tenant);
  }
  Run(state, RouteTable().With("a.example.com", HostRoutes::Build(std::move(entries))), requests);
}

void Regexes(benchmark::State& state) {
  std::vector<RouteEntry> entries;
  Requests requests;
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    const std::string path = "/api/service-" + std::to_string(i);
    entries.push_back(Entry(PathMatch::Type::kRegex, path + "/items/[0-9]+", i));
    requests.Add(path + "/items/7", "a.example.com", "");
  }
  Run(state, RouteTable().With("a.example.com", HostRoutes::Build(std::move(entries))), requests);
}

// One host of 100,000 gets other routes.
void ChangeOneHost(benchmark::State& state) {
  std::vector<RouteTable::Hosts::Change> changes;
  const auto routes = HostRoutes::Build({Entry(PathMatch::Type::kPrefix, "/", 0)});
  for (std::uint32_t i = 0; i < state.range(0); ++i) {
    changes.push_back({"shop-" + std::to_string(i) + ".example.com", routes});
  }
  RouteTable table(RouteTable::Hosts().With(std::move(changes)));
  for (auto _ : state) table = table.With("shop-0.example.com", routes);
}

BENCHMARK(RoutesInOneHost)->Arg(1)->Arg(10000)->Arg(100000);
BENCHMARK(ExactHosts)->Arg(1)->Arg(10000)->Arg(100000);
BENCHMARK(WildcardHosts)->Arg(1)->Arg(10000)->Arg(100000);
BENCHMARK(Headers)->Arg(1)->Arg(10000)->Arg(100000);
BENCHMARK(Regexes)->Arg(1)->Arg(1000);
BENCHMARK(ChangeOneHost)->Arg(100)->Arg(100000);

}  // namespace
}  // namespace portreeve::route

BENCHMARK_MAIN();
