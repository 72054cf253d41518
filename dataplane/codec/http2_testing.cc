#include "dataplane/codec/http2_testing.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

namespace portreeve::codec::testing {

using http::Failure;

std::string Number(std::uint32_t value) {
  std::string result;
  for (int shift = 24; shift >= 0; shift -= 8) result.push_back(static_cast<char>(value >> shift & 0xFF));
  return result;
}

std::string Frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload) {
  std::string result = Number(static_cast<std::uint32_t>(payload.size())).substr(1);
  result.push_back(static_cast<char>(type));
  result.push_back(static_cast<char>(flags));
  result += Number(static_cast<std::uint32_t>(stream));
  result += payload;
  return result;
}

std::string Literal(std::string_view name, std::string_view value) {
  std::string result(1, '\0');
  result.push_back(static_cast<char>(name.size()));
  result += name;
  result.push_back(static_cast<char>(value.size()));
  result += value;
  return result;
}

std::string GetBlock(std::string_view path) {
  return Literal(":method", "GET") + Literal(":scheme", "http") + Literal(":path", path) +
         Literal(":authority", "a.example");
}

namespace {

std::string Text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> ToNv(const Fields& fields) {
  std::vector<nghttp2_nv> result;
  for (const auto& [name, value] : fields) {
    nghttp2_nv one{};
    one.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
    one.namelen = name.size();
    one.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
    one.valuelen = value.size();
    result.push_back(one);
  }
  return result;
}

}  // namespace

struct ClientCallbacks {
  static Http2Client& Of(void* user_data) { return *static_cast<Http2Client*>(user_data); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
    Response& response = Of(user_data).responses_[frame->hd.stream_id];
    const std::string key = Text(name, name_size);
    if (key == ":status") {
      const int status = std::stoi(Text(value, value_size));
      if (status < 200) response.interim.push_back(status);
      if (status >= 200) response.status = status;
    } else if (response.status == 0) {
      return 0;
    } else if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && !response.fields.empty() && !response.body.empty()) {
      response.trailers.emplace_back(key, Text(value, value_size));
    } else {
      response.fields.emplace_back(key, Text(value, value_size));
    }
    return 0;
  }

  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
                    void* user_data) {
    Of(user_data).responses_[stream].body += Text(data, size);
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Client& client = Of(user_data);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      client.goaways_.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      client.responses_[frame->hd.stream_id].reset = frame->rst_stream.error_code;
    }
    const bool carries_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      client.responses_[frame->hd.stream_id].ended = true;
    }
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session* session, std::int32_t stream, std::uint8_t* out, std::size_t length,
                          std::uint32_t* flags, nghttp2_data_source* source, void* user_data) {
    auto& upload = *static_cast<Http2Client::Upload*>(source->ptr);
    const std::size_t size = std::min(length, upload.body.size() - upload.sent);
    if (size > 0) std::memcpy(out, upload.body.data() + upload.sent, size);
    upload.sent += size;
    Of(user_data).sent_body_bytes_ += size;
    if (upload.sent == upload.body.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!upload.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto fields = ToNv(upload.trailers);
        nghttp2_submit_trailer(session, stream, fields.data(), fields.size());
      }
    }
    return static_cast<ssize_t>(size);
  }
};

Http2Client::Http2Client(std::uint32_t window, bool update_windows) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, ClientCallbacks::OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, ClientCallbacks::OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, ClientCallbacks::OnFrame);
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, update_windows ? 0 : 1);
  nghttp2_session_client_new2(&session_, callbacks, this, options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &setting, 1);
}

Http2Client::~Http2Client() {
  nghttp2_session_del(session_);
}

std::int32_t Http2Client::Request(std::string_view method, std::string_view path, Fields fields,
                                  std::optional<std::string> body, Fields trailers) {
  Fields all = {{":method", std::string(method)}, {":scheme", "http"}, {":authority", "a.example"}};
  all.emplace_back(":path", path);
  for (auto& field : fields) {
    // A field of the same name takes the place of ours; an empty value removes it.
    if (field.first[0] == ':') std::erase_if(all, [&](const auto& one) { return one.first == field.first; });
    if (field.first[0] != ':') continue;
    if (!field.second.empty()) all.insert(all.begin(), field);
  }
  for (auto& field : fields) {
    if (field.first[0] != ':') all.push_back(field);
  }
  const auto nv = ToNv(all);
  if (!body) return nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), nullptr, nullptr);
  auto upload = std::make_unique<Upload>();
  upload->body = *std::move(body);
  upload->trailers = std::move(trailers);
  nghttp2_data_provider provider{};
  provider.source.ptr = upload.get();
  provider.read_callback = ClientCallbacks::ReadBody;
  const std::int32_t stream = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), &provider, nullptr);
  uploads_[stream] = std::move(upload);
  return stream;
}

void Http2Client::Reset(std::int32_t stream, std::uint32_t error_code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, error_code);
}

void Http2Client::Ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void Http2Client::UpdateWindow(std::int32_t stream, std::int32_t bytes) {
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, stream, bytes);
}

std::string Http2Client::TakeOutput() {
  std::string result;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return result;
    result += Text(data, static_cast<std::size_t>(size));
  }
}

