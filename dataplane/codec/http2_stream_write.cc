// The answer on one stream: what is queued, and how it leaves.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <optional>
#include <span>

#include "dataplane/codec/http2_session.h"
#include "dataplane/codec/http2_stream.h"

namespace portreeve::codec {

using http::Failure;
using http::Phase;
using http::Reason;

namespace {

constexpr std::size_t kSessionQueueBytes = 512 * 1024;
constexpr std::size_t kNumberBytes = 64;

// For one call of nghttp2, which copies them and makes the names lower case.
std::span<const nghttp2_nv> ForNghttp2(const std::vector<RawField>& fields) {
  thread_local std::vector<nghttp2_nv> result;
  result.clear();
  for (const RawField& field : fields) {
    nghttp2_nv one{};
    one.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.name.data()));
    one.namelen = field.name.size();
    one.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.value.data()));
    one.valuelen = field.value.size();
    result.push_back(one);
  }
  return result;
}

std::vector<RawField>& Scratch() {
  thread_local std::vector<RawField> fields;
  return fields;
}

ssize_t ReadOutbound(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                     nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<Http2SessionStream*>(source->ptr);
  const Http2SessionStream::Outbound outbound = stream.Prepare(length);
  if (outbound.bytes == 0 && !outbound.last) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (outbound.last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (outbound.trailers) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (!stream.SubmitTrailers()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  }
  return static_cast<ssize_t>(outbound.bytes);
}

std::chrono::milliseconds Milliseconds(std::uint64_t count) {
  return std::chrono::milliseconds(count);
}

// As the codec of HTTP/1 chooses it.
std::optional<std::uint64_t> LengthOf(const http::ResponseHead& head, std::string_view body, bool end, bool bodiless) {
  if (head.status == 204) return std::nullopt;
  if (head.framing == http::Framing::kLength || (bodiless && head.has_content_length)) return head.content_length;
  if (!bodiless && head.framing == http::Framing::kNone && end) return body.size();
  return std::nullopt;
}

}  // namespace

Failure Http2SessionStream::WriteFailure() const {
  if (failed()) return {failure_, Phase::kBody};
  if (session_.ended() || !open_) return {Reason::kClientClosed, Phase::kBody};
  return {};
}

net::Awaitable<Failure> Http2SessionStream::WriteInterim(const http::ResponseHead& head) {
  Failure failure = WriteFailure();
  // 101 has no meaning in HTTP/2.
  if (failure || head.status == 101) co_return failure;
  char numbers[kNumberBytes];
  if (head_sent_ || head.status >= 200 || !MakeResponseFields(head, std::nullopt, numbers, Scratch())) {
    co_return Failure{Reason::kInternal, Phase::kHeadReceived};
  }
  const auto fields = ForNghttp2(Scratch());
  nghttp2_submit_headers(session_.raw(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(), nullptr);
  session_.ScheduleTurn();
  co_return failure;
}

bool Http2SessionStream::Submit(const http::ResponseHead& head, std::string_view body, bool end) {
  char numbers[kNumberBytes];
  const std::optional<std::uint64_t> length = LengthOf(head, body, end, bodiless_);
  if (!MakeResponseFields(head, length, numbers, Scratch())) return false;
  const auto fields = ForNghttp2(Scratch());
  nghttp2_data_provider provider{};
  provider.source.ptr = this;
  provider.read_callback = ReadOutbound;
  const bool only_head = end && (bodiless_ || body.empty());
  return nghttp2_submit_response(session_.raw(), id_, fields.data(), fields.size(), only_head ? nullptr : &provider) ==
         0;
}

bool Http2SessionStream::TryWriteHead(const http::ResponseHead& head, std::string_view body, bool end,
                                      Failure& failure) {
  if (write_begun_) return false;
  failure = WriteFailure();
  if (failure) return true;
  bodiless_ = head_.method == "HEAD" || head.status == 204 || head.status == 304;
  if (head_sent_ || head.status < 200 || !Submit(head, body, end)) {
    failure = {Reason::kInternal, Phase::kHeadReceived};
    return true;
  }
  head_sent_ = true;
  out_end_ = end;
  Queue(bodiless_ ? std::string_view() : body);
  return Settled(end);
}

bool Http2SessionStream::TryWriteBody(std::string_view body, bool end, Failure& failure) {
  if (write_begun_) return false;
  failure = WriteFailure();
  if (failure) return true;
  if (!head_sent_ || out_end_) {
    failure = {Reason::kInternal, Phase::kBody};
    return true;
  }
  out_end_ = end;
  Queue(bodiless_ ? std::string_view() : body);
  return Settled(end);
}

bool Http2SessionStream::Settled(bool end) {
  write_begun_ = !view_.empty() || (end && !WindowSuffices());
  return !write_begun_;
}

net::Awaitable<Failure> Http2SessionStream::WriteHead(const http::ResponseHead& head, std::string_view body, bool end) {
  Failure failure;
  if (!TryWriteHead(head, body, end, failure)) failure = co_await WaitFlushed(end);
  co_return failure;
}

net::Awaitable<Failure> Http2SessionStream::WriteBody(std::string_view body, bool end) {
  Failure failure;
  if (!TryWriteBody(body, end, failure)) failure = co_await WaitFlushed(end);
  co_return failure;
}

net::Awaitable<Failure> Http2SessionStream::WriteTrailers(const http::HeaderList& trailers) {
  Failure failure = WriteFailure();
  if (failure) co_return failure;
  if (!head_sent_ || out_end_ || !MakeTrailerFields(trailers, trailers_)) {
    co_return Failure{Reason::kInternal, Phase::kBody};
  }
  for (RawField& field : trailers_) field = {arena_.Copy(field.name), arena_.Copy(field.value)};
  has_trailers_ = !trailers_.empty();
  out_end_ = true;
  Queue({});
  if (!Settled(true)) failure = co_await WaitFlushed(true);
  co_return failure;
}

bool Http2SessionStream::SubmitTrailers() {
  const auto fields = ForNghttp2(trailers_);
  return nghttp2_submit_trailer(session_.raw(), id_, fields.data(), fields.size()) == 0;
}

void Http2SessionStream::Queue(std::string_view body) {
  const bool was_empty = queued() == 0;
  const bool room = queued() + body.size() <= kQueueBytes && session_.queued_bytes + body.size() <= kSessionQueueBytes;
  if (room) {
    if (out_taken_ > kQueueBytes / 2) {
      out_.erase(0, out_taken_);
      out_taken_ = 0;
    }
    out_.append(body);
    session_.queued_bytes += body.size();
  } else {
    view_ = body;
  }
  if (was_empty) {
    stuck_since_ = net::Clock::now();
    sent_bytes_when_stuck_ = sent_bytes_;
    if (!write_deadline_.armed()) {
      write_deadline_.Arm(stuck_since_ + Milliseconds(session_.limits().http2_stuck_window_timeout_ms));
    }
  }
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.raw(), id_);
  }
  session_.ScheduleTurn();
}

