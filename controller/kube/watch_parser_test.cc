#include "controller/kube/watch_parser.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "controller/kube/kind.h"

namespace portreeve::kube {
namespace {

using Type = WatchEvent::Type;

struct Parsed {
  std::vector<Type> types;
  std::vector<std::string> names;
  std::string error;
  bool in_line = false;
};

Parsed Parse(const std::string& bytes, std::size_t step) {
  WatchParser parser(kSkippedKeys);
  Parsed parsed;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const bool more = parser.Feed(bytes.substr(at, step), [&](const WatchEvent& event) {
      parsed.types.push_back(event.type);
      parsed.names.push_back(NameIn(event.object).name);
      return true;
    });
    if (!more) break;
  }
  parsed.error = std::string(parser.status().message());
  parsed.in_line = parser.in_line();
  return parsed;
}

const std::string kEvents =
    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"managedFields\":[{}]}}}\n"
    "{\"type\":\"LATER\",\"object\":{}}\n"
    "\r\n"
    "{\"object\":{\"metadata\":{\"name\":\"b\"}},\"type\":\"MODIFIED\"}\r\n"
    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}\n"
    "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"c\"}}}\n"
    "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n";

TEST_CASE("Events are the same however their bytes are cut") {
  for (std::size_t step : {1, 2, 3, 7, 50, 10'000}) {
    INFO(step);
    const Parsed parsed = Parse(kEvents, step);
    CHECK(parsed.types ==
          std::vector<Type>{Type::kAdded, Type::kModified, Type::kBookmark, Type::kDeleted, Type::kError});
    CHECK(parsed.names == std::vector<std::string>{"a", "b", "", "c", ""});
    CHECK(parsed.error.empty());
    CHECK_FALSE(parsed.in_line);
  }
}

TEST_CASE("An end within a line is seen") {
  CHECK(Parse("{\"type\":\"ADDED\",\"obj", 5).in_line);
  CHECK(Parse("{}", 1).in_line);
}

TEST_CASE("What is no event ends the watch, and isn't quoted") {
  for (const char* line :
       {"secret\n", "{\"type\":\"ADDED\"}\n", "{\"object\":{}}\n", "[]\n", "5\n",
        "{\"type\":\"ADDED\",\"object\":\"secret\"}\n", "{\"type\":\"ADDED\",\"object\":{\"secret\"}\n"}) {
    INFO(line);
    const Parsed parsed = Parse(line + kEvents, 4);
    CHECK(parsed.types.empty());
    CHECK_FALSE(parsed.error.empty());
    CHECK(parsed.error.find("secret") == std::string::npos);
  }
}

TEST_CASE("Who has had enough gets nothing more") {
  WatchParser parser(kSkippedKeys);
  int events = 0;
  CHECK_FALSE(parser.Feed(kEvents, [&](const WatchEvent&) { return ++events < 2; }));
  CHECK(events == 2);
  CHECK(parser.status().ok());
}

TEST_CASE("A line without an end is refused at its bound, not kept") {
  WatchParser parser(kSkippedKeys);
  const std::string part(1'000'000, ' ');
  std::size_t taken = 0;
  while (parser.Feed(part, [](const WatchEvent&) { return true; })) taken += part.size();
  CHECK(taken <= WatchParser::kMaxLineBytes);
  CHECK(std::string(parser.status().message()) == "the watch is broken: an event is too large");
}

}  // namespace
}  // namespace portreeve::kube
