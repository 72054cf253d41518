// What a data plane is started with, and the command-line options that say it: the same for portreeve-dataplane and
// for `portreeve run`.
#pragma once

#include <string>
#include <vector>

#include "dataplane/http/limits.h"

namespace CLI {
class App;
}

namespace portreeve::server {

struct Options {
  // "unix:/run/portreeve/config.sock" or "host:port".
  std::string controller;
  // "NS/NAME" of the Gateway to serve; empty: all of them.
  std::string gateway;
  // Files by which the two ends know each other (config::ClientOptions); empty: plain text.
  std::string controller_ca;
  std::string controller_token;
  // Empty: the host in `controller`.
  std::string controller_name;
  // 0: one for each CPU that the process may use.
  unsigned workers = 0;
  // Address and port of /healthz, /readyz, /metrics, /config and /version; "off": nowhere.
  std::string admin = "127.0.0.1:9901";
  // A path, "-" (stdout) or "off".
  std::string access_log = "-";
  // Where the last good configuration is kept; empty: nowhere.
  std::string state_folder;
  http::Limits limits;
  // Add RFC 9209 Proxy-Status to answers.
  bool proxy_status = false;
  // Send Forwarded and X-Forwarded-*.
  bool forwarded_headers = true;
  // "192.0.2.0/24": peers whose own forwarded headers are believed.
  std::vector<std::string> trusted_proxies;
};

// Values are checked while the command line is read. --log-level takes effect at once. `options` must outlive the
// parsing.
void AddOptions(CLI::App& app, Options& options);
// Those of a data plane whose controller is another process: --controller, --gateway, --controller-*.
void AddControllerOptions(CLI::App& app, Options& options);

}  // namespace portreeve::server
