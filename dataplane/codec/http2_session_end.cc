// How an Http2Session keeps its streams, drains, runs out of time and ends.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "dataplane/codec/http2_callbacks.h"
#include "dataplane/codec/http2_session.h"

namespace portreeve::codec {

using http::Reason;
using net::IoStatus;

namespace {

// A connection without requests keeps its stream objects for a second, then so many.
constexpr std::chrono::seconds kKeepStreams{1};
constexpr std::size_t kKeptStreams = 1;
constexpr std::chrono::seconds kLinger{1};
constexpr std::chrono::seconds kGoawayPause{2};

net::Clock::time_point After(std::uint64_t milliseconds) {
  return net::Clock::now() + std::chrono::milliseconds(milliseconds);
}

}  // namespace

void Http2Session::CheckFinished() {
  if (state_ != State::kOpen && state_ != State::kClosing) return;
  if (!blocked_.empty() || nghttp2_session_want_write(raw_) != 0) return;
  if (state_ == State::kOpen && nghttp2_session_want_read(raw_) != 0) return;
  FinishSending();
}

// Everything has been written: our side ends, and the client's bytes are read on for a moment, or they would make the
// kernel reset what is on its way to it.
void Http2Session::FinishSending() {
  state_ = State::kLingering;
  FailStreams(end_reason_ == Reason::kNone ? Reason::kClientClosed : end_reason_);
  transport_->CloseSend();
  linger_deadline_.Arm(net::Clock::now() + kLinger);
}

void Http2Session::Terminate(std::uint32_t error_code, Reason reason) {
  if (state_ != State::kOpen) return;
  if (end_reason_ == Reason::kNone) end_reason_ = reason;
  state_ = State::kClosing;
  nghttp2_session_terminate_session(raw_, error_code);
  FailStreams(end_reason_);
  linger_deadline_.Arm(net::Clock::now() + kLinger);
  ScheduleTurn();
}

void Http2Session::Cancel() {
  if (ended()) return;
  state_ = State::kEnded;
  transport_->Cancel();
}

// Draining.

void Http2Session::Drain() {
  if (drain_begun_ || state_ != State::kOpen) return;
  drain_begun_ = true;
  nghttp2_submit_shutdown_notice(raw_);
  drain_deadline_.Arm(net::Clock::now() + kGoawayPause);
  ScheduleTurn();
}

void Http2Session::FinalGoaway() {
  if (!drain_begun_ || drain_final_ || state_ != State::kOpen) return;
  drain_final_ = true;
  drain_deadline_.Disarm();
  nghttp2_submit_goaway(raw_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(raw_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  ScheduleTurn();
}

void Http2Session::OnDrainDeadline() {
  FinalGoaway();
}

// Other times that come.

void Http2Session::OnHeadDeadline() {
  Terminate(NGHTTP2_ENHANCE_YOUR_CALM, Reason::kHeaderTimeout);
}

void Http2Session::ArmIdle() {
  idle_since_ = net::Clock::now();
  const auto timeout = std::chrono::milliseconds(limits_.http2_connection_idle_timeout_ms);
  idle_deadline_.Arm(idle_since_ + std::min<net::Clock::duration>(kKeepStreams, timeout));
}

void Http2Session::OnIdleDeadline() {
  // Armed again when the last stream goes.
  if (streams_.size() > free_.size()) return;
  TrimStreams();
  const auto end = idle_since_ + std::chrono::milliseconds(limits_.http2_connection_idle_timeout_ms);
  if (net::Clock::now() < end) return idle_deadline_.Arm(end);
  Terminate(NGHTTP2_NO_ERROR, Reason::kIdleTimeout);
}

// All are free.
void Http2Session::TrimStreams() {
  if (streams_.size() <= kKeptStreams) return;
  streams_.resize(kKeptStreams);
  free_.clear();
  for (const auto& stream : streams_) free_.push_back(stream.get());
}

void Http2Session::OnWriteDeadline() {
  if (blocked_.empty() || ended()) return;
  const std::uint64_t expected = limits_.body_bytes_per_second * limits_.http2_stuck_window_timeout_ms / 1000;
  if (written_ - written_at_arm_ < std::max<std::uint64_t>(expected, 1)) {
    if (end_reason_ == Reason::kNone) end_reason_ = Reason::kClientStalled;
    return Cancel();
  }
  written_at_arm_ = written_;
  write_deadline_.Arm(After(limits_.http2_stuck_window_timeout_ms));
}

void Http2Session::OnLingerDeadline() {
  Cancel();
}

// Streams.

Http2SessionStream& Http2Session::OpenStream(std::int32_t id) {
  if (free_.empty()) {
    streams_.push_back(std::make_unique<Http2SessionStream>(*this, wheel_));
    free_.push_back(streams_.back().get());
  }
  Http2SessionStream& stream = *free_.back();
  free_.pop_back();
  stream.Open(id);
  return stream;
}

void Http2Session::CloseStream(Http2SessionStream& stream, bool clean) {
  stream.OnClosed();
  if (clean && stream.Complete()) cost_.OnServed(1);
  if (!stream.is_held()) return Recycle(stream);
  if (stream.Complete()) return;
  stream.Fail(end_reason_ != Reason::kNone ? end_reason_ : Reason::kClientClosed);
  WakeLater(stream);
}

void Http2Session::OnReleased(Http2SessionStream& stream) {
  --held_;
  if (!stream.is_open()) Recycle(stream);
  if (held_ == 0 && state_ == State::kEnded && end_wait_.waiting() && executor_) {
    boost::asio::post(*executor_, [self = shared_from_this()] { self->end_wait_.Resume(IoStatus::kOk); });
  }
}

void Http2Session::Recycle(Http2SessionStream& stream) {
  if (stream.in_ready_list) std::erase(ready_, &stream);
  if (stream.in_wake_list) std::replace(wake_.begin(), wake_.end(), &stream, static_cast<Http2SessionStream*>(nullptr));
  if (in_head_ == &stream) in_head_ = nullptr;
  stream.in_ready_list = stream.in_wake_list = false;
  head_bytes_ -= stream.fields().bytes();
  stream.Reset();
  free_.push_back(&stream);
  if (streams_.size() > free_.size()) return;
  head_bytes_ = 0;
  if (state_ == State::kOpen) ArmIdle();
}

void Http2Session::WakeLater(Http2SessionStream& stream) {
  if (stream.in_wake_list) return;
  stream.in_wake_list = true;
  wake_.push_back(&stream);
}

// By index: whoever is resumed may add to the list, and Recycle blanks entries.
void Http2Session::Wake() {
  for (std::size_t i = 0; i < wake_.size(); ++i) {
    Http2SessionStream* stream = wake_[i];
    if (stream == nullptr) continue;
    wake_[i] = nullptr;
    stream->in_wake_list = false;
    stream->Wake();
  }
  wake_.clear();
}

void Http2Session::FailStreams(Reason reason) {
  while (!ready_.empty()) {
    Http2SessionStream& stream = *ready_.front();
    ready_.pop_front();
    stream.in_ready_list = false;
    stream.Fail(reason);
  }
  for (const auto& stream : streams_) {
    if (!stream->is_held() || stream->Complete()) continue;
    stream->Fail(reason);
    WakeLater(*stream);
  }
  ScheduleTurn();
}

// Bounded by the exchanges' own deadlines: they and their owner must not outlive Run.
net::Awaitable<void> Http2Session::WaitForStreams() {
  // The waits that FailStreams has put on the list.
  Wake();
  while (held_ > 0 || writer_running_) co_await end_wait_.Wait();
}

}  // namespace portreeve::codec
