// What the client of one HTTP/2 connection costs us beyond the requests that it gets answered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/http/limits.h"
#include "dataplane/net/executor.h"

namespace portreeve::codec {

// A token bucket of points. It holds 20 for each reset of http2_reset_burst and drains 20 for each of
// http2_resets_per_second. Work that was served gives its points back: however busy, a client that lets its requests be
// answered and reads the answers stays near zero. One that makes us work for nothing is at the limit after 100 resets,
// 330 PINGs or 40 malformed requests (nghttp2 1.52 by itself counts only RST_STREAM that the client sent).
class Http2Cost {
 public:
  enum class Verdict : std::uint8_t {
    kFine,
    kDrain,  // above three quarters: no more requests on this connection, those running go on
    kClose,  // GOAWAY(ENHANCE_YOUR_CALM), now
  };

  explicit Http2Cost(const http::Limits& limits);

  // Any frame, when its header has come. For those that open a stream or carry a body that is all.
  void OnFrame() { Add(kFrame); }
  // SETTINGS, PING, PRIORITY, an unknown type, DATA without data.
  void OnControlFrame() { Add(kControl); }
  // Needed as long as we send; without need it is a control frame.
  void OnWindowUpdateOrPing() {
    if (expected_ > 0) {
      --expected_;
      Refund(kFrame);
    } else {
      Add(kControl);
    }
  }
  // A stream reset by the client, or by us for a fault of the client's.
  void OnReset() { Add(kReset); }
  void OnMalformed() { Add(kMalformed); }

  // A DATA frame of ours goes out, or a stream opens: some WINDOW_UPDATE and PING frames are its due.
  void OnDataSent() { Expect(kExpectedPerData); }
  // A request has been answered to its end, or a piece of its body taken that came in so many frames.
  void OnServed(std::uint32_t frames) { Refund(kFrame * frames); }

  // Drains the bucket for the time that has passed; once for each read.
  void Advance(net::Clock::time_point now);
  Verdict verdict() const;
  std::uint64_t level() const { return level_; }

 private:
  static constexpr std::uint64_t kFrame = 1;
  static constexpr std::uint64_t kControl = 5;
  static constexpr std::uint64_t kReset = 20;
  static constexpr std::uint64_t kMalformed = 50;
  static constexpr std::uint32_t kExpectedPerData = 4;
  static constexpr std::uint32_t kMaxExpected = 1000;

  void Add(std::uint64_t points) { level_ += points; }
  void Refund(std::uint64_t points) { level_ -= points < level_ ? points : level_; }
  void Expect(std::uint32_t frames) {
    expected_ = expected_ + frames < kMaxExpected ? expected_ + frames : kMaxExpected;
  }

  std::uint64_t capacity_;
  std::uint64_t per_second_;
  std::uint64_t level_ = 0;
  std::uint32_t expected_ = kExpectedPerData;
  net::Clock::time_point advanced_;
};

// Finds the frames in what a client sends, to count them before nghttp2 sees them: of unknown types, and of streams
// that are closed, nghttp2 tells nothing. Nor does it mind a stream that is opened after one of a higher number.
class Http2FrameCounter {
 public:
  // `header_block_bytes`: the most that one header block may take as sent, over all of its frames. HPACK can make much
  // of few bytes; one that doesn't stop is no request.
  explicit Http2FrameCounter(std::size_t header_block_bytes) : header_block_bytes_(header_block_bytes) {}

  // Counts the frames that begin in `bytes`, which continue those of the last call. Returns how many of the bytes are
  // good to be read on: less than all where the client has reached its limit, or breaks the order of streams.
  std::size_t Count(std::string_view bytes, Http2Cost& cost);
  // A stream was opened whose number had been passed over (RFC 9113 section 5.1.1).
  bool out_of_order() const { return out_of_order_; }
  // A header block has outgrown its bound.
  bool header_block_too_large() const { return block_bytes_ > header_block_bytes_; }

 private:
  static constexpr std::size_t kPrefaceBytes = 24;
  static constexpr std::size_t kHeaderBytes = 9;
  static constexpr std::size_t kMaxGaps = 8;

  void CheckOrder(std::uint32_t stream);
  void CountBlock(unsigned char type);

  // Of the preface, or of the payload of the current frame.
  std::size_t skip_ = kPrefaceBytes;
  unsigned char header_[kHeaderBytes] = {};
  std::size_t header_size_ = 0;
  const std::size_t header_block_bytes_;
  // Of the header block that is coming in, payloads of HEADERS and CONTINUATION together.
  std::size_t block_bytes_ = 0;
  // The highest number used by HEADERS, and the ranges below it that were passed over: the last few.
  std::uint32_t highest_ = 0;
  struct Gap {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };
  std::array<Gap, kMaxGaps> gaps_{};
  std::size_t gap_count_ = 0;
  bool out_of_order_ = false;
};

}  // namespace portreeve::codec
