#include "dataplane/http/path.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "dataplane/http/ascii.h"

namespace portreeve::http {
namespace {

std::string Unescape(std::string_view text) {
  std::string result;
  if (text == "<empty>") return result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      result += static_cast<char>((HexValue(text[i + 2]) << 4) | HexValue(text[i + 3]));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

struct Row {
  std::string input;
  std::string expected;
};

std::vector<Row> ReadTable(const std::string& name) {
  std::ifstream file(std::string(PORTREEVE_SOURCE_DIR) + "/dataplane/http/testdata/" + name);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) continue;
    const std::size_t blank = line.find(' ');
    REQUIRE(blank != std::string::npos);
    rows.push_back({Unescape(line.substr(0, blank)), line.substr(blank + 1)});
  }
  return rows;
}

TEST_CASE("paths have one normal form or are refused") {
  const std::vector<Row> rows = ReadTable("paths.txt");
  REQUIRE(rows.size() > 300);
  for (const Row& row : rows) {
    CAPTURE(row.input);
    Arena arena;
    const auto normal = NormalizePath(row.input, arena);
    if (row.expected == "refused") {
      CHECK_FALSE(normal);
      continue;
    }
    CHECK(normal == row.expected);
    if (normal) CHECK(NormalizePath(*normal, arena) == normal);
  }
}

TEST_CASE("a normal path is returned without a copy") {
  Arena arena;
  const std::string path = "/a/b.c/d%2Fe";
  CHECK(NormalizePath(path, arena)->data() == path.data());
  const std::string other = "/a/b.c/d%2fe";
  CHECK(NormalizePath(other, arena)->data() != other.data());
}

TEST_CASE("queries are valid or refused") {
  for (const Row& row : ReadTable("queries.txt")) {
    CAPTURE(row.input);
    CHECK(IsValidQuery(row.input) == (row.expected == "valid"));
  }
}

TEST_CASE("authorities are a host and a port or are refused") {
  const std::vector<Row> rows = ReadTable("hosts.txt");
  REQUIRE(rows.size() > 150);
  for (const Row& row : rows) {
    CAPTURE(row.input);
    Arena arena;
    const auto authority = ParseAuthority(row.input, arena);
    if (row.expected == "refused") {
      CHECK_FALSE(authority);
      continue;
    }
    REQUIRE(authority);
    const std::string port = authority->port ? " " + std::to_string(*authority->port) : "";
    CHECK(std::string(authority->host) + port == row.expected);
  }
}

TEST_CASE("a lower-case host is returned without a copy") {
  Arena arena;
  const std::string text = "a.example.com:80";
  CHECK(ParseAuthority(text, arena)->host.data() == text.data());
}

}  // namespace
}  // namespace portreeve::http
