#include "dataplane/codec/http1_body.h"

#include <algorithm>

namespace portreeve::codec {

void Http1Body::Start(http::Framing framing, std::uint64_t content_length) {
  framing_ = framing;
  remaining_ = content_length;
  done_ = framing == http::Framing::kNone || (framing == http::Framing::kLength && content_length == 0);
  failed_ = false;
  untouched_ = true;
  if (framing == http::Framing::kChunked) chunks_.Reset();
}

bool Http1Body::Take(ReadBuffer& input, BodyPiece& piece) {
  piece = {};
  if (done_) {
    piece.end = true;
    return true;
  }
  if (failed_) {
    piece.failure = {malformed_, http::Phase::kBody};
    return true;
  }
  const std::string_view unread = input.unread();
  if (unread.empty()) return false;
  untouched_ = false;
  if (framing_ == http::Framing::kChunked) {
    const ChunkedDecoder::Step step = chunks_.Decode(input.mutable_unread(), unread.size());
    input.Consume(step.consumed);
    piece.bytes = step.data;
    done_ = chunks_.done();
    failed_ = chunks_.failed();
    // What came before the fault isn't passed on either: nobody may take it for good.
    if (failed_) {
      piece.bytes = {};
      piece.failure = {malformed_, http::Phase::kBody};
    }
    piece.end = done_;
    return done_ || failed_ || !piece.bytes.empty();
  }
  if (framing_ == http::Framing::kUntilClose) {
    piece.bytes = unread;
  } else {
    piece.bytes = unread.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, unread.size())));
    remaining_ -= piece.bytes.size();
    done_ = remaining_ == 0;
  }
  input.Consume(piece.bytes.size());
  piece.end = done_;
  return true;
}

bool BodyPace::EndWait(std::size_t bytes) {
  waited_ += net::Clock::now() - begun_;
  bytes_ += bytes;
  // Judged once a whole idle timeout was spent on waiting.
  if (waited_ < idle_) return true;
  const auto seconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(waited_).count());
  const bool fast_enough = bytes_ >= bytes_per_second_ * seconds;
  Start();
  return fast_enough;
}

}  // namespace portreeve::codec
