#include "dataplane/codec/http2_callbacks.h"

#include <nghttp2/nghttp2.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "dataplane/codec/http2_memory.h"
#include "dataplane/codec/http2_session.h"

namespace portreeve::codec {

using http::Reason;

namespace {

constexpr std::uint8_t kDrainPing[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
// Of all heads that are being received or served on a connection, together.
constexpr std::size_t kMaxHeadBytes = 1024 * 1024;

std::string_view Text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

Http2Session& SessionOf(void* user_data) {
  return *static_cast<Http2Session*>(user_data);
}

Http2SessionStream* StreamOf(nghttp2_session* session, std::int32_t id) {
  return static_cast<Http2SessionStream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

// A friend of the session's. Nothing in here resumes an exchange: nghttp2 is on the stack.
struct Http2Callbacks {
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd*, void* user_data);
  static int OnFrame(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data);
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame*, int, void* user_data);
  static int OnBeginHeaders(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data);
  static int OnHeader(nghttp2_session* raw, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data);
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                             const std::uint8_t*, std::size_t, std::uint8_t, void* user_data);
  static int OnDataChunk(nghttp2_session* raw, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                         std::size_t size, void* user_data);
  static int OnStreamClose(nghttp2_session* raw, std::int32_t id, std::uint32_t error_code, void* user_data);
  static int OnFrameSent(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data);
  static int OnFrameNotSent(nghttp2_session* raw, const nghttp2_frame* frame, int, void* user_data);
  static int SendData(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header, std::size_t size,
                      nghttp2_data_source* source, void* user_data);

 private:
  static void OnHeaders(nghttp2_session* raw, const nghttp2_frame& frame, Http2Session& session);
  static void OnData(nghttp2_session* raw, const nghttp2_frame& frame, Http2Session& session);
  static bool AddTrailer(Http2Session& session, std::size_t bytes);
  // Stops in the middle of what has been read, when the client is over its limit.
  static int Verdict(const Http2Session& session) {
    return session.cost_.verdict() == Http2Cost::Verdict::kClose ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }
};

// CONTINUATION isn't told, so a header block has ended when another frame begins.
int Http2Callbacks::OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd*, void* user_data) {
  SessionOf(user_data).head_in_progress_ = false;
  return 0;
}

int Http2Callbacks::OnBeginHeaders(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  session.head_in_progress_ = true;
  session.trailer_count_ = session.trailer_bytes_ = 0;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  Http2SessionStream& stream = session.OpenStream(frame->hd.stream_id);
  session.in_head_ = &stream;
  session.cost_.OnDataSent();
  nghttp2_session_set_stream_user_data(raw, frame->hd.stream_id, &stream);
  return 0;
}

bool Http2Callbacks::AddTrailer(Http2Session& session, std::size_t bytes) {
  session.trailer_bytes_ += bytes;
  return ++session.trailer_count_ <= session.limits_.trailer_count &&
         session.trailer_bytes_ <= session.limits_.trailer_bytes;
}

int Http2Callbacks::OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                             std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                             void* user_data) {
  Http2Session& session = SessionOf(user_data);
  bool accepted = false;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && session.in_head_ != nullptr) {
    Http2RequestFields& fields = session.in_head_->fields();
    const std::size_t before = fields.bytes();
    if (session.head_bytes_ > kMaxHeadBytes) fields.Overflow();
    accepted = fields.Add(Text(name, name_size), Text(value, value_size), session.limits_, session.in_head_->arena());
    session.head_bytes_ += fields.bytes() - before;
  } else {
    accepted = AddTrailer(session, name_size + value_size);
  }
  if (accepted) return 0;
  session.cost_.OnMalformed();
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// Without this nghttp2 would drop the field and take the rest.
int Http2Callbacks::OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                                    const std::uint8_t*, std::size_t, std::uint8_t, void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void Http2Callbacks::OnHeaders(nghttp2_session* raw, const nghttp2_frame& frame, Http2Session& session) {
  session.head_in_progress_ = false;
  Http2SessionStream* stream = StreamOf(raw, frame.hd.stream_id);
  if (stream == nullptr) return;
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    session.in_head_ = nullptr;
    stream->SetHead(session.scheme_, !end, session.limits_);
    stream->in_ready_list = true;
    session.ready_.push_back(stream);
  } else if (end) {
    stream->TakeEnd();
    session.WakeLater(*stream);
  }
}

void Http2Callbacks::OnData(nghttp2_session* raw, const nghttp2_frame& frame, Http2Session& session) {
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool empty = frame.hd.length <= frame.data.padlen;
  if (empty && !end) session.cost_.OnControlFrame();
  Http2SessionStream* stream = StreamOf(raw, frame.hd.stream_id);
  if (stream == nullptr) return;
  if (!empty) stream->CountFrame();
  if (!end) return;
  stream->TakeEnd();
  session.WakeLater(*stream);
}

int Http2Callbacks::OnFrame(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      OnHeaders(raw, *frame, session);
      break;
    case NGHTTP2_DATA:
      OnData(raw, *frame, session);
      break;
    case NGHTTP2_RST_STREAM:
      session.cost_.OnReset();
      break;
    case NGHTTP2_SETTINGS:
      session.greeted_ = true;
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
          std::memcmp(frame->ping.opaque_data, kDrainPing, sizeof(kDrainPing)) == 0) {
        session.FinalGoaway();
      }
      break;
    default:
      break;
  }
  return Verdict(session);
}

int Http2Callbacks::OnInvalidFrame(nghttp2_session*, const nghttp2_frame*, int, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  session.head_in_progress_ = false;
  session.cost_.OnMalformed();
  return Verdict(session);
}

