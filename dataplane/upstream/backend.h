// What a Service port is to the data plane: a named set of endpoints.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/net/executor.h"

namespace portreeve::upstream {

struct Endpoint {
  net::Tcp::endpoint address;
  // "192.0.2.7:8080", "[2001:db8::7]:8080": for the log.
  std::string text;
};

enum class Balancing : std::uint8_t { kRoundRobin, kLeastRequest };

// Immutable; a change makes a new one. Read by all workers.
struct Backend {
  // "NS/SERVICE:PORT"
  std::string name;
  Balancing balancing = Balancing::kRoundRobin;
  // 0: the limit connect_timeout_ms.
  std::chrono::milliseconds connect_timeout{0};
  // Those to use: the ready ones, or, where there is none, those that are terminating but still serve. Sorted.
  std::vector<Endpoint> endpoints;
};

}  // namespace portreeve::upstream
