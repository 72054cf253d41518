#include <chrono>

#include "dataplane/codec/http1_server_connection.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;
using net::Awaitable;
using net::Clock;
using net::IoStatus;

Awaitable<Failure> Http1ServerConnection::WriteInterim(const http::ResponseHead& head) {
  Failure failure;
  if (now_.http10 || now_.head_written) co_return failure;
  HeadBuffer& buffer = ThreadHeadBuffer();
  buffer.Clear();
  if (head.status < 100 || head.status >= 200 || head.status == 101 || !SerializeResponse(head, {}, buffer)) {
    failure = {Reason::kInternal, Phase::kHeadReceived};
    co_return failure;
  }
  if (head.status == 100) now_.continue_sent = true;
  if (Settle(io_.Write(buffer.text(), {}, {}), failure)) co_return failure;
  co_return co_await FlushPending();
}

bool Http1ServerConnection::MustClose(bool end) const {
  if (now_.closing || now_.failed || body_.failed() || close_ || draining_) return true;
  if (requests_ >= limits_.max_requests_per_connection || Clock::now() >= end_of_age_) return true;
  // The client may or may not send the body that nobody asked for.
  if (now_.expects_continue && !now_.continue_sent && body_.untouched()) return true;
  return end && body_.LongerThan(kMaxDrainBytes);
}

ResponseFraming Http1ServerConnection::ChooseFraming(const http::ResponseHead& head, std::string_view body,
                                                     bool end) const {
  ResponseFraming framing;
  framing.close = MustClose(end);
  const bool bodiless = now_.head_request || head.status == 304;
  if (head.status == 101 || head.status == 204) return framing;
  if (bodiless) {
    if (head.has_content_length || head.framing == http::Framing::kLength) {
      framing.body = BodyFraming::kLength;
      framing.length = head.content_length;
    }
    return framing;
  }
  switch (head.framing) {
    case http::Framing::kLength:
      framing.body = BodyFraming::kLength;
      framing.length = head.content_length;
      break;
    case http::Framing::kNone:
      if (end) {
        framing.body = BodyFraming::kLength;
        framing.length = body.size();
        break;
      }
      [[fallthrough]];
    case http::Framing::kChunked:
    case http::Framing::kUntilClose:
      framing.body = now_.http10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
      break;
  }
  if (framing.body == BodyFraming::kUntilClose) framing.close = true;
  return framing;
}

bool Http1ServerConnection::TryWriteHead(const http::ResponseHead& head, std::string_view body, bool end,
                                         Failure& failure) {
  if (io_.write_pending()) return Settle(io_.ContinueWrite(), failure);
  HeadBuffer& buffer = ThreadHeadBuffer();
  buffer.Clear();
  const ResponseFraming framing = ChooseFraming(head, body, end);
  const bool final = head.status >= 200 || head.status == 101;
  if (now_.head_written || !final || !SerializeResponse(head, framing, buffer)) {
    failure = {Reason::kInternal, Phase::kHeadReceived};
    return true;
  }
  now_.head_written = true;
  now_.closing = framing.close;
  now_.upgraded = head.status == 101;
  const bool bodiless = now_.head_request || head.status == 304 || head.status == 204 || head.status == 101;
  now_.body = bodiless ? BodyFraming::kNone : framing.body;
  now_.body_left = framing.length;
  return SendBodyPart(buffer, body, end, failure);
}

bool Http1ServerConnection::TryWriteBody(std::string_view body, bool end, Failure& failure) {
  if (io_.write_pending()) return Settle(io_.ContinueWrite(), failure);
  if (!now_.head_written || now_.answered) {
    // After an answer without a body (HEAD) its pieces are dropped.
    const bool dropped = now_.answered && now_.body == BodyFraming::kNone;
    failure = dropped ? Failure{} : Failure{Reason::kInternal, Phase::kBody};
    return true;
  }
  HeadBuffer& buffer = ThreadHeadBuffer();
  buffer.Clear();
  return SendBodyPart(buffer, body, end, failure);
}

// Frames `body` behind what stands in the buffer, and writes both.
bool Http1ServerConnection::SendBodyPart(HeadBuffer& buffer, std::string_view body, bool end, Failure& failure) {
  std::string_view tail;
  switch (now_.body) {
    case BodyFraming::kNone:
      body = {};
      break;
    case BodyFraming::kLength:
      if (body.size() > now_.body_left || (end && body.size() < now_.body_left)) {
        failure = BreakAnswer();
        return true;
      }
      now_.body_left -= body.size();
      break;
    case BodyFraming::kChunked:
      tail = FrameChunk(body, end, buffer);
      break;
    case BodyFraming::kUntilClose:
      break;
  }
  now_.ending = end;
  return Settle(io_.Write(buffer.text(), body, tail), failure);
}

// Body and Content-Length don't agree: the client must see that it isn't whole.
Failure Http1ServerConnection::BreakAnswer() {
  Abort();
  return {Reason::kInternal, Phase::kBody};
}

bool Http1ServerConnection::Settle(IoStatus status, Failure& failure) {
  if (status == IoStatus::kWouldBlock) return false;
  failure = {};
  if (status == IoStatus::kOk) {
    if (now_.ending) now_.answered = true;
  } else {
    now_.failed = true;
    failure = {status == IoStatus::kTimeout ? Reason::kClientStalled : Reason::kClientClosed, Phase::kBody};
  }
  return true;
}

Awaitable<Failure> Http1ServerConnection::FlushPending() {
  Failure failure;
  while (true) {
    io_.BeginWrite(Clock::now() + std::chrono::milliseconds(limits_.body_idle_timeout_ms));
    const IoStatus status = co_await io_.transport().WaitWritable();
    io_.EndWrite();
    if (Settle(status == IoStatus::kOk ? io_.ContinueWrite() : status, failure)) co_return failure;
  }
}

Awaitable<Failure> Http1ServerConnection::WriteHead(const http::ResponseHead& head, std::string_view body, bool end) {
  Failure failure;
  if (TryWriteHead(head, body, end, failure)) co_return failure;
  co_return co_await FlushPending();
}

Awaitable<Failure> Http1ServerConnection::WriteBody(std::string_view body, bool end) {
  Failure failure;
  if (TryWriteBody(body, end, failure)) co_return failure;
  co_return co_await FlushPending();
}

Awaitable<Failure> Http1ServerConnection::WriteTrailers(const http::HeaderList& /*trailers*/) {
  return WriteBody({}, true);
}

void Http1ServerConnection::Abort() {
  now_.failed = true;
  // A body that ends with the connection would look whole after an orderly close.
  io_.transport().Close(now_.head_written && now_.body == BodyFraming::kUntilClose);
}

}  // namespace portreeve::codec
