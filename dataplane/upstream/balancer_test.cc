#include "dataplane/upstream/balancer.h"

#include <catch2/catch.hpp>
#include <map>

#include "dataplane/net/worker.h"

namespace portreeve::upstream {
namespace {

Backend MakeBackend(int endpoints, Balancing balancing) {
  Backend backend;
  backend.name = "ns/service:80";
  backend.balancing = balancing;
  for (int i = 0; i < endpoints; ++i) {
    Endpoint endpoint;
    endpoint.text = "192.0.2." + std::to_string(i + 1) + ":80";
    backend.endpoints.push_back(endpoint);
  }
  return backend;
}

struct Bench {
  net::Worker worker{0};
  http::Limits limits;
  observe::WorkerCells cells;
  Random random;
  ConnectionPool pool{worker.poller(), worker.wheel(), limits, cells};
  Balancer balancer{pool, random};
};

}  // namespace

TEST_CASE("a backend without endpoints has none to give") {
  Bench bench;
  CHECK(bench.balancer.Pick(MakeBackend(0, Balancing::kRoundRobin), 0, nullptr) == nullptr);
}

TEST_CASE("round robin gives each endpoint its turn") {
  Bench bench;
  const Backend backend = MakeBackend(3, Balancing::kRoundRobin);
  std::map<std::string, int> counts;
  for (int i = 0; i < 300; ++i) ++counts[bench.balancer.Pick(backend, 4, nullptr)->text];
  REQUIRE(counts.size() == 3);
  for (const auto& [text, count] : counts) CHECK(count == 100);
}

TEST_CASE("a retry goes elsewhere while there is an elsewhere") {
  Bench bench;
  for (const Balancing balancing : {Balancing::kRoundRobin, Balancing::kLeastRequest}) {
    const Backend backend = MakeBackend(2, balancing);
    for (int i = 0; i < 20; ++i) {
      const Endpoint* first = bench.balancer.Pick(backend, 0, nullptr);
      CHECK(bench.balancer.Pick(backend, 0, first) != first);
    }
    const Backend single = MakeBackend(1, balancing);
    CHECK(bench.balancer.Pick(single, 0, &single.endpoints[0]) == &single.endpoints[0]);
  }
}

TEST_CASE("least request reaches every endpoint") {
  Bench bench;
  const Backend backend = MakeBackend(5, Balancing::kLeastRequest);
  std::map<std::string, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[bench.balancer.Pick(backend, 0, nullptr)->text];
  CHECK(counts.size() == 5);
}

TEST_CASE("random numbers below a bound stay below it and spread") {
  Random random;
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 7000; ++i) ++counts[random.Below(7)];
  REQUIRE(counts.size() == 7);
  CHECK(counts.rbegin()->first == 6);
  for (const auto& [value, count] : counts) CHECK(count > 700);
}

}  // namespace portreeve::upstream
