// Which of several entries that hold is taken (Gateway API HTTPRouteRule.matches).
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/route/test_routes.h"

namespace portreeve::route {
namespace {

constexpr auto kRegexValue = ValueMatch::Type::kRegex;

// Each entry of the list goes before the next, in whatever order they are given.
void CheckOrder(const std::vector<Draft>& ranked, const http::RequestHead& head) {
  for (std::size_t first = 0; first < ranked.size(); ++first) {
    std::vector<RouteEntry> entries;
    for (std::size_t i = first; i < ranked.size(); ++i) entries.push_back(ranked[i].Build(static_cast<int>(i)));
    for (int round = 0; round < 2; ++round) {
      CHECK(RuleOf(HostRoutes::Build(entries)->Match(head)) == static_cast<int>(first));
      std::reverse(entries.begin(), entries.end());
    }
  }
}

TEST_CASE("path, then method, then headers, then query") {
  const http::RequestHead head = Request("/a/b/c?q=1&r=2", {{"X", "1"}, {"Y", "2"}}, "POST");
  CheckOrder(
      {
          Draft::Exact("/a/b/c").Method("POST"),
          Draft::Exact("/a/b/c").Header("X", "1").Header("Y", "2").Query("q", "1"),
          Draft::Exact("/a/b/c"),
          Draft::Regex("/a/.*").Method("POST"),
          Draft::Regex("/a/b/c").Header("X", "1"),
          Draft::Regex(".*").Query("q", "1"),
          Draft::Regex("/a/b/.*").Route(0, "t", "old"),
          Draft::Prefix("/a/b/c/"),
          Draft::Prefix("/a/b").Method("POST").Header("X", "1").Query("q", "1"),
          Draft::Prefix("/a/b").Method("POST").Header("X", "1"),
          Draft::Prefix("/a/b").Method("POST"),
          Draft::Prefix("/a/b").Header("X", "1").Header("Y", "2"),
          Draft::Prefix("/a/b").Header("X", "1").Query("q", "1").Query("r", "2"),
          Draft::Prefix("/a/b").Header("X", ".*", kRegexValue).Query("q", "1"),
          Draft::Prefix("/a/b").Header("X", "1"),
          Draft::Prefix("/a/b").Query("q", "1").Query("r", "2"),
          Draft::Prefix("/a/b").Query("q", "1"),
          Draft::Prefix("/a/b"),
          Draft::Prefix("/a").Method("POST").Header("X", "1").Header("Y", "2"),
          Draft::Prefix("/a"),
          Draft::Prefix("/").Method("POST"),
          Draft::Prefix("/"),
      },
      head);
}

TEST_CASE("ties go to the oldest route, then by namespace/name, rule and match") {
  CheckOrder(
      {
          Draft::Prefix("/").Route(1, "z", "z").At(9, 9),
          // "a-b/x" goes before "a/a": it is the text with the slash that is sorted.
          Draft::Prefix("/").Route(2, "a-b", "x"),
          Draft::Prefix("/").Route(2, "a", "a").At(9, 9),
          Draft::Prefix("/").Route(2, "a", "aa"),
          Draft::Prefix("/").Route(2, "a", "b").At(0, 0),
          Draft::Prefix("/").Route(2, "a", "b").At(0, 1),
          Draft::Prefix("/").Route(2, "a", "b").At(1, 0),
          Draft::Prefix("/").Route(2, "b", "a"),
          Draft::Prefix("/").Route(3, "a", "a"),
      },
      Request("/"));
}

TEST_CASE("a slash at the end of a prefix doesn't make it longer") {
  CheckOrder({Draft::Prefix("/a").Route(1, "t", "x"), Draft::Prefix("/a/").Route(2, "t", "x")}, Request("/a/b"));
  CheckOrder({Draft::Prefix("/a/").Route(1, "t", "x"), Draft::Prefix("/a").Route(2, "t", "x")}, Request("/a/b"));
}

TEST_CASE("the next best entry serves when the best one doesn't hold") {
  const auto routes =
      Routes({Draft::Exact("/a/b").Header("X", "1"), Draft::Regex("/a/.*").Method("PUT"),
              Draft::Prefix("/a/b").Query("q", "1"), Draft::Prefix("/a").Header("Y", "1"), Draft::Prefix("/")});
  CHECK(Match(routes, "/a/b", {{"X", "1"}}, "PUT") == 0);
  CHECK(Match(routes, "/a/b", {}, "PUT") == 1);
  CHECK(Match(routes, "/a/b?q=1") == 2);
  CHECK(Match(routes, "/a/b", {{"Y", "1"}}) == 3);
  CHECK(Match(routes, "/a/b") == 4);
}

TEST_CASE("regular expressions of different nodes keep their order") {
  // Literal starts put them at "/a/b", at "/a" and at the root.
  const auto routes =
      Routes({Draft::Regex("/a/b/.*").Route(3, "t", "c"), Draft::Regex("/a/.*").Route(2, "t", "b"),
              Draft::Regex(".*/c").Route(1, "t", "a"), Draft::Regex("/a/.*/d").Route(4, "t", "d").Method("GET")});
  CHECK(Match(routes, "/a/b/c") == 2);
  CHECK(Match(routes, "/a/b/x") == 1);
  CHECK(Match(routes, "/a/b/d") == 3);
  CHECK(Match(routes, "/x/c") == 2);
  CHECK(Match(routes, "/a", {}) == -1);
}

TEST_CASE("a long list by header or query gives what a walk gives") {
  std::vector<RouteEntry> entries;
  for (int i = 0; i < 1000; ++i) {
    entries.push_back(Draft::Prefix("/x").Header("X-Env", "prod").Header("X-Tenant", std::to_string(i)).Build(i));
  }
  for (int i = 1000; i < 1100; ++i) entries.push_back(Draft::Prefix("/x").Query("id", std::to_string(i)).Build(i));
  entries.push_back(Draft::Prefix("/x").Method("PUT").Build(2000));
  entries.push_back(Draft::Prefix("/x").Header("X-Tenant", "7.*", kRegexValue).Build(2001));
  entries.push_back(Draft::Prefix("/x").Header("X-Tenant", "77").Build(2002));
  entries.push_back(Draft::Prefix("/x").Build(2003));
  const auto routes = HostRoutes::Build(std::move(entries));
  CHECK(routes->size() == 1104);
  CHECK(Match(routes, "/x", {{"X-Env", "prod"}, {"X-Tenant", "500"}}) == 500);
  CHECK(Match(routes, "/x", {{"X-Tenant", "500"}}) == 2003);
  CHECK(Match(routes, "/x", {{"X-Env", "prod"}, {"X-Tenant", "500"}}, "PUT") == 2000);
  CHECK(Match(routes, "/x?id=1050") == 1050);
  CHECK(Match(routes, "/x?id=1050", {{"X-Env", "prod"}, {"X-Tenant", "3"}}) == 3);
  CHECK(Match(routes, "/x?id=1050", {{"X-Tenant", "78"}}) == 2001);
  CHECK(Match(routes, "/x", {{"X-Tenant", "77"}}) == 2001);
  CHECK(Match(routes, "/x", {{"X-Tenant", "7"}, {"X-Tenant", "7"}}) == 2001);
  CHECK(Match(routes, "/x/y?id=none") == 2003);
}

}  // namespace
}  // namespace portreeve::route