bool Http2SessionStream::Flushed(bool to_the_end) const {
  return to_the_end ? end_sent_ : view_.empty();
}

// Everything queued will leave with the next turn.
bool Http2SessionStream::WindowSuffices() const {
  if (session_.write_blocked()) return false;
  const auto fits = [](std::int32_t window, std::size_t bytes) {
    return bytes == 0 || (window > 0 && static_cast<std::size_t>(window) >= bytes);
  };
  return fits(nghttp2_session_get_stream_remote_window_size(session_.raw(), id_), queued()) &&
         fits(nghttp2_session_get_remote_window_size(session_.raw()), session_.queued_bytes);
}

net::Awaitable<Failure> Http2SessionStream::WaitFlushed(bool to_the_end) {
  write_begun_ = false;
  while (!Flushed(to_the_end)) {
    const Failure failure = WriteFailure();
    if (failure) {
      view_ = {};
      co_return failure;
    }
    co_await write_wait_.Wait();
  }
  co_return Failure{};
}

// The stuck-window timer. Counts from when something began to be queued without a break; stops by itself. A client that
// opens its window byte by byte doesn't get around it.
void Http2SessionStream::OnWriteDeadline() {
  if (queued() == 0 && (!out_end_ || end_sent_)) return;
  const http::Limits& limits = session_.limits();
  const auto window = Milliseconds(limits.http2_stuck_window_timeout_ms);
  const net::Clock::time_point now = net::Clock::now();
  if (now - stuck_since_ >= window) {
    const std::uint64_t expected = limits.body_bytes_per_second * limits.http2_stuck_window_timeout_ms / 1000;
    if (sent_bytes_ - sent_bytes_when_stuck_ < std::max<std::uint64_t>(expected, 1)) {
      Abort();
      Fail(Reason::kClientStalled);
      Wake();
      return;
    }
    stuck_since_ = now;
    sent_bytes_when_stuck_ = sent_bytes_;
  }
  write_deadline_.Arm(stuck_since_ + window);
}

Http2SessionStream::Outbound Http2SessionStream::Prepare(std::size_t most) {
  Outbound result;
  // What was dropped must not end as if it were complete: the reset that follows tells the client.
  deferred_ = failed() || reset_by_us_;
  if (deferred_) return result;
  const std::size_t all = queued();
  // One frame comes from one of the two.
  const std::size_t copied = out_.size() - out_taken_;
  result.bytes = std::min(most, copied > 0 ? copied : view_.size());
  result.last = out_end_ && result.bytes == all;
  result.trailers = result.last && has_trailers_;
  deferred_ = result.bytes == 0 && !result.last;
  return result;
}

void Http2SessionStream::TakeOutbound(std::size_t bytes, std::string& out) {
  sent_bytes_ += bytes;
  if (out_taken_ < out_.size()) {
    out.append(out_, out_taken_, bytes);
    out_taken_ += bytes;
    session_.queued_bytes -= bytes;
    if (out_taken_ == out_.size()) {
      out_.clear();
      out_taken_ = 0;
    }
  } else {
    out.append(view_.substr(0, bytes));
    view_.remove_prefix(bytes);
  }
}

void Http2SessionStream::DropOutbound() {
  session_.queued_bytes -= out_.size() - out_taken_;
  out_.clear();
  out_taken_ = 0;
  view_ = {};
}

void Http2SessionStream::OnEndSent() {
  end_sent_ = true;
  // A client that still sends is told to stop, once nobody reads (RFC 9113 section 8.1).
  if (!held_ && !in_end_) {
    reset_by_us_ = true;
    nghttp2_submit_rst_stream(session_.raw(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_NO_ERROR);
  }
}

}  // namespace portreeve::codec
