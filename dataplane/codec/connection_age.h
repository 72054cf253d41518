// When a connection has served long enough.
#pragma once

#include <chrono>
#include <cstdint>

#include "dataplane/http/limits.h"
#include "dataplane/net/executor.h"

namespace portreeve::codec {

// max_connection_age_ms from now, a tenth more or less, so that connections opened together don't end together;
// time_point::max() where that is 0. `salt`: an address of the connection's own.
inline net::Clock::time_point EndOfAge(const http::Limits& limits, const void* salt) {
  if (limits.max_connection_age_ms == 0) return net::Clock::time_point::max();
  const auto now = net::Clock::now();
  const std::uint64_t spread = limits.max_connection_age_ms / 5;
  const std::uint64_t mixed =
      (reinterpret_cast<std::uintptr_t>(salt) ^ static_cast<std::uint64_t>(now.time_since_epoch().count())) *
      0x9E3779B97F4A7C15ULL;
  const std::uint64_t age = limits.max_connection_age_ms - spread / 2 + (spread == 0 ? 0 : (mixed >> 32) % spread);
  return now + std::chrono::milliseconds(age);
}

}  // namespace portreeve::codec
