#include "dataplane/server/options.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <string_view>

#include "common/command_line.h"

namespace portreeve::server {
namespace {

constexpr std::string_view kLimitNames[] = {
#define PORTREEVE_LIMIT_NAME(name, value) #name,
    PORTREEVE_LIMITS(PORTREEVE_LIMIT_NAME)
#undef PORTREEVE_LIMIT_NAME
};

// Whole decimal numbers only: no sign, no blanks, no unit.
template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool IsAddress(const std::string& text, bool v6) {
  unsigned char bytes[16];
  return inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes) == 1;
}

// The functions below return what is wrong, empty if nothing is.

std::string CheckAddressAndPort(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string wanted = "'" + text + "' is no ADDR:PORT; write 127.0.0.1:9901, [::1]:9901 or off";
  std::uint16_t port = 0;
  if (text == "off") return "";
  if (colon == std::string::npos || !ParseNumber(std::string_view(text).substr(colon + 1), port)) return wanted;
  std::string address = text.substr(0, colon);
  const bool v6 = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (v6) address = address.substr(1, address.size() - 2);
  return IsAddress(address, v6) ? "" : wanted;
}

std::string CheckCidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  const bool v6 = address.find(':') != std::string::npos;
  unsigned bits = 0;
  const bool prefix_ok = slash == std::string::npos ||
                         (ParseNumber(std::string_view(text).substr(slash + 1), bits) && bits <= (v6 ? 128U : 32U));
  if (IsAddress(address, v6) && prefix_ok) return "";
  return "'" + text + "' is no address range; write 192.0.2.0/24, 2001:db8::/32 or one address";
}

std::string CheckFolder(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return "the folder '" + path + "' doesn't exist; create it first";
  if (!S_ISDIR(info.st_mode)) return "'" + path + "' is no folder";
  if (access(path.c_str(), W_OK | X_OK) != 0) return "the folder '" + path + "' isn't writable";
  return "";
}

std::string ApplyLimit(http::Limits& limits, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return "'" + text + "' is no NAME=VALUE";
  const std::string name = text.substr(0, equals);
  std::uint64_t value = 0;
  http::Limits unchanged;
  if (!http::SetLimit(unchanged, name, 0)) {
    std::string message = "there is no limit '" + name + "'; there are:";
    for (std::string_view known : kLimitNames) message.append(" ").append(known);
    return message;
  }
  if (!ParseNumber(std::string_view(text).substr(equals + 1), value)) {
    return "the value of '" + text + "' is no whole number (sizes are bytes, times milliseconds)";
  }
  http::SetLimit(limits, name, value);
  return "";
}

void Require(const char* option, const std::string& problem) {
  if (!problem.empty()) throw CLI::ValidationError(option, problem);
}

void AddLimitOptions(CLI::App& app, http::Limits& limits) {
  app.add_option_function<std::uint32_t>(
         "--drain-seconds", [&limits](std::uint32_t seconds) { limits.drain_ms = std::uint64_t{seconds} * 1000; },
         "How long running requests may take to finish after SIGTERM (60)")
      ->check(CLI::Range(0U, 86400U))
      ->type_name("N");
  app.add_option_function<std::vector<std::string>>(
         "--limit",
         [&limits](const std::vector<std::string>& all) {
           for (const std::string& one : all) Require("--limit", ApplyLimit(limits, one));
         },
         "Set a limit (docs/limits.md); may be given several times")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
}

}  // namespace

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("--workers", options.workers, "Threads that serve requests (one for each CPU)")
      ->check(CLI::Range(1U, 1024U))
      ->type_name("N");
  app.add_option("--admin", options.admin, "Where /healthz, /readyz, /metrics and /config are (127.0.0.1:9901)")
      ->check(CheckAddressAndPort)
      ->type_name("ADDR:PORT|off");
  app.add_option("--access-log", options.access_log, "A file, - for stdout, or off (-)")->type_name("PATH|-|off");
  app.add_option("--state", options.state_folder, "Folder for the last good configuration (kept nowhere)")
      ->check(CheckFolder)
      ->type_name("FOLDER");
  AddLogLevel(app);
  app.add_flag("--proxy-status", options.proxy_status,
               "Say in a Proxy-Status header why an answer isn't the backend's");
  app.add_flag_callback(
      "--no-forwarded-headers", [&options] { options.forwarded_headers = false; },
      "Send no Forwarded and X-Forwarded-* headers to backends");
  app.add_option("--trusted-proxy", options.trusted_proxies,
                 "Believe the forwarded headers of peers in this range; may be given several times")
      ->check(CheckCidr)
      ->type_name("CIDR")
      ->expected(1)
      ->take_all();
  AddLimitOptions(app, options.limits);
}

void AddControllerOptions(CLI::App& app, Options& options) {
  app.add_option("--controller", options.controller, "Where the controller listens: unix:PATH or HOST:PORT")
      ->required()
      ->type_name("ADDRESS");
  app.add_option("--gateway", options.gateway, "NAMESPACE/NAME of the Gateway to serve; all of them if left out");
  CLI::Option* const ca =
      app.add_option("--controller-ca", options.controller_ca,
                     "Connect over TLS, and believe controllers with a certificate of a CA in this file (plain text)")
          ->type_name("FILE");
  app.add_option("--controller-token", options.controller_token,
                 "Prove with the ServiceAccount token in this file which Gateway this data plane is of")
      ->needs(ca)
      ->type_name("FILE");
  app.add_option("--controller-name", options.controller_name,
                 "Name that the controller's certificate must be for (the host in --controller)")
      ->needs(ca)
      ->type_name("NAME");
}

}  // namespace portreeve::server
