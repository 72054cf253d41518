#include "dataplane/codec/http1_server.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/codec/connection_age.h"
#include "dataplane/codec/http1_server_connection.h"
#include "dataplane/codec/message_checks.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;
using net::Awaitable;
using net::Clock;
using net::IoStatus;

namespace {

// What is read and dropped so that the client gets to read the answer before a reset reaches it.
constexpr std::uint64_t kMaxLingerBytes = 1024 * 1024;
constexpr std::chrono::seconds kMaxDrainTime{1};

}  // namespace

Http1ServerConnection::Http1ServerConnection(net::Transport& transport, const http::Limits& limits,
                                             std::string_view scheme, std::string_view early)
    : io_(transport),
      limits_(limits),
      scheme_(scheme),
      early_(early),
      parser_(Http1HeadParser::Kind::kRequest, limits),
      body_(limits, Reason::kInvalidBody),
      pace_(limits),
      end_of_age_(EndOfAge(limits, this)) {}

// Views of the last exchange die here.
void Http1ServerConnection::BeginExchange() {
  now_ = Exchange();
  parser_.Reset();
  body_.Start(http::Framing::kNone, 0);
  head_deadline_ = Clock::time_point::max();
  io_.input().Unpin();
  if (!early_.empty()) {
    io_.input().Append(early_);
    early_ = {};
  }
}

Failure Http1ServerConnection::RefuseHead(Reason reason, http::RequestHead& head) {
  head.Clear();
  head.method = parser_.method();
  head.path = parser_.target();
  head.version = parser_.version();
  head.scheme = scheme_;
  head.keep_alive = false;
  now_.failed = true;
  now_.head_request = head.method == "HEAD";
  now_.http10 = head.version == http::Version::kHttp10;
  return {reason, Phase::kHead};
}

bool Http1ServerConnection::TryReadHead(http::RequestHead& head, http::Arena& arena, Failure& failure) {
  if (now_.head_read || now_.failed || !early_.empty()) BeginExchange();
  if (io_.input().empty()) return false;
  switch (parser_.Parse(io_.input().unread())) {
    case Http1HeadParser::Status::kIncomplete:
      return false;
    case Http1HeadParser::Status::kFailed:
      failure = RefuseHead(parser_.reason(), head);
      return true;
    case Http1HeadParser::Status::kComplete:
      break;
  }
  const Reason reason = CheckRequest(parser_, scheme_, arena, head);
  if (reason != Reason::kNone) {
    failure = RefuseHead(reason, head);
    return true;
  }
  now_.head_read = true;
  now_.head_request = head.method == "HEAD";
  now_.http10 = head.version == http::Version::kHttp10;
  now_.expects_continue = head.expect_continue;
  now_.closing = !head.keep_alive;
  ++requests_;
  io_.input().Consume(parser_.size());
  io_.input().Pin();
  body_.Start(head.framing, head.content_length);
  pace_.Start();
  failure = {};
  return true;
}

Failure Http1ServerConnection::HeadWaitFailed(IoStatus status) {
  now_.failed = true;
  switch (status) {
    case IoStatus::kTimeout:
      return {io_.input().empty() ? Reason::kIdleTimeout : Reason::kHeaderTimeout, Phase::kHead};
    case IoStatus::kCancelled:
      return {draining_ ? Reason::kDraining : Reason::kClientClosed, Phase::kHead};
    default:
      return {Reason::kClientClosed, Phase::kHead};
  }
}

Clock::time_point Http1ServerConnection::HeadDeadline() {
  if (io_.input().empty()) {
    return Clock::now() + std::chrono::milliseconds(limits_.connection_idle_timeout_ms);
  }
  // Absolute, from the first byte: a byte now and then doesn't move it.
  if (head_deadline_ == Clock::time_point::max()) {
    head_deadline_ = Clock::now() + std::chrono::milliseconds(limits_.header_read_timeout_ms);
  }
  return head_deadline_;
}

// Reads more of a head. Nullopt: go on (with or without new bytes).
std::optional<Failure> Http1ServerConnection::FillHead() {
  if (io_.input().Space().empty() &&
      !io_.input().Grow(limits_.request_line_bytes + limits_.header_bytes + BufferBlock::kUsualBytes)) {
    return Failure{Reason::kHeaderTooLarge, Phase::kHead};
  }
  switch (io_.Fill()) {
    case IoStatus::kOk:
      return std::nullopt;
    case IoStatus::kWouldBlock:
      if (io_.input().empty()) io_.input().Unpin();
      return std::nullopt;
    default:
      return HeadWaitFailed(IoStatus::kClosed);
  }
}

