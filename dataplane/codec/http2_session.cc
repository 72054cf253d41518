#include "dataplane/codec/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "dataplane/codec/connection_age.h"
#include "dataplane/codec/http2_callbacks.h"
#include "dataplane/net/yield.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;
using net::IoResult;
using net::IoStatus;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kWriteBytes = 64 * 1024;
// Fairness: after so many new streams, or reads in a row, others have their turn.
constexpr int kStreamsPerTurn = 4;
constexpr int kReadsPerTurn = 4;
constexpr std::size_t kMaxControlFrames = 1000;
constexpr std::size_t kMaxDiscardedBytes = 256 * 1024;

net::Clock::time_point After(std::uint64_t milliseconds) {
  return net::Clock::now() + std::chrono::milliseconds(milliseconds);
}

// Ends the session's ties to the transport even where Run's frame is destroyed before its end.
template <typename Function>
class Finally {
 public:
  explicit Finally(Function function) : function_(std::move(function)) {}
  ~Finally() { function_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  Function function_;
};

}  // namespace

std::shared_ptr<Http2Server> Http2Server::Create(net::Transport& transport, net::DeadlineWheel& wheel,
                                                 const http::Limits& limits, std::string_view scheme,
                                                 std::string_view early) {
  return std::make_shared<Http2Session>(transport, wheel, limits, scheme, early);
}

Http2Session::Http2Session(net::Transport& transport, net::DeadlineWheel& wheel, const http::Limits& limits,
                           std::string_view scheme, std::string_view early)
    : transport_(&transport),
      wheel_(wheel),
      limits_(limits),
      scheme_(scheme),
      early_(early),
      raw_(NewServerSession(*this)),
      cost_(limits),
      frames_(2 * (limits.header_bytes + limits.request_line_bytes)),
      head_deadline_(wheel, *this, &Http2Session::OnHeadDeadline),
      idle_deadline_(wheel, *this, &Http2Session::OnIdleDeadline),
      write_deadline_(wheel, *this, &Http2Session::OnWriteDeadline),
      drain_deadline_(wheel, *this, &Http2Session::OnDrainDeadline),
      linger_deadline_(wheel, *this, &Http2Session::OnLingerDeadline),
      age_deadline_(wheel, *this, &Http2Session::OnAgeDeadline) {}

Http2Session::~Http2Session() {
  // Streams first: they refer to the session.
  streams_.clear();
  nghttp2_session_del(raw_);
}

net::Awaitable<Failure> Http2Session::Run(Http2Handler& handler) {
  const std::shared_ptr<Http2Session> self = shared_from_this();
  handler_ = &handler;
  executor_ = co_await boost::asio::this_coro::executor;
  {
    const Finally detach([this] { Detach(); });
    Start();
    co_await ReadUntilEnd();
    if (end_reason_ == Reason::kNone && !idle()) end_reason_ = Reason::kClientClosed;
    state_ = State::kEnded;
    const Reason for_streams = end_reason_ == Reason::kNone ? Reason::kClientClosed : end_reason_;
    FailStreams(for_streams);
    transport_->Cancel();
    transport_->Close(false);
    co_await WaitForStreams();
  }
  co_return Failure{end_reason_, end_reason_ == Reason::kNone ? Phase::kDone : Phase::kHead};
}

void Http2Session::Detach() {
  state_ = State::kEnded;
  FailStreams(Reason::kClientClosed);
  transport_ = nullptr;
  handler_ = nullptr;
  for (auto* deadline :
       {&head_deadline_, &idle_deadline_, &write_deadline_, &drain_deadline_, &linger_deadline_, &age_deadline_}) {
    deadline->Disarm();
  }
}

void Http2Session::Start() {
  SubmitSettings(raw_, limits_);
  head_deadline_.Arm(After(limits_.header_read_timeout_ms));
  ArmIdle();
  age_deadline_.Arm(EndOfAge(limits_, this));
  if (!early_.empty()) {
    Feed(early_);
    std::string().swap(early_);
  }
  ScheduleTurn();
}

net::Awaitable<void> Http2Session::ReadUntilEnd() {
  int reads = 0;
  while (state_ != State::kEnded) {
    DispatchReady();
    if (reads >= kReadsPerTurn || CanDispatch()) {
      reads = 0;
      co_await net::Yield(*executor_);
      continue;
    }
    // Shared by all connections of the thread: nothing of it is kept over a wait.
    thread_local std::array<char, kReadBytes> buffer;
    const IoResult result = transport_->TryRead(buffer.data(), buffer.size());
    if (result.status == IoStatus::kOk) {
      ++reads;
      Feed({buffer.data(), result.bytes});
    } else if (result.status == IoStatus::kWouldBlock) {
      reads = 0;
      const IoStatus status = co_await transport_->WaitReadable();
      if (status != IoStatus::kOk) OnReadEnd(status);
    } else {
      OnReadEnd(result.status);
    }
  }
}

void Http2Session::OnReadEnd(IoStatus status) {
  if (status != IoStatus::kClosed && status != IoStatus::kCancelled && end_reason_ == Reason::kNone && !idle()) {
    end_reason_ = Reason::kClientClosed;
  }
  state_ = State::kEnded;
}

