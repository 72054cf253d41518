// Outgoing connections.
#pragma once

#include <memory>

#include "dataplane/net/polled_socket.h"

namespace portreeve::net {

struct ConnectResult {
  // Null unless `status` is kOk.
  std::unique_ptr<PolledSocket> socket;
  IoStatus status = IoStatus::kError;
};

// Connects over TCP, without delay of small writes. kTimeout when `deadline` passed; kError: refused, unreachable, or
// no descriptor left. The deadline is cleared on success.
Awaitable<ConnectResult> Connect(Poller& poller, DeadlineWheel& wheel, Tcp::endpoint address,
                                 Clock::time_point deadline);

}  // namespace portreeve::net
