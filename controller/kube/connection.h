// One connection to a server, TCP or TLS over it. Every wait has a deadline and ends at once when it is cancelled, from
// the first look-up of the name to the last byte; a peer that goes away never raises a signal.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "controller/kube/tls_context.h"

struct ssl_st;

namespace portreeve::kube {

using Clock = std::chrono::steady_clock;

// Once set, it stays set. Any thread.
class CancelSignal {
 public:
  CancelSignal();
  ~CancelSignal();
  CancelSignal(const CancelSignal&) = delete;
  CancelSignal& operator=(const CancelSignal&) = delete;

  void Set();
  bool is_set() const { return set_.load(std::memory_order_acquire); }
  // Readable once it is set.
  int fd() const { return fd_; }

 private:
  int fd_;
  std::atomic<bool> set_ = false;
};

// Belongs to one thread at a time.
class Connection {
 public:
  // `tls` null: plain TCP. `cancel` outlives the connection. Errors: UNAVAILABLE (nobody answers there),
  // DEADLINE_EXCEEDED, CANCELLED, and FAILED_PRECONDITION for a certificate that isn't right.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& host, int port,
                                                          std::shared_ptr<const TlsContext> tls,
                                                          const CancelSignal& cancel, Clock::time_point deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What has come, `size` bytes at most; 0 when the peer has ended the connection in good order.
  absl::StatusOr<std::size_t> Read(char* to, std::size_t size, Clock::time_point deadline);
  absl::Status Write(std::string_view bytes, Clock::time_point deadline);
  // Nothing has come since the last Read, not even an end: it may be used again.
  bool idle() const;

 private:
  Connection(int fd, std::shared_ptr<const TlsContext> tls, const CancelSignal& cancel)
      : fd_(fd), tls_(std::move(tls)), cancel_(cancel) {}
  absl::Status Handshake(Clock::time_point deadline);
  // TLS bytes from and to the socket.
  absl::Status Fill(Clock::time_point deadline);
  absl::Status Flush(Clock::time_point deadline);
  absl::Status TlsError(int result, std::string_view what) const;
  absl::StatusOr<std::size_t> Receive(char* to, std::size_t size, Clock::time_point deadline);
  absl::Status SendAll(const char* bytes, std::size_t size, Clock::time_point deadline);

  int fd_;
  std::shared_ptr<const TlsContext> tls_;
  const CancelSignal& cancel_;
  ssl_st* ssl_ = nullptr;
};

}  // namespace portreeve::kube