void Http2Session::Feed(std::string_view bytes) {
  if (state_ != State::kOpen) {
    // The answer is being written or is out; the client just hasn't noticed.
    discarded_ += bytes.size();
    if (discarded_ > kMaxDiscardedBytes) state_ = State::kEnded;
    return;
  }
  cost_.Advance(net::Clock::now());
  bytes = bytes.substr(0, frames_.Count(bytes, cost_));
  AfterFeed(nghttp2_session_mem_recv(raw_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

void Http2Session::AfterFeed(std::ptrdiff_t result) {
  CheckCost();
  if (state_ == State::kOpen && frames_.out_of_order()) {
    Terminate(NGHTTP2_PROTOCOL_ERROR, Reason::kProtocolError);
  } else if (state_ == State::kOpen && frames_.header_block_too_large()) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM, Reason::kFlood);
  } else if (state_ == State::kOpen && result < 0) {
    const bool flood = result == NGHTTP2_ERR_FLOODED;
    Terminate(flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR,
              flood ? Reason::kFlood : Reason::kProtocolError);
  } else if (state_ == State::kOpen && nghttp2_session_get_outbound_queue_size(raw_) > kMaxControlFrames) {
    Terminate(NGHTTP2_ENHANCE_YOUR_CALM, Reason::kFlood);
  }
  if (head_in_progress_ && !head_deadline_.armed()) {
    head_deadline_.Arm(After(limits_.header_read_timeout_ms));
  } else if (!head_in_progress_ && greeted_) {
    head_deadline_.Disarm();
  }
  Wake();
  ScheduleTurn();
}

void Http2Session::CheckCost() {
  if (state_ != State::kOpen) return;
  switch (cost_.verdict()) {
    case Http2Cost::Verdict::kFine:
      return;
    case Http2Cost::Verdict::kDrain:
      return Drain();
    case Http2Cost::Verdict::kClose:
      return Terminate(NGHTTP2_ENHANCE_YOUR_CALM, Reason::kFlood);
  }
}

// New requests.

bool Http2Session::CanDispatch() const {
  return state_ == State::kOpen && !ready_.empty() && held_ < limits_.http2_concurrent_streams;
}

void Http2Session::DispatchReady() {
  for (int i = 0; i < kStreamsPerTurn && CanDispatch(); ++i) {
    Http2SessionStream& stream = *ready_.front();
    ready_.pop_front();
    stream.in_ready_list = false;
    ++held_;
    ++requests_;
    stream.Hold(shared_from_this());
    if (requests_ >= limits_.max_requests_per_connection) Drain();
    handler_->OnRequest(Http2StreamPtr(&stream));
  }
}

void Http2Session::ScheduleTurn() {
  if (turn_scheduled_ || !executor_ || ended()) return;
  turn_scheduled_ = true;
  boost::asio::post(*executor_, [self = shared_from_this()] { self->Turn(); });
}

void Http2Session::Turn() {
  turn_scheduled_ = false;
  if (ended() || state_ == State::kEnded) return;
  DispatchReady();
  Flush();
  CheckCost();
  Wake();
  CheckFinished();
  if (CanDispatch()) ScheduleTurn();
}

// Output.

bool Http2Session::FillOutput(std::string& out) {
  out.clear();
  output_ = &out;
  while (out.size() < kWriteBytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(raw_, &data);
    if (size < 0) {
      if (end_reason_ == Reason::kNone) end_reason_ = Reason::kInternal;
      state_ = State::kEnded;
      transport_->Cancel();
      break;
    }
    if (size == 0) break;
    // Of DATA frames nothing comes here: their bytes were put into `out` on the way.
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  output_ = nullptr;
  return !out.empty();
}

void Http2Session::Flush() {
  thread_local std::string out;
  while (state_ == State::kOpen || state_ == State::kClosing) {
    std::string_view rest = std::string_view(blocked_).substr(blocked_taken_);
    const bool fresh = rest.empty();
    if (fresh) {
      if (!FillOutput(out)) break;
      rest = out;
    }
    const iovec part{const_cast<char*>(rest.data()), rest.size()};
    const IoResult result = transport_->TryWrite({&part, 1});
    if (result.status != IoStatus::kOk && result.status != IoStatus::kWouldBlock) {
      OnReadEnd(result.status);
      transport_->Cancel();
      break;
    }
    written_ += result.bytes;
    if (fresh) {
      if (result.bytes < rest.size()) blocked_.assign(rest.substr(result.bytes));
    } else {
      blocked_taken_ += result.bytes;
      if (blocked_taken_ == blocked_.size()) {
        std::string().swap(blocked_);
        blocked_taken_ = 0;
      }
    }
    if (result.status == IoStatus::kWouldBlock) {
      StartWriter();
      break;
    }
  }
}

void Http2Session::StartWriter() {
  if (writer_running_) return;
  writer_running_ = true;
  written_at_arm_ = written_;
  write_deadline_.Arm(After(limits_.http2_stuck_window_timeout_ms));
  boost::asio::co_spawn(*executor_, WriteBlocked(shared_from_this()), boost::asio::detached);
}

// Begun only when the socket is full. Ends when everything has been written.
net::Awaitable<void> Http2Session::WriteBlocked(std::shared_ptr<Http2Session> self) {
  while (!self->ended() && !self->blocked_.empty()) {
    const IoStatus status = co_await self->transport_->WaitWritable();
    if (self->ended() || self->state_ == State::kEnded || status != IoStatus::kOk) break;
    self->Turn();
  }
  self->writer_running_ = false;
  self->write_deadline_.Disarm();
  if (!self->ended()) self->CheckFinished();
  self->end_wait_.Resume(IoStatus::kOk);
}

}  // namespace portreeve::codec
