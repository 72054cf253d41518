// Where connections come in: one socket per worker and port.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/poller.h"

namespace portreeve::net {

// A bound, listening, non-blocking descriptor with SO_REUSEPORT, on all IPv6 and IPv4 addresses (IPv4 only where the
// host has no IPv6). Errors say the port and the remedy. Made on the control thread, so that a port in use is known
// before any worker is told.
absl::StatusOr<int> OpenListenSocket(std::uint16_t port);

// Whether the port is free, asked without SO_REUSEPORT: with it, a second gateway of the same user would silently take
// half of the connections of the first.
absl::Status ProbePort(std::uint16_t port);

// Accepts on one worker. When descriptors run out it sheds: it closes a reserve, accepts and closes one connection, and
// waits a tick, so that a full process neither spins nor leaves clients hanging.
class ListenSocket final : private Pollable, private Deadline {
 public:
  using OnAccept = std::function<void(int fd)>;

  // Takes the listening descriptor.
  ListenSocket(Poller& poller, DeadlineWheel& wheel, int fd, OnAccept on_accept);
  ~ListenSocket() override;

  // Accepts what waits in the queue, then closes: no connection that the kernel has completed is lost.
  void Close();

 private:
  void OnEvents(std::uint32_t events) override;
  void OnDeadline() override;
  void AcceptAll();
  void Shed();

  Poller& poller_;
  DeadlineWheel& wheel_;
  int fd_;
  int reserve_fd_;
  OnAccept on_accept_;
  // Tasks that were posted hold it weakly: gone with this object.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace portreeve::net
