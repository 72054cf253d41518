#include "dataplane/codec/http2_cost.h"

#include <algorithm>
#include <cstring>

namespace portreeve::codec {

Http2Cost::Http2Cost(const http::Limits& limits)
    : capacity_(kReset * limits.http2_reset_burst),
      per_second_(kReset * limits.http2_resets_per_second),
      advanced_(net::Clock::now()) {}

void Http2Cost::Advance(net::Clock::time_point now) {
  if (level_ == 0) {
    advanced_ = now;
    return;
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - advanced_).count();
  if (elapsed <= 0) return;
  const std::uint64_t points = static_cast<std::uint64_t>(elapsed) * per_second_ / 1000;
  // Less than a point: let the time add up.
  if (points == 0) return;
  Refund(points);
  advanced_ = now;
}

Http2Cost::Verdict Http2Cost::verdict() const {
  if (level_ >= capacity_) return Verdict::kClose;
  return level_ * 4 >= capacity_ * 3 ? Verdict::kDrain : Verdict::kFine;
}

namespace {

// RFC 9113 section 6.
enum FrameType : unsigned char {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

void CountFrame(unsigned char type, Http2Cost& cost) {
  cost.OnFrame();
  switch (type) {
    case kData:
    case kHeaders:
    case kRstStream:
    case kGoaway:
    case kContinuation:
      break;
    case kPing:
    case kWindowUpdate:
      cost.OnWindowUpdateOrPing();
      break;
    default:
      cost.OnControlFrame();
      break;
  }
}

}  // namespace

void Http2FrameCounter::CheckOrder(std::uint32_t stream) {
  if (stream > highest_) {
    const std::uint32_t next = highest_ == 0 ? 1 : highest_ + 2;
    if (stream > next) gaps_[gap_count_++ % kMaxGaps] = {next, stream - 1};
    highest_ = stream;
    return;
  }
  for (const Gap& gap : gaps_) {
    if (stream >= gap.first && stream <= gap.last) out_of_order_ = true;
  }
}

// With skip_ the payload's size.
void Http2FrameCounter::CountBlock(unsigned char type) {
  if (type == kHeaders) {
    block_bytes_ = skip_;
  } else if (type == kContinuation) {
    block_bytes_ += skip_;
  }
}

std::size_t Http2FrameCounter::Count(std::string_view bytes, Http2Cost& cost) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t skipped = std::min(skip_, bytes.size() - at);
    skip_ -= skipped;
    at += skipped;
    const std::size_t taken = std::min(kHeaderBytes - header_size_, bytes.size() - at);
    std::memcpy(header_ + header_size_, bytes.data() + at, taken);
    header_size_ += taken;
    at += taken;
    if (header_size_ < kHeaderBytes) break;
    header_size_ = 0;
    skip_ = static_cast<std::size_t>(header_[0]) << 16 | static_cast<std::size_t>(header_[1]) << 8 | header_[2];
    const std::uint32_t stream = (header_[5] & 0x7FU) << 24 | static_cast<std::uint32_t>(header_[6]) << 16 |
                                 static_cast<std::uint32_t>(header_[7]) << 8 | header_[8];
    if (header_[3] == kHeaders && stream != 0) CheckOrder(stream);
    CountFrame(header_[3], cost);
    CountBlock(header_[3]);
    if (out_of_order_ || header_block_too_large() || cost.verdict() == Http2Cost::Verdict::kClose) break;
  }
  return at;
}

}  // namespace portreeve::codec
