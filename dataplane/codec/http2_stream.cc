#include "dataplane/codec/http2_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <span>

#include "dataplane/codec/http2_session.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;
using net::IoStatus;

namespace {

constexpr std::size_t kKeptBytes = 16 * 1024;

void Shrink(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytes) std::string().swap(buffer);
}

std::chrono::milliseconds Milliseconds(std::uint64_t count) {
  return std::chrono::milliseconds(count);
}

}  // namespace

Http2SessionStream::Http2SessionStream(Http2Session& session, net::DeadlineWheel& wheel)
    : session_(session),
      read_deadline_(wheel, *this, &Http2SessionStream::OnReadDeadline),
      write_deadline_(wheel, *this, &Http2SessionStream::OnWriteDeadline) {}

void Http2SessionStream::Open(std::int32_t id) {
  id_ = id;
  open_ = true;
}

void Http2SessionStream::Reset() {
  read_deadline_.Disarm();
  write_deadline_.Disarm();
  DropOutbound();
  Shrink(out_);
  Shrink(in_);
  Shrink(given_);
  arena_.Reset();
  fields_.Clear();
  head_.Clear();
  head_failure_ = {};
  cancel_callback_ = nullptr;
  trailers_.clear();
  open_ = held_ = reset_by_us_ = false;
  failure_ = Reason::kNone;
  in_frames_ = 0;
  in_end_ = body_done_ = read_cancelled_ = false;
  waited_ = {};
  waited_bytes_ = sent_bytes_ = sent_bytes_when_stuck_ = 0;
  bodiless_ = head_sent_ = write_begun_ = out_end_ = deferred_ = end_sent_ = has_trailers_ = false;
}

void Http2SessionStream::SetHead(std::string_view scheme, bool body_follows, const http::Limits& limits) {
  in_end_ = !body_follows;
  body_done_ = !body_follows;
  head_failure_ = {fields_.Check(scheme, body_follows, limits, arena_, head_), Phase::kHead};
  if (!head_failure_) head_failure_ = {};
}

void Http2SessionStream::Hold(std::shared_ptr<Http2Session> self) {
  keep_alive_ = std::move(self);
  held_ = true;
}

// The request body.

bool Http2SessionStream::TakeData(std::string_view bytes) {
  const bool wanted = !failed() && !end_sent_ && (held_ || in_ready_list);
  if (!wanted) return false;
  in_.append(bytes);
  return true;
}

void Http2SessionStream::ConsumeGiven() {
  if (given_.empty()) return;
  if (!session_.ended()) {
    nghttp2_session_consume(session_.raw(), id_, given_.size());
    session_.ScheduleTurn();
  }
  given_.clear();
}

bool Http2SessionStream::TryReadBody(BodyPiece& piece) {
  ConsumeGiven();
  piece = {};
  // After the end of the answer nothing of the body is kept: the client is about to be told to stop.
  if (failed() || read_cancelled_ || (end_sent_ && !in_end_)) {
    piece.failure = {failed() ? failure_ : Reason::kClientClosed, Phase::kBody};
    return true;
  }
  if (in_.empty() && !in_end_) return false;
  given_.swap(in_);
  session_.cost().OnServed(std::exchange(in_frames_, 0));
  waited_bytes_ += given_.size();
  piece.bytes = given_;
  piece.end = in_end_;
  body_done_ = in_end_;
  return true;
}

net::Awaitable<BodyPiece> Http2SessionStream::ReadBody() {
  BodyPiece piece;
  while (!TryReadBody(piece)) {
    const net::Clock::time_point begin = net::Clock::now();
    read_deadline_.Arm(begin + Milliseconds(session_.limits().body_idle_timeout_ms));
    const IoStatus status = co_await read_wait_.Wait();
    read_deadline_.Disarm();
    if (status == IoStatus::kTimeout || ReadTooSlow(net::Clock::now() - begin)) {
      piece.failure = {Reason::kBodyTimeout, Phase::kBody};
      break;
    }
  }
  co_return piece;
}

bool Http2SessionStream::ReadTooSlow(net::Clock::duration waited) {
  // Only the time that we waited for the client counts.
  waited_ += waited;
  const auto window = Milliseconds(session_.limits().body_idle_timeout_ms);
  if (waited_ < window || failed()) return false;
  const std::uint64_t expected =
      session_.limits().body_bytes_per_second * session_.limits().body_idle_timeout_ms / 1000;
  const bool slow = waited_bytes_ + in_.size() < expected && !in_end_;
  waited_ = {};
  waited_bytes_ = 0;
  return slow;
}

void Http2SessionStream::OnReadDeadline() {
  read_wait_.Resume(IoStatus::kTimeout);
}

// Ends.

void Http2SessionStream::Fail(Reason reason) {
  if (failed()) return;
  failure_ = reason;
  // A writer that waits keeps its bytes only until it is told.
  DropOutbound();
}

void Http2SessionStream::Abort() {
  if (!open_ || session_.ended()) return;
  DropOutbound();
  out_end_ = true;
  reset_by_us_ = true;
  nghttp2_submit_rst_stream(session_.raw(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_INTERNAL_ERROR);
  session_.ScheduleTurn();
}

void Http2SessionStream::CloseAfter() {
  session_.Drain();
}

void Http2SessionStream::Cancel() {
  // An answer that is complete and on its way still arrives.
  if (out_end_ && !write_wait_.waiting()) {
    read_cancelled_ = true;
    read_wait_.Resume(IoStatus::kCancelled);
    return;
  }
  Fail(Reason::kClientClosed);
  net::WaitSlot writer = std::move(write_wait_);
  read_wait_.Resume(IoStatus::kCancelled);
  writer.Resume(IoStatus::kCancelled);
}

bool Http2SessionStream::PeerGone() {
  return failed() || session_.ended();
}

net::Transport* Http2SessionStream::TakeTransport(std::string_view& early) {
  early = {};
  return nullptr;
}

void Http2SessionStream::Wake() {
  // Each of those resumed may let the stream go: nothing of it is touched after the first.
  if (failed()) {
    const std::function<void()> callback = std::exchange(cancel_callback_, nullptr);
    net::WaitSlot reader = std::move(read_wait_);
    net::WaitSlot writer = std::move(write_wait_);
    if (callback) callback();
    reader.Resume(IoStatus::kCancelled);
    writer.Resume(IoStatus::kCancelled);
    return;
  }
  const bool read = read_wait_.waiting() && (!in_.empty() || in_end_ || end_sent_);
  const bool write = write_wait_.waiting() && (view_.empty() || end_sent_);
  if (read && write) {
    net::WaitSlot writer = std::move(write_wait_);
    read_wait_.Resume(IoStatus::kOk);
    writer.Resume(IoStatus::kOk);
  } else if (read) {
    read_wait_.Resume(IoStatus::kOk);
  } else if (write) {
    write_wait_.Resume(IoStatus::kOk);
  }
}

void Http2SessionStream::Release() {
  const std::shared_ptr<Http2Session> session = std::move(keep_alive_);
  held_ = false;
  cancel_callback_ = nullptr;
  if (!session->ended()) {
    if (!given_.empty() || !in_.empty()) {
      nghttp2_session_consume(session->raw(), id_, given_.size() + in_.size());
      given_.clear();
      in_.clear();
    }
    if (open_ && !reset_by_us_) {
      if (end_sent_) {
        OnEndSent();
      } else if (!out_end_ || failed()) {
        Abort();
      }
    }
    session->ScheduleTurn();
  }
  session->OnReleased(*this);
}

}  // namespace portreeve::codec
