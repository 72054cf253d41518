// Bytes to and from one peer, over TCP or TLS.
#pragma once

#include <sys/uio.h>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/executor.h"

namespace portreeve::net {

enum class IoStatus : std::uint8_t {
  kOk,          // `bytes` of them were moved
  kWouldBlock,  // nothing moved: wait, then try again
  kClosed,      // the peer has ended its side (read only)
  kTimeout,     // the deadline passed while waiting
  kCancelled,   // Cancel was called while waiting
  kError,       // reset, or a TLS error
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t bytes = 0;
};

// The pattern is: try; on kWouldBlock wait, then try again. Trying costs one system call and never suspends; only
// waiting does. All of it runs on the worker's thread. At most one wait for reading and one for writing at a time.
// After kTimeout, kCancelled or kError the connection is good for nothing but Close.
class Transport {
 public:
  virtual ~Transport() = default;

  // Reads at most `size` bytes (size > 0).
  virtual IoResult TryRead(char* data, std::size_t size) = 0;
  // Writes as much of the parts as goes now.
  virtual IoResult TryWrite(std::span<const iovec> parts) = 0;
  // kOk when a try may move something; kTimeout, kCancelled or kError.
  virtual Awaitable<IoStatus> WaitReadable() = 0;
  virtual Awaitable<IoStatus> WaitWritable() = 0;
  // Before the first byte: the TLS handshake; nothing over TCP. kOk or why not.
  virtual Awaitable<IoStatus> Handshake() = 0;

  // Waits that are running or begin later end with kTimeout once this time has come. time_point::max(): never.
  virtual void SetDeadline(Clock::time_point when) = 0;
  // Ends running waits with kCancelled.
  virtual void Cancel() = 0;

  // Whether the peer has closed or reset, found out without taking a byte. One system call.
  virtual bool PeerGone() = 0;
  // No more bytes from us; the peer sees the end after those written (TLS: close_notify first).
  virtual void CloseSend() = 0;
  // Ends both directions now. Bytes written before are still delivered unless `reset`.
  virtual void Close(bool reset) = 0;
  virtual bool is_open() const = 0;

  // "192.0.2.1", without port.
  virtual std::string_view peer_address() const = 0;
  virtual std::uint16_t local_port() const = 0;
  // TLS only, after the handshake: what the client asked for in SNI (lower case) and what ALPN chose ("h2",
  // "http/1.1"). Else empty.
  virtual std::string_view server_name() const { return {}; }
  virtual std::string_view alpn() const { return {}; }
  virtual bool is_tls() const { return false; }
  // "TLSv1.3 TLS_AES_128_GCM_SHA256", or why a handshake failed; for the access log.
  virtual std::string tls_summary() const { return {}; }
};

// Writes all of it, waiting as needed. The bytes must stay until it returns.
Awaitable<IoStatus> WriteAll(Transport& transport, std::string_view first, std::string_view second = {},
                             std::string_view third = {});

}  // namespace portreeve::net