Awaitable<Failure> Http1ServerConnection::ReadHead(http::RequestHead& head, http::Arena& arena) {
  Failure failure;
  while (!TryReadHead(head, arena, failure)) {
    // Draining: a request that has come is still served, but none is waited for.
    bool last_try = draining_ && io_.input().empty();
    if (!last_try) {
      io_.BeginRead(HeadDeadline());
      idle_ = io_.input().empty();
      const IoStatus status = co_await io_.transport().WaitReadable();
      idle_ = false;
      io_.EndRead();
      last_try = status == IoStatus::kCancelled && draining_ && io_.input().empty();
      if (status != IoStatus::kOk && !last_try) co_return RefuseHead(HeadWaitFailed(status).reason, head);
    }
    if (const std::optional<Failure> ended = FillHead()) co_return RefuseHead(ended->reason, head);
    if (last_try && io_.input().empty()) co_return RefuseHead(Reason::kDraining, head);
  }
  co_return failure;
}

void Http1ServerConnection::Drain() {
  draining_ = true;
  if (idle_) io_.transport().Cancel();
}

bool Http1ServerConnection::TryReadBody(BodyPiece& piece) {
  if (body_.Take(io_.input(), piece)) return true;
  if (!io_.more_likely()) return false;
  const IoStatus status = io_.Fill();
  if (status == IoStatus::kWouldBlock) return false;
  if (status == IoStatus::kOk) return body_.Take(io_.input(), piece);
  now_.failed = true;
  piece = {};
  piece.failure = {Reason::kClientClosed, Phase::kBody};
  return true;
}

Awaitable<BodyPiece> Http1ServerConnection::ReadBody() {
  BodyPiece piece;
  while (!TryReadBody(piece)) {
    io_.BeginRead(pace_.BeginWait());
    IoStatus status = co_await io_.transport().WaitReadable();
    io_.EndRead();
    if (status == IoStatus::kOk) status = io_.Fill();
    const bool on_time = pace_.EndWait(status == IoStatus::kOk ? io_.last_read() : 0);
    if ((status == IoStatus::kOk || status == IoStatus::kWouldBlock) && on_time) continue;
    const bool late = status == IoStatus::kTimeout || !on_time;
    now_.failed = true;
    piece = {};
    piece.failure = {late ? Reason::kBodyTimeout : Reason::kClientClosed, Phase::kBody};
    break;
  }
  if (body_.failed()) now_.failed = true;
  co_return piece;
}

bool Http1ServerConnection::TryFinish() {
  return now_.answered && !now_.closing && !now_.failed && !now_.upgraded && !close_ && body_.done();
}

Awaitable<bool> Http1ServerConnection::Finish() {
  if (TryFinish()) co_return true;
  if (!io_.transport().is_open()) co_return false;
  const bool keep = now_.answered && !now_.closing && !now_.failed && !now_.upgraded && !close_;
  if (keep && !body_.LongerThan(kMaxDrainBytes)) {
    co_await DrainBody();
    if (TryFinish()) co_return true;
  }
  co_await Linger();
  co_return false;
}

// Reads and drops the rest of a request body that nobody wanted.
Awaitable<void> Http1ServerConnection::DrainBody() {
  const Clock::time_point deadline = Clock::now() + kMaxDrainTime;
  std::uint64_t dropped = 0;
  BodyPiece piece;
  while (dropped <= kMaxDrainBytes) {
    if (TryReadBody(piece)) {
      if (piece.end || piece.failure) co_return;
      dropped += piece.bytes.size();
      continue;
    }
    io_.BeginRead(deadline);
    const IoStatus status = co_await io_.transport().WaitReadable();
    io_.EndRead();
    if (status != IoStatus::kOk) co_return;
    const IoStatus read = io_.Fill();
    if (read != IoStatus::kOk && read != IoStatus::kWouldBlock) co_return;
  }
}

// Ends our side first: closing while the client still sends would reset the connection, and the answer with it.
Awaitable<void> Http1ServerConnection::Linger() {
  net::Transport& transport = io_.transport();
  const bool all_read = body_.done() && !now_.failed && io_.input().empty();
  transport.CloseSend();
  const Clock::time_point deadline = Clock::now() + kMaxDrainTime;
  std::uint64_t dropped = 0;
  BufferBlock block = BufferBlock::Borrow(BufferBlock::kUsualBytes);
  while (dropped < kMaxLingerBytes) {
    const net::IoResult result = transport.TryRead(block.data(), block.size());
    if (result.status == IoStatus::kOk) {
      dropped += result.bytes;
      continue;
    }
    if (result.status != IoStatus::kWouldBlock || all_read) break;
    io_.BeginRead(deadline);
    const IoStatus status = co_await transport.WaitReadable();
    io_.EndRead();
    if (status != IoStatus::kOk) break;
  }
  transport.Close(false);
}

net::Transport* Http1ServerConnection::TakeTransport(std::string_view& early) {
  early = io_.input().unread();
  io_.ClearDeadlines();
  return &io_.transport();
}

std::unique_ptr<Http1Server> Http1Server::Create(net::Transport& transport, const http::Limits& limits,
                                                 std::string_view scheme, std::string_view early) {
  return std::make_unique<Http1ServerConnection>(transport, limits, scheme, early);
}

}  // namespace portreeve::codec
