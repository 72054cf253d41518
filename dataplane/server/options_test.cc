#include "dataplane/server/options.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <iostream>
#include <sstream>
#include <vector>

#include "common/command_line.h"
#include "common/log.h"

namespace portreeve::server {
namespace {

struct Parsed {
  Options options;
  std::optional<int> code;
  std::string errors;
};

Parsed Parse(std::vector<const char*> arguments) {
  Parsed parsed;
  CLI::App app("test", "portreeve-dataplane");
  AddOptions(app, parsed.options);
  AddControllerOptions(app, parsed.options);
  arguments.insert(arguments.begin(), {"portreeve-dataplane", "--controller", "controller:7000"});
  std::ostringstream errors;
  std::streambuf* const before = std::cerr.rdbuf(errors.rdbuf());
  parsed.code = ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data());
  std::cerr.rdbuf(before);
  parsed.errors = errors.str();
  return parsed;
}

TEST_CASE("Without options the defaults hold") {
  const Parsed parsed = Parse({});
  CHECK_FALSE(parsed.code.has_value());
  CHECK(parsed.options.workers == 0);
  CHECK(parsed.options.admin == "127.0.0.1:9901");
  CHECK(parsed.options.access_log == "-");
  CHECK(parsed.options.state_folder.empty());
  CHECK(parsed.options.forwarded_headers);
  CHECK_FALSE(parsed.options.proxy_status);
  CHECK(parsed.options.limits.header_bytes == 32768);
}

TEST_CASE("Every option is understood") {
  const Parsed parsed = Parse({"--workers",       "3",
                               "--admin",         "[::1]:0",
                               "--access-log",    "off",
                               "--state",         "/tmp",
                               "--log-level",     "info",
                               "--proxy-status",  "--no-forwarded-headers",
                               "--trusted-proxy", "10.0.0.0/8",
                               "--trusted-proxy", "2001:db8::/32",
                               "--drain-seconds", "5",
                               "--limit",         "header_bytes=16384",
                               "--limit",         "header_count=7"});
  INFO(parsed.errors);
  REQUIRE_FALSE(parsed.code.has_value());
  CHECK(parsed.options.workers == 3);
  CHECK(parsed.options.admin == "[::1]:0");
  CHECK(parsed.options.access_log == "off");
  CHECK(parsed.options.state_folder == "/tmp");
  CHECK(parsed.options.proxy_status);
  CHECK_FALSE(parsed.options.forwarded_headers);
  CHECK(parsed.options.trusted_proxies == std::vector<std::string>{"10.0.0.0/8", "2001:db8::/32"});
  CHECK(parsed.options.limits.drain_ms == 5000);
  CHECK(parsed.options.limits.header_bytes == 16384);
  CHECK(parsed.options.limits.header_count == 7);
  CHECK(Parse({"--admin", "off"}).options.admin == "off");
}

TEST_CASE("The controller is looked for, and known, as the options say") {
  const Parsed parsed = Parse({"--gateway", "ns/gw", "--controller-ca", "/ca.crt", "--controller-token", "/token",
                               "--controller-name", "portreeve.ns.svc"});
  INFO(parsed.errors);
  REQUIRE_FALSE(parsed.code.has_value());
  CHECK(parsed.options.controller == "controller:7000");
  CHECK(parsed.options.gateway == "ns/gw");
  CHECK(parsed.options.controller_ca == "/ca.crt");
  CHECK(parsed.options.controller_token == "/token");
  CHECK(parsed.options.controller_name == "portreeve.ns.svc");
}

TEST_CASE("A wrong value ends with 2 and says what is right") {
  struct Case {
    std::vector<const char*> arguments;
    const char* says;
  };
  const Case cases[] = {
      {{"--workers", "0"}, "--workers"},
      {{"--workers", "many"}, "--workers"},
      {{"--admin", "9901"}, "127.0.0.1:9901"},
      {{"--admin", "localhost:9901"}, "127.0.0.1:9901"},
      {{"--admin", "127.0.0.1:65536"}, "127.0.0.1:9901"},
      {{"--admin", "[127.0.0.1]:1"}, "127.0.0.1:9901"},
      {{"--state", "/nowhere"}, "doesn't exist"},
      {{"--state", "/etc/passwd"}, "is no folder"},
      {{"--log-level", "loud"}, "debug, info, warning, error"},
      {{"--trusted-proxy", "10.0.0.0/33"}, "no address range"},
      {{"--trusted-proxy", "10.0.0/8"}, "no address range"},
      {{"--trusted-proxy", "::1/129"}, "no address range"},
      {{"--drain-seconds", "-1"}, "--drain-seconds"},
      {{"--limit", "header_bytes"}, "NAME=VALUE"},
      {{"--limit", "headers=1"}, "there is no limit 'headers'; there are: request_line_bytes"},
      {{"--limit", "header_bytes=1k"}, "no whole number"},
      {{"--limit", "header_bytes="}, "no whole number"},
      {{"--limit", "header_bytes=-1"}, "no whole number"},
      {{"--controller-token", "/token"}, "--controller-ca"},
      {{"--controller-name", "name"}, "--controller-ca"},
      {{"--unknown"}, "--unknown"},
  };
  for (const Case& one : cases) {
    INFO(one.arguments.front() << " " << one.arguments.back());
    const Parsed parsed = Parse(one.arguments);
    CHECK(parsed.code == 2);
    CHECK(parsed.errors.find(one.says) != std::string::npos);
  }
}

}  // namespace
}  // namespace portreeve::server
