#include "dataplane/route/regex.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

namespace portreeve::route {
namespace {

std::shared_ptr<const Regex> Compiled(std::string_view pattern) {
  CAPTURE(pattern);
  absl::StatusOr<std::shared_ptr<const Regex>> regex = Regex::Compile(pattern);
  INFO(regex.status().ToString());
  REQUIRE(regex.ok());
  return *std::move(regex);
}

TEST_CASE("a pattern matches the whole text") {
  struct Row {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  };
  const Row rows[] = {
      {"/api/v[0-9]+", "/api/v12", true},
      {"/api/v[0-9]+", "/api/v12/x", false},
      {"/api/v[0-9]+", "x/api/v12", false},
      {"/a|/b", "/a", true},
      {"/a|/b", "/b", true},
      {"/a|/b", "/ax", false},
      {"/a|/b", "x/b", false},
      {"^/a$", "/a", true},
      {"/a.*", "/a", true},
      {"/a.*", "/abc/d?", true},
      {"", "", true},
      {"", "/", false},
      {".*", "", true},
      {"(?i)/ABC", "/abc", true},
      {"/ABC", "/abc", false},
      {"caf.*", "caf\xC3\xA9", true},
      {"caf\xC3\xA9", "caf\xC3\xA9", true},
      {"/x\\.y", "/x.y", true},
      {"/x\\.y", "/xzy", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.text);
    CHECK(Compiled(row.pattern)->Matches(row.text) == row.matches);
  }
}

TEST_CASE("the literal prefix is one of every match") {
  CHECK(Compiled("/api/users/[0-9]+")->literal_prefix() == "/api/users/");
  CHECK(Compiled("[a-z]+/x")->literal_prefix().empty());
  CHECK(Compiled("(?i)/api/users")->literal_prefix() == "/");
  CHECK(Compiled("/a.*|/b.*")->literal_prefix() == "/");
  CHECK(Compiled(".*")->literal_prefix().empty());
  CHECK(Compiled("/api/.*")->literal_prefix() == "/api/");
  CHECK(Compiled("^/api/.*")->literal_prefix() == "/api/");
  CHECK(Compiled("/[ab]")->literal_prefix() == "/");
  CHECK(Compiled("/api/x?.*")->literal_prefix() == "/api/");
  CHECK(Compiled("/api/x{0}y")->literal_prefix() == "/api/y");
  CHECK(Compiled("/api/x+")->literal_prefix() == "/api/x");
  CHECK(Compiled("/v1\\.2/.*")->literal_prefix() == "/v1.2/");
  CHECK(Compiled("/a/\\d+")->literal_prefix() == "/a/");
  CHECK(Compiled("/a/\\Qb*\\E.*")->literal_prefix() == "/a/b");
  CHECK(Compiled("/x(?i)/y.*")->literal_prefix() == "/x/");
}

TEST_CASE("patterns that don't parse or cost too much are refused") {
  CHECK(Regex::Compile("(").status().message() == "not a regular expression in RE2's syntax: missing ): (");
  for (std::string_view pattern : {"a)|(b", "[z-a]", "*a", "\\", "(?=x)", "(a)\\1", "x{1001}"}) {
    CAPTURE(pattern);
    CHECK_FALSE(Regex::Compile(pattern).ok());
  }
  CHECK_FALSE(Regex::Compile(std::string(Regex::kMaxPatternBytes + 1, 'a')).ok());
  CHECK_FALSE(Regex::Compile("((a{1,30}){1,30}){1,30}").ok());
  CHECK_FALSE(Regex::Compile("([a-z]{1,100}[0-9]{1,100}){1,5}").ok());
}

TEST_CASE("time is linear in the text, whatever the pattern") {
  // Patterns that take exponential time in a backtracking engine, or blow up an automaton.
  for (std::string_view pattern :
       {"(a+)+$", "(a|aa)+b", "(.*a){25}", "(x+x+)+y", "(.*)(.*)(.*)(.*)(.*)[0-9]", ".*a.{100}b", "(a?){40}a{40}"}) {
    CAPTURE(pattern);
    absl::StatusOr<std::shared_ptr<const Regex>> regex = Regex::Compile(pattern);
    if (!regex.ok()) continue;
    std::string text(65536, 'a');
    for (std::size_t i = 0; i < text.size(); i += 7 + i % 5) text[i] = "bx9/"[i % 4];
    const auto start = std::chrono::steady_clock::now();
    (*regex)->Matches(text);
    const auto took = std::chrono::steady_clock::now() - start;
    // 10 ms in a release build; sanitizers and busy machines get more.
    CHECK(took < std::chrono::milliseconds(500));
    if (std::getenv("PORTREEVE_PRINT_TIMES") != nullptr) {
      WARN(pattern << ": " << std::chrono::duration_cast<std::chrono::microseconds>(took).count() << " us");
    }
  }
}

}  // namespace
}  // namespace portreeve::route
