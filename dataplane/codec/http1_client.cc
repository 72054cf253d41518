#include "dataplane/codec/http1_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/codec/http1_body.h"
#include "dataplane/codec/http1_connection.h"
#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;
using net::Awaitable;
using net::Clock;
using net::IoStatus;

namespace {

class Http1ClientConnection final : public Http1Client {
 public:
  Http1ClientConnection(std::unique_ptr<net::Transport> transport, const http::Limits& limits);

  Awaitable<Failure> SendHead(const http::RequestHead& head, std::string_view body, bool end) override;
  Awaitable<Failure> SendBody(std::string_view body, bool end) override;
  bool TrySendHead(const http::RequestHead& head, std::string_view body, bool end, Failure& failure) override;
  bool TrySendBody(std::string_view body, bool end, Failure& failure) override;
  Awaitable<Failure> ReadHead(http::ResponseHead& head, http::Arena& arena, bool head_request,
                              bool upgrade_asked) override;
  bool TryReadHead(http::ResponseHead& head, http::Arena& arena, bool head_request, bool upgrade_asked,
                   Failure& failure) override;
  bool TryReadBody(BodyPiece& piece) override;
  Awaitable<BodyPiece> ReadBody() override;
  const http::HeaderList& trailers() const override { return body_.trailers(); }

  bool reusable() const override;
  void Park() override;
  bool retryable() const override { return served_ > 0 && !now_.bytes_came; }
  net::Transport& TakeTransport(std::string_view& early) override;
  net::Transport& transport() override { return *transport_; }

 private:
  struct Exchange {
    bool open = false;
    bool sent = false;
    bool failed = false;
    bool bytes_came = false;
    // A final head was read.
    bool answered = false;
    bool keep = false;
    bool ending = false;
    http::Framing framing = http::Framing::kNone;
    std::uint64_t body_left = 0;
    std::uint64_t interim = 0;
  };

  void RememberUpgrade(const http::RequestHead& head);
  bool SendBodyPart(HeadBuffer& buffer, std::string_view body, bool end, Failure& failure);
  bool Settle(IoStatus status, Failure& failure);
  Awaitable<Failure> FlushPending();
  void BeginHead();
  bool Refuse(Failure reason, Failure& failure);
  Failure HeadWaitFailed(IoStatus status);
  std::optional<Failure> FillHead();
  BodyPiece Truncated();
  // True: `piece` tells the end that the peer's close is.
  void OnClosed(BodyPiece& piece);