int Http2Callbacks::OnDataChunk(nghttp2_session* raw, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                                std::size_t size, void* user_data) {
  Http2SessionStream* stream = StreamOf(raw, id);
  if (stream == nullptr || !stream->TakeData(Text(data, size))) {
    nghttp2_session_consume(raw, id, size);
    return 0;
  }
  SessionOf(user_data).WakeLater(*stream);
  return 0;
}

int Http2Callbacks::OnStreamClose(nghttp2_session* raw, std::int32_t id, std::uint32_t error_code, void* user_data) {
  Http2SessionStream* stream = StreamOf(raw, id);
  if (stream != nullptr) SessionOf(user_data).CloseStream(*stream, error_code == NGHTTP2_NO_ERROR);
  return 0;
}

int Http2Callbacks::OnFrameSent(nghttp2_session* raw, const nghttp2_frame* frame, void* user_data) {
  Http2Session& session = SessionOf(user_data);
  Http2SessionStream* stream = StreamOf(raw, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      session.cost_.OnDataSent();
      if (stream != nullptr && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->OnEndSent();
        session.WakeLater(*stream);
      }
      break;
    case NGHTTP2_RST_STREAM:
      if (stream != nullptr && stream->reset_by_us()) break;
      // nghttp2 does this when the client breaks a rule.
      session.cost_.OnReset();
      if (stream != nullptr) stream->Fail(Reason::kProtocolError);
      break;
    case NGHTTP2_GOAWAY:
      // The answer to this PING comes after every request that was under way when the client saw the notice. nghttp2
      // would send it first if it were submitted together with the notice.
      if (session.drain_begun_ && !std::exchange(session.drain_ping_sent_, true)) SubmitDrainPing(raw);
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR && session.end_reason_ == Reason::kNone) {
        session.end_reason_ = Reason::kProtocolError;
      }
      break;
    default:
      break;
  }
  return 0;
}

int Http2Callbacks::OnFrameNotSent(nghttp2_session* raw, const nghttp2_frame* frame, int, void* user_data) {
  Http2SessionStream* stream = StreamOf(raw, frame->hd.stream_id);
  if (stream == nullptr || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
  if (stream->failed() || stream->reset_by_us()) return 0;
  // A head that doesn't fit what the client takes, most likely.
  stream->Abort();
  stream->Fail(Reason::kInternal);
  SessionOf(user_data).WakeLater(*stream);
  return 0;
}

int Http2Callbacks::SendData(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header, std::size_t size,
                             nghttp2_data_source* source, void* user_data) {
  constexpr std::size_t kFrameHeaderBytes = 9;
  Http2Session& session = SessionOf(user_data);
  auto& stream = *static_cast<Http2SessionStream*>(source->ptr);
  session.output_->append(Text(frame_header, kFrameHeaderBytes));
  stream.TakeOutbound(size, *session.output_);
  if (stream.writer_waits()) session.WakeLater(stream);
  return 0;
}

namespace {

// Shared by all sessions, never changed, never freed.
const nghttp2_session_callbacks* Callbacks() {
  static nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* result = nullptr;
    if (nghttp2_session_callbacks_new(&result) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(result, Http2Callbacks::OnBeginFrame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(result, Http2Callbacks::OnFrame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(result, Http2Callbacks::OnInvalidFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(result, Http2Callbacks::OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(result, Http2Callbacks::OnHeader);
    nghttp2_session_callbacks_set_on_invalid_header_callback(result, Http2Callbacks::OnInvalidHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(result, Http2Callbacks::OnDataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(result, Http2Callbacks::OnStreamClose);
    nghttp2_session_callbacks_set_on_frame_send_callback(result, Http2Callbacks::OnFrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(result, Http2Callbacks::OnFrameNotSent);
    nghttp2_session_callbacks_set_send_data_callback(result, Http2Callbacks::SendData);
    return result;
  }();
  return callbacks;
}

const nghttp2_option* Options() {
  static nghttp2_option* const options = [] {
    nghttp2_option* result = nullptr;
    if (nghttp2_option_new(&result) != 0) std::abort();
    nghttp2_option_set_no_auto_window_update(result, 1);
    nghttp2_option_set_max_continuations(result, 8);
    nghttp2_option_set_max_outbound_ack(result, 1000);
    return result;
  }();
  return options;
}

void* Allocate(std::size_t size, void*) {
  return Http2Memory::Get().Allocate(size);
}
void Free(void* block, void*) {
  Http2Memory::Get().Free(block);
}
void* AllocateZeroed(std::size_t count, std::size_t size, void*) {
  return Http2Memory::Get().AllocateZeroed(count, size);
}
void* Reallocate(void* block, std::size_t size, void*) {
  return Http2Memory::Get().Reallocate(block, size);
}

nghttp2_mem* Memory() {
  static nghttp2_mem memory{nullptr, Allocate, Free, AllocateZeroed, Reallocate};
  return &memory;
}

}  // namespace

nghttp2_session* NewServerSession(Http2Session& owner) {
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new3(&session, Callbacks(), &owner, Options(), Memory()) != 0) {
    std::fputs("no memory for an HTTP/2 session\n", stderr);
    std::abort();
  }
  return session;
}

void SubmitSettings(nghttp2_session* session, const http::Limits& limits) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(limits.http2_concurrent_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(limits.http2_stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.header_bytes)},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits.http2_connection_window_bytes));
}

void SubmitDrainPing(nghttp2_session* session) {
  nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, kDrainPing);
}

}  // namespace portreeve::codec
