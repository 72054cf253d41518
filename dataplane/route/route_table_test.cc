// What a single entry matches, and how hostnames fall through. Rules of the Gateway API, HTTPRouteMatch.
#include "dataplane/route/route_table.h"

#include <catch2/catch.hpp>

#include <string>

#include "dataplane/route/test_routes.h"

namespace portreeve::route {
namespace {

constexpr auto kRegexValue = ValueMatch::Type::kRegex;

TEST_CASE("a prefix matches whole segments") {
  struct Row {
    std::string_view prefix;
    std::string_view path;
    bool matches;
    std::string_view matched_prefix;
  };
  const Row rows[] = {
      {"/abc", "/abc", true, "/abc"},
      {"/abc", "/abc/", true, "/abc"},
      {"/abc", "/abc/def", true, "/abc"},
      {"/abc", "/abcd", false, ""},
      {"/abc", "/ab", false, ""},
      {"/abc", "/", false, ""},
      {"/abc", "/Abc", false, ""},
      {"/abc", "/x/abc", false, ""},
      {"/abc/", "/abc", true, "/abc"},
      {"/abc/", "/abc/", true, "/abc"},
      {"/abc/", "/abc/d", true, "/abc"},
      {"/abc/", "/abcd", false, ""},
      {"/a/b", "/a/b/c", true, "/a/b"},
      {"/a/b", "/a", false, ""},
      {"/a/b", "/a//b", false, ""},
      {"/a", "/a//b", true, "/a"},
      {"/", "/", true, ""},
      {"/", "/x/y", true, ""},
      {"/", "//x", true, ""},
      {"/", "*", true, ""},
      {"/x", "*", false, ""},
      {"/v2", "/v2:publish", false, ""},
      {"/%7Ejo", "/~jo/x", true, "/~jo"},
      {"/caf%c3%a9", "/caf%C3%A9", true, "/caf%C3%A9"},
      {"/a%2Fb", "/a/b", false, ""},
      {"/a%2Fb", "/a%2Fb/c", true, "/a%2Fb"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.prefix, row.path);
    const auto routes = Routes({Draft::Prefix(row.prefix)});
    const RouteMatch match = routes->Match(Request(row.path));
    CHECK(bool{match} == row.matches);
    CHECK(match.matched_prefix == row.matched_prefix);
    CHECK(match.path_type == PathMatch::Type::kPrefix);
  }
}

TEST_CASE("an exact path is the whole path") {
  const auto routes = Routes({Draft::Exact("/abc"), Draft::Exact("/"), Draft::Exact("/d/"), Draft::Exact("/e//f")});
  const std::pair<std::string_view, int> rows[] = {
      {"/abc", 0}, {"/abc/", -1}, {"/Abc", -1}, {"/abcd", -1}, {"/abc/d", -1}, {"/", 1},     {"//", -1},
      {"*", -1},   {"/d", -1},    {"/d/", 2},   {"/d//", -1},  {"/e//f", 3},   {"/e/f", -1}, {"/abc?x=1", 0},
  };
  for (const auto& [target, wanted] : rows) {
    CAPTURE(target);
    CHECK(Match(routes, target) == wanted);
  }
  CHECK(routes->Match(Request("/abc")).path_type == PathMatch::Type::kExact);
}

TEST_CASE("a regular expression covers the whole path") {
  const auto routes = Routes({Draft::Regex("/api/v[0-9]+"), Draft::Regex("/files/.*\\.png"), Draft::Regex("(?i)/cased"),
                              Draft::Regex("/one|/two/.*")});
  const std::pair<std::string_view, int> rows[] = {
      {"/api/v12", 0}, {"/api/v12/", -1}, {"/x/api/v1", -1}, {"/files/a/b.png", 1}, {"/files/.png", 1}, {"/files", -1},
      {"/CASED", 2},   {"/one", 3},       {"/two/x", 3},     {"/one/x", -1},        {"*", -1},
  };
  for (const auto& [target, wanted] : rows) {
    CAPTURE(target);
    CHECK(Match(routes, target) == wanted);
  }
}

TEST_CASE("methods are compared with case") {
  const auto routes = Routes({Draft::Prefix("/").Method("POST")});
  CHECK(Match(routes, "/", {}, "POST") == 0);
  CHECK(Match(routes, "/", {}, "GET") == -1);
  CHECK(Match(routes, "/", {}, "post") == -1);
}

TEST_CASE("header matches") {
  const auto one = Routes({Draft::Prefix("/").Header("X-Team", "red")});
  CHECK(Match(one, "/", {{"x-team", "red"}}) == 0);
  CHECK(Match(one, "/", {{"X-TEAM", "red"}}) == 0);
  CHECK(Match(one, "/", {{"X-Team", "Red"}}) == -1);
  CHECK(Match(one, "/", {{"X-Team", "redder"}}) == -1);
  CHECK(Match(one, "/", {{"X-Teams", "red"}}) == -1);
  CHECK(Match(one, "/") == -1);
  // Lines of one field are one value.
  CHECK(Match(one, "/", {{"X-Team", "red"}, {"x-team", "blue"}}) == -1);
  const auto joined = Routes({Draft::Prefix("/").Header("x-team", "red,blue")});
  CHECK(Match(joined, "/", {{"X-Team", "red"}, {"Other", "x"}, {"x-team", "blue"}}) == 0);
  CHECK(Match(joined, "/", {{"X-Team", "red,blue"}}) == 0);
  CHECK(Match(joined, "/", {{"X-Team", "blue"}, {"x-team", "red"}}) == -1);
  const auto cookie = Routes({Draft::Prefix("/").Header("cookie", "a=1; b=2")});
  CHECK(Match(cookie, "/", {{"Cookie", "a=1"}, {"cookie", "b=2"}}) == 0);
  // All must hold.
  const auto both = Routes({Draft::Prefix("/").Header("X-Team", "red").Header("User-Agent", "curl/.*", kRegexValue)});
  CHECK(Match(both, "/", {{"X-Team", "red"}, {"user-agent", "curl/8"}}) == 0);
  CHECK(Match(both, "/", {{"X-Team", "red"}, {"user-agent", "xcurl/8"}}) == -1);
  CHECK(Match(both, "/", {{"user-agent", "curl/8"}}) == -1);
  const auto empty = Routes({Draft::Prefix("/").Header("X-Team", ".*", kRegexValue)});
  CHECK(Match(empty, "/", {{"X-Team", ""}}) == 0);
  CHECK(Match(empty, "/") == -1);
}

TEST_CASE("fields that stand outside the list") {
  const auto routes = Routes({Draft::Exact("/host").Header("Host", "a.example.com:8080"),
                              Draft::Exact("/upgrade").Header("Upgrade", "websocket"),
                              Draft::Exact("/expect").Header("Expect", "100-continue"),
                              Draft::Exact("/length").Header("Content-Length", "[1-9][0-9]*", kRegexValue)});
  http::RequestHead head = Request("/host");
  CHECK(RuleOf(routes->Match(head)) == -1);
  head.authority = "a.example.com:8080";
  CHECK(RuleOf(routes->Match(head)) == 0);
  head.path = "/upgrade";
  CHECK(RuleOf(routes->Match(head)) == -1);
  head.upgrade = "websocket";
  CHECK(RuleOf(routes->Match(head)) == 1);
  head.path = "/expect";
  CHECK(RuleOf(routes->Match(head)) == -1);
  head.expect_continue = true;
  CHECK(RuleOf(routes->Match(head)) == 2);
  head.path = "/length";
  CHECK(RuleOf(routes->Match(head)) == -1);
  head.framing = http::Framing::kLength;
  CHECK(RuleOf(routes->Match(head)) == -1);
  head.content_length = 18446744073709551615U;
  CHECK(RuleOf(routes->Match(head)) == 3);
}

TEST_CASE("query matches") {
  const auto tier = Routes({Draft::Prefix("/").Query("tier", "gold")});
  const std::pair<std::string_view, int> rows[] = {
      {"/?tier=gold", 0},
      {"/?x=1&tier=gold&y=", 0},
      {"/?Tier=gold", -1},
      {"/?tier=Gold", -1},
      {"/?tier=golden", -1},
      {"/?xtier=gold", -1},
      {"/?tier", -1},
      {"/?tier=", -1},
      {"/tier=gold", -1},
      {"/?", -1},
      {"/", -1},
      {"/?&&tier=gold&", 0},
      // The first one counts.
      {"/?tier=gold&tier=lead", 0},
      {"/?tier=lead&tier=gold", -1},
      {"/?tier&tier=gold", -1},
      // Decoded once, name and value.
      {"/?t%69er=g%6Fld", 0},
      {"/?tier=g%256Fld", -1},
      {"/?tier=gold%26x", -1},
      {"/?tier%3Dgold", -1},
      {"/?tier=gold;x=1", -1},
  };
  for (const auto& [target, wanted] : rows) {
    CAPTURE(target);
    CHECK(Match(tier, target) == wanted);
  }
  const auto values =
      Routes({Draft::Exact("/plus").Query("q", "a+b"), Draft::Exact("/blank").Query("q", "a b"),
              Draft::Exact("/equals").Query("q", "a=b"), Draft::Exact("/any").Query("q", ".*", kRegexValue),
              Draft::Exact("/percent").Query("q", "100%")});
  CHECK(Match(values, "/plus?q=a+b") == 0);
  CHECK(Match(values, "/blank?q=a+b") == -1);
  CHECK(Match(values, "/blank?q=a%20b") == 1);
  CHECK(Match(values, "/equals?q=a=b") == 2);
  CHECK(Match(values, "/any?q") == 3);
  CHECK(Match(values, "/any?p") == -1);
  CHECK(Match(values, "/percent?q=100%25") == 4);
  CHECK(Match(values, "/percent?q=100%") == 4);
}

TEST_CASE("values that aren't paths or patterns are refused") {
  CHECK_FALSE(PathMatch::Create(PathMatch::Type::kPrefix, "").ok());
  CHECK_FALSE(PathMatch::Create(PathMatch::Type::kPrefix, "abc").ok());
  CHECK_FALSE(PathMatch::Create(PathMatch::Type::kExact, "/a b").ok());
  CHECK_FALSE(PathMatch::Create(PathMatch::Type::kExact, "/a?b").ok());
  CHECK_FALSE(PathMatch::Create(PathMatch::Type::kRegex, "(").ok());
  CHECK_FALSE(ValueMatch::Header(kRegexValue, "a", "[").ok());
  CHECK_FALSE(ValueMatch::Query(kRegexValue, "a", "[").ok());
  CHECK_FALSE(ValueMatch::Header(ValueMatch::Type::kExact, "", "x").ok());
  CHECK_FALSE(ValueMatch::Query(ValueMatch::Type::kExact, "", "x").ok());
}

// Numbers: ten times the position of the hostname, plus the position of the draft.
RouteTable Table(std::initializer_list<std::pair<std::string_view, std::vector<Draft>>> hosts) {
  RouteTable table;
  int number = 0;
  for (const auto& [hostname, drafts] : hosts) {
    std::vector<RouteEntry> entries;
    for (std::size_t i = 0; i < drafts.size(); ++i) entries.push_back(drafts[i].Build(number + static_cast<int>(i)));
    table = table.With(hostname, HostRoutes::Build(std::move(entries)));
    number += 10;
  }
  return table;
}

TEST_CASE("hostname outranks all, and falls through where nothing holds") {
  const RouteTable table = Table({
      {"abc.example.com", {Draft::Prefix("/path").Route(9, "t", "new"), Draft::Prefix("/head").Header("X", "1")}},
      {"*.example.com", {Draft::Prefix("/path/prefix").Route(1, "t", "old"), Draft::Exact("/head")}},
      {"*.com", {Draft::Prefix("/wide")}},
      {"", {Draft::Prefix("/any")}},
  });
  struct Row {
    std::string_view host;
    std::string_view target;
    int rule;
    std::string_view hostname;
  };
  const Row rows[] = {
      {"abc.example.com", "/path/prefix/longer", 0, "abc.example.com"},
      {"x.example.com", "/path/prefix/longer", 10, "*.example.com"},
      {"x.example.com", "/path", -1, ""},
      {"abc.example.com", "/head", 11, "*.example.com"},
      {"abc.example.com", "/wide/x", 20, "*.com"},
      {"example.com", "/wide", 20, "*.com"},
      {"abc.example.com", "/any", 30, ""},
      {"example.org", "/any", 30, ""},
      {"", "/any", 30, ""},
      {"[::1]", "/any", 30, ""},
      {"abc.example.com", "/none", -1, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host, row.target);
    const RouteMatch match = table.Match(Request(row.target, {}, "GET", row.host));
    CHECK(RuleOf(match) == row.rule);
    CHECK(match.hostname == row.hostname);
  }
  CHECK(RuleOf(table.Match(Request("/head", {{"x", "1"}}, "GET", "abc.example.com"))) == 1);
  CHECK(RuleOf(RouteTable().Match(Request("/"))) == -1);
  const RouteTable less = table.With("abc.example.com", nullptr);
  CHECK(RuleOf(less.Match(Request("/path/prefix", {}, "GET", "abc.example.com"))) == 10);
  CHECK(RuleOf(table.Match(Request("/path/prefix", {}, "GET", "abc.example.com"))) == 0);
}

TEST_CASE("the query is parsed anew for each request") {
  const RouteTable table = Table({
      {"a.example.com", {Draft::Prefix("/").Query("a", "1")}},
      {"*.example.com", {Draft::Prefix("/").Query("b", "%2")}},
  });
  CHECK(RuleOf(table.Match(Request("/?a=1&b=%252"))) == 0);
  CHECK(RuleOf(table.Match(Request("/?a=2&b=%252"))) == 10);
  CHECK(RuleOf(table.Match(Request("/"))) == -1);
}

TEST_CASE("a match says which of the rule's matches it was") {
  const auto routes = Routes({Draft::Prefix("/").At(3, 5)});
  CHECK(routes->Match(Request("/")).match_index == 5);
}

}  // namespace
}  // namespace portreeve::route
