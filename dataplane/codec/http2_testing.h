// What the tests of HTTP/2 share: a client made of nghttp2, hand-made frames, and a server whose answers are scripted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/codec/http2_server.h"
#include "dataplane/net/fake_transport.h"

struct nghttp2_session;

namespace portreeve::codec::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Frames by hand.
std::string Frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload);
// One literal field without indexing; both shorter than 127 bytes.
std::string Literal(std::string_view name, std::string_view value);
// A GET of that path, as a header block.
std::string GetBlock(std::string_view path);
std::string Number(std::uint32_t value);
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What came back on a stream.
struct Response {
  int status = 0;
  std::vector<int> interim;
  Fields fields;
  Fields trailers;
  std::string body;
  bool ended = false;
  // Error code of RST_STREAM, or of how nghttp2 closed it.
  std::optional<std::uint32_t> reset;
};

// An nghttp2 client. Bytes go to and from it by Send and Receive.
class Http2Client {
 public:
  // `window`: of each stream; the connection's stays 65,535 unless `large` says otherwise.
  explicit Http2Client(std::uint32_t window = 65535, bool update_windows = true);
  ~Http2Client();
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // `body`: nullopt for none. `fields` come after the pseudo-header fields.
  std::int32_t Request(std::string_view method, std::string_view path, Fields fields = {},
                       std::optional<std::string> body = std::nullopt, Fields trailers = {});
  void Reset(std::int32_t stream, std::uint32_t error_code);
  void Ping();
  void UpdateWindow(std::int32_t stream, std::int32_t bytes);

  std::string TakeOutput();
  void Receive(std::string_view bytes);

  Response& response(std::int32_t stream) { return responses_[stream]; }
  // Last stream id and error code of each.
  const std::vector<std::pair<std::int32_t, std::uint32_t>>& goaways() const { return goaways_; }
  bool broken() const { return broken_; }
  std::size_t sent_body_bytes() const { return sent_body_bytes_; }

 private:
  friend struct ClientCallbacks;
  struct Upload {
    std::string body;
    std::size_t sent = 0;
    Fields trailers;
  };

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Response> responses_;
  std::map<std::int32_t, std::unique_ptr<Upload>> uploads_;
  std::vector<std::pair<std::int32_t, std::uint32_t>> goaways_;
  std::size_t sent_body_bytes_ = 0;
  bool broken_ = false;
};

// One connection to an Http2Server. What a request gets depends on its path:
//   /hello  200 "hello", with content-length      /echo   the request's body, piece by piece, and its trailers' absence
//   /big    200 with 1 MiB of body                /hold   nothing: the stream is kept in held
//   /trailers  "x" and grpc-status: 0             /early  103, then 403 without reading the body
//   /abort  200, "x", and Abort                   /drop   let go at once
// Requests that failed their checks are answered with their status.
class Http2Connection final : public Http2Handler {
 public:
  explicit Http2Connection(http::Limits limits = {}, std::string_view early = {});
  ~Http2Connection() override;

  void OnRequest(Http2StreamPtr stream) override;

  // Runs what can run.
  void Turn();
  void RunFor(std::chrono::milliseconds time);
  // Between client and server until both are silent.
  void Talk(Http2Client& client);
  // Raw bytes to the server.
  void Feed(std::string_view bytes);

  http::Limits limits;
  boost::asio::io_context context{1};
  net::DeadlineWheel wheel{context};
  net::FakeTransport transport;
  std::shared_ptr<Http2Server> server;
  std::vector<Http2StreamPtr> held;
  // Of all requests, in order: "GET /path" or the word of why they failed.
  std::vector<std::string> log;
  std::vector<http::Failure> write_failures;
  std::vector<http::Failure> read_failures;
  int cancelled = 0;
  std::size_t echoed_bytes = 0;
  // /echo reads only while this is set.
  bool reading = true;
  std::optional<http::Failure> end;

 private:
  net::Awaitable<void> Run();
  net::Awaitable<void> Serve(Http2StreamPtr stream);
  net::Awaitable<void> Echo(Http2Stream& stream);
  net::Awaitable<void> Answer(Http2Stream& stream, int status, std::string_view body);
};

}  // namespace portreeve::codec::testing
