#include "common/log.h"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace portreeve::log {
namespace {

// Lines go into a pipe while it lives.
class Pipe {
 public:
  Pipe() {
    REQUIRE(pipe(ends_) == 0);
    SetOutput(ends_[1]);
  }
  ~Pipe() {
    Flush();
    SetOutput(STDERR_FILENO);
    SetLevel(Level::kInfo);
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  // What was written and nobody has read; nothing is written afterwards.
  std::string ReadToTheEnd() {
    std::string text;
    std::thread reader([&] {
      char buffer[4096];
      ssize_t n = 0;
      while ((n = read(ends_[0], buffer, sizeof(buffer))) > 0) text.append(buffer, static_cast<std::size_t>(n));
    });
    Flush(std::chrono::seconds(60));
    SetOutput(STDERR_FILENO);
    close(ends_[1]);
    ends_[1] = -1;
    reader.join();
    return text;
  }
  std::string Read() {
    Flush();
    std::string text(1 << 16, '\0');
    text.resize(static_cast<std::size_t>(read(ends_[0], text.data(), text.size())));
    return text;
  }
  int writer() const { return ends_[1]; }

 private:
  int ends_[2] = {-1, -1};
};

TEST_CASE("A line is one JSON object with the fields beside the message") {
  Pipe pipe;
  Warning("a \"quoted\"\nmessage\xff", {{"port", 8080}, {"ok", true}, {"listener", "a/b"}, {"share", 0.5}});
  const auto line = nlohmann::json::parse(pipe.Read());
  CHECK(line["level"] == "warning");
  CHECK(line["msg"] == "a \"quoted\"\nmessage\xef\xbf\xbd");
  CHECK(line["port"] == 8080);
  CHECK(line["ok"] == true);
  CHECK(line["listener"] == "a/b");
  CHECK(line["share"] == 0.5);
  CHECK(line["time"].get<std::string>().size() == 24);
}

TEST_CASE("A secret is never written") {
  Pipe pipe;
  Info("key", {{"private_key", SecretBytes("hunter2")}});
  const std::string text = pipe.Read();
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("[redacted]") != std::string::npos);
}

TEST_CASE("Lines below the level are left out") {
  Pipe pipe;
  SetLevel(*LevelFromName("error"));
  Warning("no");
  Error("yes");
  const std::string text = pipe.Read();
  CHECK(text.find("\"no\"") == std::string::npos);
  CHECK(text.find("\"yes\"") != std::string::npos);
  CHECK_FALSE(LevelFromName("loud").has_value());
}

TEST_CASE("A reader that doesn't read costs lines, not time") {
  Pipe pipe;
  REQUIRE(fcntl(pipe.writer(), F_SETPIPE_SZ, 4096) > 0);
  const std::uint64_t dropped = Dropped();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20'000; ++i) Info("filler");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));

  const std::string seen = pipe.ReadToTheEnd();
  CHECK(seen.find("were dropped") != std::string::npos);
  CHECK(Dropped() > dropped);
}

}  // namespace
}  // namespace portreeve::log
