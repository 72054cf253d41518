#include "dataplane/route/host_map.h"

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portreeve::route {
namespace {

using Map = HostMap<int>;

// What covers the host, in order.
std::string Covering(const Map& map, std::string_view host) {
  std::string text;
  map.Visit(host, [&](std::string_view hostname, int) {
    text.append(text.empty() ? "" : " ").append(hostname.empty() ? "any" : hostname);
    return false;
  });
  return text;
}

Map Of(std::initializer_list<std::string_view> hostnames) {
  std::vector<Map::Change> changes;
  for (std::string_view hostname : hostnames)
    changes.push_back({std::string(hostname), static_cast<int>(changes.size())});
  return Map().With(std::move(changes));
}

TEST_CASE("hostnames are visited from the most to the least specific") {
  const Map map =
      Of({"", "*.com", "*.example.com", "*.a.example.com", "a.example.com", "b.a.example.com", "[::1]", "10.0.0.1"});
  CHECK(map.size() == 8);
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"a.example.com", "a.example.com *.example.com *.com any"},
      {"b.a.example.com", "b.a.example.com *.a.example.com *.example.com *.com any"},
      {"c.b.a.example.com", "*.a.example.com *.example.com *.com any"},
      {"x.example.com", "*.example.com *.com any"},
      {"example.com", "*.com any"},
      {"com", "any"},
      {"notexample.com", "*.com any"},
      {"example.org", "any"},
      {"", "any"},
      {"[::1]", "[::1] any"},
      {"10.0.0.1", "10.0.0.1 any"},
      // What no request should carry meets no wildcard by its stored form.
      {".example.com", "*.com any"},
      {"*.example.com", "*.example.com *.com any"},
      {".", "any"},
      {"..", "any"},
  };
  for (const auto& [host, wanted] : rows) {
    CAPTURE(host);
    CHECK(Covering(map, host) == wanted);
  }
}

TEST_CASE("a visit ends when it is told to") {
  const Map map = Of({"", "*.com", "a.com"});
  int seen = 0;
  CHECK(map.Visit("a.com", [&](const int&) { return ++seen == 2; }));
  CHECK(seen == 2);
  CHECK_FALSE(Map().Visit("a.com", [](const int&) { return true; }));
}

TEST_CASE("a host longer than DNS allows is covered by any only") {
  const Map map = Of({"", "*.com"});
  std::string host(300, 'a');
  host += ".com";
  CHECK(Covering(map, host) == "any");
  CHECK(Covering(map, std::string(249, 'a') + ".com") == "*.com any");
  std::string dots;
  for (int i = 0; i < 126; ++i) dots += "a.";
  CHECK(Covering(map, dots + "a") == "any");
}

TEST_CASE("a change leaves the map it came from alone") {
  const Map before = Of({"", "*.example.com", "a.example.com"});
  const Map changed = before.With("a.example.com", 7).With("*.org", 8).With("", std::nullopt);
  CHECK(*before.Get("a.example.com") == 2);
  CHECK(*changed.Get("a.example.com") == 7);
  CHECK(Covering(before, "x.org") == "any");
  CHECK(Covering(changed, "x.org") == "*.org");
  CHECK(changed.size() == 3);
  const Map gone =
      changed.With("*.org", std::nullopt).With("never.there", std::nullopt).With("*.example.com", std::nullopt);
  CHECK(gone.size() == 1);
  CHECK(gone.Get("*.example.com") == nullptr);
  CHECK(Covering(gone, "x.org").empty());
  CHECK(gone.With("a.example.com", std::nullopt).empty());
}

TEST_CASE("a wildcard isn't the name after it, nor the other way round") {
  const Map map = Of({"*.example.com", "example.com"});
  CHECK(*map.Get("*.example.com") == 0);
  CHECK(*map.Get("example.com") == 1);
  CHECK(map.Get(".example.com") == nullptr);
  CHECK(map.Get("x.example.com") == nullptr);
  CHECK(Covering(map, "example.com") == "example.com");
}

TEST_CASE("later changes of one batch win") {
  const Map map = Map().With({{"a.com", 1}, {"a.com", 2}, {"b.com", 1}, {"b.com", std::nullopt}, {"", 1}, {"", 2}});
  CHECK(map.size() == 2);
  CHECK(*map.Get("a.com") == 2);
  CHECK(*map.Get("") == 2);
}

TEST_CASE("a big map is whole before and after it is sharded") {
  Map map;
  for (int round = 0; round < 4; ++round) {
    std::vector<Map::Change> changes;
    for (int i = 0; i < 500; ++i)
      changes.push_back({"h" + std::to_string(round * 500 + i) + ".example.com", round * 500 + i});
    map = map.With(std::move(changes));
  }
  map = map.With("*.example.com", -1);
  CHECK(map.size() == 2001);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    const int* value = map.Get("h" + std::to_string(i) + ".example.com");
    wrong += value == nullptr || *value != i ? 1 : 0;
  }
  CHECK(wrong == 0);
  int visited = 0;
  map.ForEach([&](std::string_view, int) { ++visited; });
  CHECK(visited == 2001);
  const Map less = map.With("h77.example.com", std::nullopt);
  CHECK(Covering(less, "h77.example.com") == "*.example.com");
  CHECK(Covering(map, "h77.example.com") == "h77.example.com *.example.com");
}

}  // namespace
}  // namespace portreeve::route
