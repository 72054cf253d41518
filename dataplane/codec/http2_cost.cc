#include "dataplane/codec/http2_cost.h"

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

}  // namespace portreeve::codec
