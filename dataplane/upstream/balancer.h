// Which endpoint of a backend serves a request.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/upstream/backend.h"
#include "dataplane/upstream/connection_pool.h"

namespace portreeve::upstream {

// Small, fast random numbers (xorshift64*): for choices, never for secrets. One thread.
class Random {
 public:
  // Seeded from the system.
  Random();
  std::uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  // Even over 0 … bound-1; bound > 0.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  std::uint64_t state_;
};

// One per worker; its thread only.
class Balancer {
 public:
  Balancer(const ConnectionPool& pool, Random& random) : pool_(pool), random_(random) {}

  // Null when the backend has no endpoint. `backend_index`: the backend's own in RuntimeConfig, where its turn is kept.
  // `avoid` is passed over while there is another one (for a retry).
  const Endpoint* Pick(const Backend& backend, std::uint32_t backend_index, const Endpoint* avoid);

 private:
  const Endpoint* NextInTurn(const Backend& backend, std::uint32_t backend_index, const Endpoint* avoid);
  const Endpoint* LeastRequest(const Backend& backend, const Endpoint* avoid);

  const ConnectionPool& pool_;
  Random& random_;
  std::vector<std::uint32_t> turns_;
};

}  // namespace portreeve::upstream