void Http2Client::Receive(std::string_view bytes) {
  const ssize_t result =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (result < 0) broken_ = true;
}

// The server.

Http2Connection::Http2Connection(http::Limits given, std::string_view early) : limits(given) {
  transport.BePatient();
  server = Http2Server::Create(transport, wheel, limits, "http", early);
  boost::asio::co_spawn(context.get_executor(), Run(), boost::asio::detached);
  Turn();
}

Http2Connection::~Http2Connection() {
  held.clear();
  if (!end) transport.End(net::IoStatus::kClosed);
  Turn();
  if (!end) server->Cancel();
  Turn();
}

net::Awaitable<void> Http2Connection::Run() {
  const Failure failure = co_await server->Run(*this);
  end = failure;
}

void Http2Connection::Turn() {
  context.restart();
  context.poll();
}

void Http2Connection::RunFor(std::chrono::milliseconds time) {
  // Keeps the loop running while nothing else is due.
  boost::asio::steady_timer timer(context, time);
  timer.async_wait([](const boost::system::error_code&) {});
  context.restart();
  context.run_for(time);
}

void Http2Connection::Feed(std::string_view bytes) {
  transport.Feed(bytes);
  Turn();
}

void Http2Connection::Talk(Http2Client& client) {
  for (;;) {
    const std::string out = client.TakeOutput();
    if (!out.empty()) transport.Feed(out);
    Turn();
    const std::string in = transport.TakeWritten();
    client.Receive(in);
    if (out.empty() && in.empty()) return;
  }
}

void Http2Connection::OnRequest(Http2StreamPtr stream) {
  const http::RequestHead& head = stream->head();
  const Failure failure = stream->head_failure();
  std::string line = std::string(head.method) + " " + std::string(head.path);
  if (failure) line = std::string(http::Describe(failure.reason).word);
  log.push_back(line);
  stream->SetCancelCallback([this] { ++cancelled; });
  if (!failure && head.path == "/drop") return;
  if (!failure && head.path == "/hold") {
    held.push_back(std::move(stream));
    return;
  }
  boost::asio::co_spawn(context.get_executor(), Serve(std::move(stream)), boost::asio::detached);
}

net::Awaitable<void> Http2Connection::Answer(Http2Stream& stream, int status, std::string_view body) {
  http::ResponseHead head;
  head.status = status;
  head.framing = http::Framing::kLength;
  head.content_length = body.size();
  head.headers.Add("X-Test", "yes");
  const Failure failure = co_await stream.WriteHead(head, body, true);
  write_failures.push_back(failure);
}

net::Awaitable<void> Http2Connection::Echo(Http2Stream& stream) {
  http::ResponseHead head;
  head.status = 200;
  head.framing = http::Framing::kChunked;
  const std::string_view nothing;
  Failure failure = co_await stream.WriteHead(head, nothing, false);
  while (!failure) {
    while (!reading) {
      boost::asio::basic_waitable_timer<net::Clock, boost::asio::wait_traits<net::Clock>, net::Executor> pause(
          context.get_executor(), std::chrono::milliseconds(1));
      co_await pause.async_wait(net::kAwait);
    }
    const BodyPiece piece = co_await stream.ReadBody();
    if (piece.failure) {
      read_failures.push_back(piece.failure);
      stream.Abort();
      co_return;
    }
    echoed_bytes += piece.bytes.size();
    failure = co_await stream.WriteBody(piece.bytes, piece.end);
    if (piece.end) break;
  }
  write_failures.push_back(failure);
}

net::Awaitable<void> Http2Connection::Serve(Http2StreamPtr stream) {
  const std::string path(stream->head().path);
  const Failure failed = stream->head_failure();
  http::ResponseHead head;
  head.status = 200;
  head.framing = http::Framing::kChunked;
  Failure failure;
  const std::string_view nothing;
  if (failed) {
    co_await Answer(*stream, http::Describe(failed.reason).status, "");
  } else if (path == "/echo") {
    co_await Echo(*stream);
  } else if (path == "/big") {
    const std::string body(1 << 20, 'b');
    failure = co_await stream->WriteHead(head, nothing, false);
    for (std::size_t at = 0; at < body.size() && !failure; at += 16384) {
      const bool last = at + 16384 >= body.size();
      failure = co_await stream->WriteBody(std::string_view(body).substr(at, 16384), last);
    }
    write_failures.push_back(failure);
  } else if (path == "/trailers") {
    head.headers.Add("content-type", "application/grpc");
    failure = co_await stream->WriteHead(head, "x", false);
    http::HeaderList trailers;
    trailers.Add("Grpc-Status", "0");
    failure = co_await stream->WriteTrailers(trailers);
    write_failures.push_back(failure);
  } else if (path == "/early") {
    head.status = 103;
    head.framing = http::Framing::kNone;
    failure = co_await stream->WriteInterim(head);
    co_await Answer(*stream, 403, "no");
  } else if (path == "/abort") {
    failure = co_await stream->WriteHead(head, "x", false);
    stream->Abort();
  } else {
    co_await Answer(*stream, 200, "hello");
  }
}

}  // namespace portreeve::codec::testing
