#include "dataplane/http/header_list.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "dataplane/http/ascii.h"

namespace portreeve::http {
namespace {

constexpr HeaderId kLastId = HeaderId::kXRequestId;

std::vector<std::string> Values(const HeaderList& list) {
  std::vector<std::string> result;
  for (const HeaderField& field : list) result.push_back(std::string(field.name) + "=" + std::string(field.value));
  return result;
}

TEST_CASE("every known name is found in any case and nothing else is") {
  for (int i = 1; i <= static_cast<int>(kLastId); ++i) {
    const auto id = static_cast<HeaderId>(i);
    std::string name(HeaderName(id));
    CAPTURE(name);
    REQUIRE_FALSE(name.empty());
    CHECK(HeaderIdOf(name) == id);
    std::string upper = name;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    CHECK(HeaderIdOf(upper) == id);
    std::transform(name.begin(), name.end(), name.begin(), ToLower);
    CHECK(HeaderIdOf(name) == id);
    // One other byte anywhere: an unknown name. In particular no byte that differs from a sign by bit 0x20 only.
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string other = name;
        other[at] = static_cast<char>(byte);
        if (EqualsIgnoreCase(other, name)) continue;
        const HeaderId found = HeaderIdOf(other);
        CHECK((found == HeaderId::kOther || EqualsIgnoreCase(HeaderName(found), other)));
      }
    }
    CHECK(HeaderIdOf(name + "x") != id);
    CHECK(HeaderIdOf(name.substr(1)) != id);
  }
  CHECK(HeaderIdOf("") == HeaderId::kOther);
  CHECK(HeaderIdOf("X-Anything") == HeaderId::kOther);
  CHECK(HeaderName(HeaderId::kOther).empty());
}

TEST_CASE("comparison without case is about ASCII letters only") {
  CHECK(EqualsIgnoreCase("Content-Type", "cONTENT-tYPE"));
  CHECK(EqualsIgnoreCase("", ""));
  CHECK_FALSE(EqualsIgnoreCase("a", "ab"));
  CHECK_FALSE(EqualsIgnoreCase("a-b", "a\rb"));
  CHECK_FALSE(EqualsIgnoreCase("[", "{"));
  CHECK_FALSE(EqualsIgnoreCase("\xC4", "\xE4"));
}

TEST_CASE("set leaves one line in the first place") {
  HeaderList list;
  list.Add("A", "1");
  list.Add("x-b", "2");
  list.Add("C", "3");
  list.Add("X-B", "4");
  list.Set("X-b", "5");
  CHECK(Values(list) == std::vector<std::string>{"A=1", "X-b=5", "C=3"});
  list.Set("D", "6");
  CHECK(Values(list).back() == "D=6");
  list.Set(HeaderId::kServer, "s");
  list.Set("SERVER", "t");
  CHECK(list.Count(HeaderId::kServer) == 1);
  CHECK(list.Find(HeaderId::kServer)->value == "t");
}

TEST_CASE("remove takes all lines of a name") {
  HeaderList list;
  list.Add("Cookie", "a");
  list.Add("X-Y", "b");
  list.Add("cookie", "c");
  list.Add("x-y", "d");
  CHECK(list.Remove("COOKIE") == 2);
  CHECK(list.Remove("X-y") == 2);
  CHECK(list.Remove(HeaderId::kHost) == 0);
  CHECK(list.empty());
}

TEST_CASE("find, count and size") {
  HeaderList list;
  list.Add("Set-Cookie", "a");
  list.Add("set-cookie", "b");
  list.Add("X-Y", "c");
  CHECK(list.Find("SET-COOKIE")->value == "a");
  CHECK(list.Find("x-y")->value == "c");
  CHECK(list.Find("nothing") == nullptr);
  CHECK(list.Find(HeaderId::kVia) == nullptr);
  CHECK(list.Count(HeaderId::kSetCookie) == 2);
  CHECK(list.Bytes() == 10 + 1 + 4 + 10 + 1 + 4 + 3 + 1 + 4);
}

TEST_CASE("tokens of a list value") {
  std::vector<std::string> tokens;
  ForEachToken(" a ,,\tb , c,", [&](std::string_view token) { tokens.emplace_back(token); });
  CHECK(tokens == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("the first byte that no value may hold is found wherever it stands") {
  for (std::size_t size : {0, 1, 15, 16, 17, 31, 32, 33, 100}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'v');
        text[at] = static_cast<char>(byte);
        const bool bad = (byte < 0x20 && byte != '\t') || byte == 0x7F;
        if (FindNonValue(text) != (bad ? at : size)) FAIL("size " << size << " at " << at << " byte " << byte);
      }
    }
    CHECK(FindNonValue(std::string(size, '\xE9')) == size);
  }
  CHECK(IsFieldValue(""));
  CHECK(IsFieldValue("a b"));
  CHECK_FALSE(IsFieldValue(" a"));
  CHECK_FALSE(IsFieldValue("a\t"));
  CHECK_FALSE(IsFieldValue("a\r\nb"));
}

}  // namespace
}  // namespace portreeve::http
