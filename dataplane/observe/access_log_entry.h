// What the access log says about one request, or about one connection that never became a request.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "dataplane/http/reason.h"

namespace portreeve::observe {

// Times since the first byte of the request, in microseconds; 0: that step wasn't reached.
struct PhaseTimes {
  std::uint32_t routed = 0;
  std::uint32_t connected = 0;
  std::uint32_t sent = 0;
  std::uint32_t head_received = 0;
};

// Views live until AccessLogger::Log returns. Empty fields are left out of the line.
struct AccessLogEntry {
  // False: a connection that ended before a request was read.
  bool request = true;
  // Empty where none was found; `port` is always known.
  std::string_view listener;
  std::uint16_t port = 0;
  std::string_view client;
  std::string_view protocol;
  std::string_view tls;
  std::string_view server_name;
  std::string_view method;
  std::string_view host;
  // Normalised path as matched, and query; or the target as received where it was refused.
  std::string_view path;
  std::string_view query;
  std::string_view request_id;
  // 0: no answer was sent.
  int status = 0;
  http::Origin origin = http::Origin::kUpstream;
  http::Phase phase = http::Phase::kDone;
  http::Reason reason = http::Reason::kNone;
  // One sentence more than the reason says: "Service team-a/ghost doesn't exist". May be empty.
  std::string_view detail;
  std::string_view route;
  std::int32_t rule = -1;
  std::string_view rule_name;
  std::string_view backend;
  std::string_view endpoint;
  std::uint32_t attempts = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t duration_us = 0;
  PhaseTimes times;
};

}  // namespace portreeve::observe
