#include "dataplane/observe/access_logger.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace portreeve::observe {
namespace {

std::string TemporaryFile() {
  char name[] = "/tmp/portreeve-access-log-XXXXXX";
  const int fd = mkstemp(name);
  REQUIRE(fd >= 0);
  close(fd);
  return name;
}

std::string Contents(const std::string& name) {
  std::ifstream file(name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a line is one JSON object, whatever bytes a client sent") {
  AccessLogEntry entry;
  entry.listener = "team-a/edge/http";
  entry.method = "GET";
  entry.path = "/a\"b\\c\x01\xff\xc3\xa9\xed\xa0\x80";
  entry.status = 404;
  entry.origin = http::Origin::kGateway;
  entry.phase = http::Phase::kRoute;
  entry.reason = http::Reason::kNoRoute;
  entry.rule = 0;
  std::string line;
  AppendJsonLine(entry, 1'764'065'721'000'042, line);
  REQUIRE(line.back() == '\n');
  const auto json = nlohmann::json::parse(line);
  CHECK(json["time"] == "2025-11-25T10:15:21.000042Z");
  CHECK(json["reason"] == "no_route");
  CHECK(json["origin"] == "gateway");
  CHECK(json["phase"] == "route");
  CHECK(json["status"] == 404);
  CHECK(json["rule"] == 0);
  CHECK(json["path"] == "/a\"b\\c\u0001\u00ff\u00e9\u00ed\u00a0\u0080");
  CHECK_FALSE(json.contains("backend"));
}

TEST_CASE("every line that was logged is written at the end") {
  const std::string name = TemporaryFile();
  {
    auto logger = AccessLogger::Open(name, 2);
    REQUIRE(logger.ok());
    AccessLogEntry entry;
    for (int i = 0; i < 1000; ++i) {
      entry.bytes_out = static_cast<std::uint64_t>(i);
      (*logger)->Log(i % 2 == 0 ? 0 : 1, entry);
    }
    CHECK((*logger)->dropped() == 0);
  }
  const std::string text = Contents(name);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1000);
  unlink(name.c_str());
}

TEST_CASE("a reader that has stopped costs lines, not time") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const std::string name = "/proc/self/fd/" + std::to_string(ends[1]);
  auto logger = AccessLogger::Open(name, 1);
  REQUIRE(logger.ok());
  AccessLogEntry entry;
  const std::string path(1000, 'x');
  entry.path = path;
  for (int i = 0; i < 12'000; ++i) (*logger)->Log(0, entry);
  (*logger)->Flush(0);
  CHECK((*logger)->dropped() > 0);
  logger->reset();
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("off writes nothing and a bad path is named") {
  auto off = AccessLogger::Open("off", 1);
  REQUIRE(off.ok());
  CHECK_FALSE((*off)->enabled());
  const auto bad = AccessLogger::Open("/nonexistent/folder/log", 1);
  REQUIRE_FALSE(bad.ok());
  CHECK(std::string(bad.status().message()).find("/nonexistent/folder/log") != std::string::npos);
}

}  // namespace portreeve::observe
