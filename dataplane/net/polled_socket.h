// A connected, non-blocking TCP socket with readiness and a deadline: what the transports stand on.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/poller.h"
#include "dataplane/net/transport.h"
#include "dataplane/net/wait_slot.h"

namespace portreeve::net {

// Who is at the two ends of a TCP connection.
struct SocketNames {
  // "192.0.2.1"; IPv4-mapped IPv6 addresses are shown as IPv4.
  std::string peer_address;
  std::uint16_t local_port = 0;
};
SocketNames NamesOf(int fd);

// Told that a socket became readable, or that its peer has gone, while nobody waited for it.
class IdleWatcher {
 public:
  virtual ~IdleWatcher() = default;
  // May destroy the socket.
  virtual void OnIdleReadable() = 0;
};

// Owns the descriptor. One thread, the worker's. Readiness is remembered: a wait suspends only after a try that said
// kWouldBlock, or that moved less than it could have.
class PolledSocket final : private Pollable, private Deadline {
 public:
  // Takes a non-blocking socket. `poller` and `wheel` outlive this. When the kernel has no memory left to watch it, it
  // is closed at once, and every wait says kError.
  PolledSocket(Poller& poller, DeadlineWheel& wheel, int fd);
  ~PolledSocket() override;

  IoResult TryRead(char* data, std::size_t size);
  IoResult TryWrite(std::span<const iovec> parts);
  // For those that read and write the descriptor by themselves (TLS): what they found out.
  void NotReadable() { readable_ = false; }
  void NotWritable() { writable_ = false; }

  Awaitable<IoStatus> WaitReadable();
  Awaitable<IoStatus> WaitWritable();

  void SetDeadline(Clock::time_point when);
  void Cancel();
  bool PeerGone();
  void ShutdownSend();
  void Close(bool reset);

  // Null: nobody is told. Must stay for as long as it is set.
  void WatchIdle(IdleWatcher* watcher) { idle_watcher_ = watcher; }

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  // Whether a wait for reading would return at once.
  bool maybe_readable() const { return readable_ || hung_up_; }
  std::uint16_t local_port() const { return names_.local_port; }
  const std::string& peer_address() const { return names_.peer_address; }

 private:
  void OnEvents(std::uint32_t events) override;
  void OnDeadline() override;
  void ResumeBoth(IoStatus status);

  Poller& poller_;
  int fd_;
  bool readable_ = true;
  bool writable_ = true;
  // The peer has ended its side: no further edge may come, so a wait for reading returns at once. It may still take
  // what we write.
  bool hung_up_ = false;
  // The connection is broken: no wait suspends any more.
  bool broken_ = false;
  bool timed_out_ = false;
  bool cancelled_ = false;
  WaitSlot read_wait_;
  WaitSlot write_wait_;
  IdleWatcher* idle_watcher_ = nullptr;
  SocketNames names_;
};

}  // namespace portreeve::net
