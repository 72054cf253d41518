// The body of one HTTP/1 message: where it ends, and its pieces as they come (RFC 9112 section 6.3).
#pragma once

#include <cstdint>

#include "dataplane/codec/chunked_decoder.h"
#include "dataplane/codec/read_buffer.h"
#include "dataplane/codec/server_stream.h"
#include "dataplane/http/limits.h"
#include "dataplane/http/message.h"
#include "dataplane/net/executor.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// Takes pieces out of a read buffer. One thread.
class Http1Body {
 public:
  // `malformed`: the reason for a body that breaks its framing.
  Http1Body(const http::Limits& limits, http::Reason malformed) : chunks_(limits), malformed_(malformed) {}

  // For the body behind the head that was just consumed.
  void Start(http::Framing framing, std::uint64_t content_length);

  // True when there is a piece (bytes, the end or a failure); false when more bytes are needed.
  bool Take(ReadBuffer& input, BodyPiece& piece);
  // The peer has ended its side: true when that is how this body ends.
  bool EndsByClose() { return framing_ == http::Framing::kUntilClose && (done_ = true); }

  bool done() const { return done_; }
  bool failed() const { return failed_; }
  // Nothing of it has been taken.
  bool untouched() const { return untouched_; }
  // More than that many bytes are still to come, as far as it is known.
  bool LongerThan(std::uint64_t bytes) const { return framing_ == http::Framing::kLength && remaining_ > bytes; }
  const http::HeaderList& trailers() const { return chunks_.trailers(); }

 private:
  http::Framing framing_ = http::Framing::kNone;
  bool done_ = true;
  bool failed_ = false;
  bool untouched_ = true;
  std::uint64_t remaining_ = 0;
  ChunkedDecoder chunks_;
  const http::Reason malformed_;
};

// How fast a body comes while we wait for it. Time in which nobody pulls doesn't count.
class BodyPace {
 public:
  explicit BodyPace(const http::Limits& limits)
      : idle_(limits.body_idle_timeout_ms), bytes_per_second_(limits.body_bytes_per_second) {}

  void Start() { waited_ = net::Clock::duration::zero(), bytes_ = 0; }
  // A wait begins: until when it may last.
  net::Clock::time_point BeginWait() { return (begun_ = net::Clock::now()) + idle_; }
  // A wait has ended and brought that many bytes. False: too slow for too long.
  bool EndWait(std::size_t bytes);

 private:
  const std::chrono::milliseconds idle_;
  const std::uint64_t bytes_per_second_;
  net::Clock::time_point begun_;
  net::Clock::duration waited_{};
  std::uint64_t bytes_ = 0;
};

}  // namespace portreeve::codec
