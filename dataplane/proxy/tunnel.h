// Raw bytes both ways, once two connections belong to each other.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/net/transport.h"
#include "dataplane/net/worker.h"

namespace portreeve::proxy {

struct TunnelResult {
  // From client to endpoint, and back.
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  bool idle_timeout = false;
};

// Copies until both sides have ended or one is broken. One side's end is passed on as such (half-close); the other
// direction goes on. `idle_ms` without a byte in either direction ends it. `early_*`: read before, passed on first.
// Both transports are closed at the end.
net::Awaitable<TunnelResult> RunTunnel(net::Worker& worker, net::Transport& client, std::string_view early_in,
                                       net::Transport& endpoint, std::string_view early_out, std::uint64_t idle_ms);

}  // namespace portreeve::proxy