  std::unique_ptr<net::Transport> transport_;
  const http::Limits& limits_;
  Http1Connection io_;
  Http1HeadParser parser_;
  Http1Body body_;
  Exchange now_;
  std::uint64_t served_ = 0;
  // Of the request: its head is gone when the answer comes.
  std::string upgrade_;
  std::array<char, 24> websocket_key_{};
  bool head_done_ = false;
};

Http1ClientConnection::Http1ClientConnection(std::unique_ptr<net::Transport> transport, const http::Limits& limits)
    : transport_(std::move(transport)),
      limits_(limits),
      io_(*transport_),
      parser_(Http1HeadParser::Kind::kResponse, limits),
      body_(limits, Reason::kResponseMalformed) {}

void Http1ClientConnection::RememberUpgrade(const http::RequestHead& head) {
  upgrade_.assign(head.upgrade);
  if (upgrade_.empty()) return;
  websocket_key_ = {};
  const http::HeaderField* key = head.headers.Find(http::HeaderId::kSecWebSocketKey);
  if (key != nullptr) key->value.copy(websocket_key_.data(), websocket_key_.size());
}

bool Http1ClientConnection::TrySendHead(const http::RequestHead& head, std::string_view body, bool end,
                                        Failure& failure) {
  if (io_.write_pending()) return Settle(io_.ContinueWrite(), failure);
  Park();
  HeadBuffer& buffer = ThreadHeadBuffer();
  buffer.Clear();
  if (!SerializeRequest(head, buffer)) {
    failure = {Reason::kInternal, Phase::kSend};
    return true;
  }
  now_.open = true;
  now_.framing = head.framing;
  now_.body_left = head.content_length;
  RememberUpgrade(head);
  return SendBodyPart(buffer, body, end, failure);
}

bool Http1ClientConnection::TrySendBody(std::string_view body, bool end, Failure& failure) {
  if (io_.write_pending()) return Settle(io_.ContinueWrite(), failure);
  if (!now_.open || now_.sent) {
    failure = {Reason::kInternal, Phase::kSend};
    return true;
  }
  HeadBuffer& buffer = ThreadHeadBuffer();
  buffer.Clear();
  return SendBodyPart(buffer, body, end, failure);
}

// Frames `body` behind what stands in the buffer, and writes both.
bool Http1ClientConnection::SendBodyPart(HeadBuffer& buffer, std::string_view body, bool end, Failure& failure) {
  std::string_view tail;
  if (now_.framing == http::Framing::kChunked) {
    tail = FrameChunk(body, end, buffer);
  } else {
    if (now_.framing == http::Framing::kNone) now_.body_left = 0;
    if (body.size() > now_.body_left || (end && body.size() < now_.body_left)) {
      // Never a request of another length than its head says.
      now_.failed = true;
      failure = {Reason::kInternal, Phase::kSend};
      return true;
    }
    now_.body_left -= body.size();
  }
  now_.ending = end;
  return Settle(io_.Write(buffer.text(), body, tail), failure);
}

bool Http1ClientConnection::Settle(IoStatus status, Failure& failure) {
  if (status == IoStatus::kWouldBlock) return false;
  failure = {};
  if (status == IoStatus::kOk) {
    if (now_.ending) now_.sent = true;
  } else {
    now_.failed = true;
    failure = {Reason::kUpstreamReset, Phase::kSend};
  }
  return true;
}

Awaitable<Failure> Http1ClientConnection::FlushPending() {
  Failure failure;
  while (true) {
    io_.BeginWrite(Clock::now() + std::chrono::milliseconds(limits_.body_idle_timeout_ms));
    const IoStatus status = co_await transport_->WaitWritable();
    io_.EndWrite();
    if (Settle(status == IoStatus::kOk ? io_.ContinueWrite() : status, failure)) co_return failure;
  }
}

Awaitable<Failure> Http1ClientConnection::SendHead(const http::RequestHead& head, std::string_view body, bool end) {
  Failure failure;
  if (TrySendHead(head, body, end, failure)) co_return failure;
  co_return co_await FlushPending();
}

Awaitable<Failure> Http1ClientConnection::SendBody(std::string_view body, bool end) {
  Failure failure;
  if (TrySendBody(body, end, failure)) co_return failure;
  co_return co_await FlushPending();
}

// After an interim head its views die, and the next head begins.
void Http1ClientConnection::BeginHead() {
  if (!head_done_) return;
  head_done_ = false;
  parser_.Reset();
  io_.input().Unpin();
}

bool Http1ClientConnection::Refuse(Failure reason, Failure& failure) {
  now_.failed = true;
  failure = reason;
  return true;
}

bool Http1ClientConnection::TryReadHead(http::ResponseHead& head, http::Arena& /*arena*/, bool head_request,
                                        bool upgrade_asked, Failure& failure) {
  BeginHead();
  if (io_.input().empty()) return false;
  now_.bytes_came = true;
  switch (parser_.Parse(io_.input().unread())) {
    case Http1HeadParser::Status::kIncomplete:
      return false;
    case Http1HeadParser::Status::kFailed: {
      const bool large = parser_.reason() == Reason::kHeaderTooLarge || parser_.reason() == Reason::kTooManyHeaders;
      return Refuse({large ? Reason::kResponseTooLarge : Reason::kResponseMalformed, Phase::kHeadReceived}, failure);
    }
    case Http1HeadParser::Status::kComplete:
      break;
  }
  ResponseContext context;
  context.head_request = head_request;
  if (upgrade_asked) context.upgrade_asked = upgrade_;
  context.websocket_key = {websocket_key_.data(), websocket_key_.size()};
  Reason reason = CheckResponse(parser_, context, head);
  const bool interim = head.status < 200 && head.status != 101;
  if (interim && ++now_.interim > limits_.interim_responses) reason = Reason::kResponseMalformed;
  if (reason != Reason::kNone) return Refuse({reason, Phase::kHeadReceived}, failure);
  io_.input().Consume(parser_.size());
  io_.input().Pin();
  head_done_ = true;
  failure = {};
  if (interim) return true;
  now_.answered = true;
  now_.keep = head.keep_alive && head.status != 101;
  ++served_;
  body_.Start(head.framing, head.content_length);
  return true;
}

Failure Http1ClientConnection::HeadWaitFailed(IoStatus status) {
  now_.failed = true;
  if (status == IoStatus::kTimeout) return {Reason::kResponseTimeout, Phase::kWait};
  return {Reason::kUpstreamReset, Phase::kWait};
}

// Reads more of a head. Nullopt: go on (with or without new bytes).
std::optional<Failure> Http1ClientConnection::FillHead() {
  if (io_.input().Space().empty() && !io_.input().Grow(2 * limits_.response_header_bytes + BufferBlock::kUsualBytes)) {
    return Failure{Reason::kResponseTooLarge, Phase::kHeadReceived};
  }
  switch (io_.Fill()) {
    case IoStatus::kOk:
      return std::nullopt;
    case IoStatus::kWouldBlock:
      return std::nullopt;
    default:
      return HeadWaitFailed(IoStatus::kClosed);
  }
}

Awaitable<Failure> Http1ClientConnection::ReadHead(http::ResponseHead& head, http::Arena& arena, bool head_request,
                                                   bool upgrade_asked) {
  Failure failure;
  while (!TryReadHead(head, arena, head_request, upgrade_asked, failure)) {
    io_.BeginRead(Clock::time_point::max());
    const IoStatus status = co_await transport_->WaitReadable();
    io_.EndRead();
    if (status != IoStatus::kOk) {
      failure = HeadWaitFailed(status);
      break;
    }
    if (const std::optional<Failure> ended = FillHead()) {
      now_.failed = true;
      failure = *ended;
      break;
    }
  }
  co_return failure;
}

void Http1ClientConnection::OnClosed(BodyPiece& piece) {
  piece = {};
  if (body_.EndsByClose()) {
    piece.end = true;
    return;
  }
  piece = Truncated();
}

BodyPiece Http1ClientConnection::Truncated() {
  now_.failed = true;
  BodyPiece piece;
  piece.failure = {Reason::kResponseTruncated, Phase::kBody};
  return piece;
}

bool Http1ClientConnection::TryReadBody(BodyPiece& piece) {
  if (body_.Take(io_.input(), piece)) return true;
  if (!io_.more_likely()) return false;
  const IoStatus status = io_.Fill();
  if (status == IoStatus::kWouldBlock) return false;
  if (status == IoStatus::kOk) return body_.Take(io_.input(), piece);
  if (status == IoStatus::kClosed) {
    OnClosed(piece);
  } else {
    piece = Truncated();
  }
  return true;
}

Awaitable<BodyPiece> Http1ClientConnection::ReadBody() {
  BodyPiece piece;
  while (!TryReadBody(piece)) {
    io_.BeginRead(Clock::now() + std::chrono::milliseconds(limits_.response_idle_timeout_ms));
    IoStatus status = co_await transport_->WaitReadable();
    io_.EndRead();
    if (status == IoStatus::kOk) status = io_.Fill();
    if (status == IoStatus::kClosed) {
      OnClosed(piece);
      break;
    }
    if (status != IoStatus::kOk && status != IoStatus::kWouldBlock) {
      piece = Truncated();
      break;
    }
  }
  co_return piece;
}

bool Http1ClientConnection::reusable() const {
  return now_.sent && now_.answered && now_.keep && !now_.failed && body_.done() && io_.input().empty();
}

void Http1ClientConnection::Park() {
  now_ = Exchange();
  parser_.Reset();
  head_done_ = false;
  body_.Start(http::Framing::kNone, 0);
  io_.input().Unpin();
}

net::Transport& Http1ClientConnection::TakeTransport(std::string_view& early) {
  early = io_.input().unread();
  io_.ClearDeadlines();
  return *transport_;
}

}  // namespace

std::unique_ptr<Http1Client> Http1Client::Create(std::unique_ptr<net::Transport> transport,
                                                 const http::Limits& limits) {
  return std::make_unique<Http1ClientConnection>(std::move(transport), limits);
}

}  // namespace portreeve::codec
