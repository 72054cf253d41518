// Bodies, flow control, resets, times and the end of an HTTP/2 connection.
#include "dataplane/codec/http2_server.h"

#include <catch2/catch.hpp>
#include <string>

#include "dataplane/codec/http2_testing.h"

namespace portreeve::codec {
namespace {

using http::Reason;
using std::chrono::milliseconds;
using testing::Fields;
using testing::Frame;
using testing::GetBlock;
using testing::Http2Client;
using testing::Http2Connection;
using testing::kPreface;
using testing::Response;

constexpr std::uint32_t kNoError = 0;
constexpr std::uint32_t kProtocolError = 1;
constexpr std::uint32_t kInternalError = 2;
constexpr std::uint32_t kCancel = 8;

std::string ValueOf(const Fields& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (field.first == name) return field.second;
  }
  return "(none)";
}

http::Limits FastLimits() {
  http::Limits limits;
  limits.header_read_timeout_ms = 60;
  limits.body_idle_timeout_ms = 60;
  limits.http2_stuck_window_timeout_ms = 60;
  limits.http2_connection_idle_timeout_ms = 60;
  return limits;
}

}  // namespace

TEST_CASE("Answers of one turn leave in one write") {
  Http2Connection connection;
  Http2Client client;
  connection.Talk(client);
  const std::size_t before = connection.transport.write_calls();
  for (int i = 0; i < 4; ++i) client.Request("GET", "/hello");
  connection.Talk(client);
  CHECK(connection.transport.write_calls() == before + 1);
  CHECK(connection.log.size() == 4);
}

TEST_CASE("Many at once, uploads and downloads, whole and in bits") {
  for (const std::size_t limit : {std::size_t{1} << 30, std::size_t{1000}}) {
    Http2Connection connection;
    connection.transport.LimitWrites(limit);
    Http2Client client;
    std::string body;
    for (int i = 0; i < 200000; ++i) body.push_back(static_cast<char>('a' + i % 26));
    std::vector<std::int32_t> echoes;
    std::vector<std::int32_t> downloads;
    for (int i = 0; i < 20; ++i) echoes.push_back(client.Request("POST", "/echo", {}, body));
    for (int i = 0; i < 5; ++i) downloads.push_back(client.Request("GET", "/big"));
    connection.Talk(client);
    for (const auto stream : echoes) {
      CHECK(client.response(stream).body == body);
      CHECK(client.response(stream).ended);
    }
    for (const auto stream : downloads) CHECK(client.response(stream).body.size() == 1 << 20);
    CHECK(connection.server->idle());
    for (const auto& failure : connection.write_failures) CHECK(failure.reason == Reason::kNone);
  }
}

TEST_CASE("A connection fed byte by byte") {
  Http2Connection connection;
  Http2Client client;
  const auto stream = client.Request("POST", "/echo", {}, "some body");
  const std::string bytes = client.TakeOutput();
  for (const char byte : bytes) connection.Feed({&byte, 1});
  client.Receive(connection.transport.TakeWritten());
  connection.Talk(client);
  CHECK(client.response(stream).body == "some body");
}

TEST_CASE("Bytes that were read before belong to the connection") {
  const std::string early = std::string(kPreface) + Frame(4, 0, 0, "") + Frame(1, 5, 1, GetBlock("/hello"));
  Http2Connection connection(http::Limits(), early);
  connection.Turn();
  CHECK(connection.log == std::vector<std::string>{"GET /hello"});
}

TEST_CASE("A body that isn't pulled fills the window and no more") {
  Http2Connection connection;
  connection.reading = false;
  Http2Client client;
  const auto stream = client.Request("POST", "/echo", {}, std::string(300000, 'u'));
  connection.Talk(client);
  CHECK(client.sent_body_bytes() == 65536);
  connection.reading = true;
  for (int i = 0; i < 50 && !client.response(stream).ended; ++i) {
    connection.RunFor(milliseconds(2));
    connection.Talk(client);
  }
  CHECK(client.response(stream).body.size() == 300000);
}

TEST_CASE("A client that doesn't open its window holds the writer") {
  Http2Connection connection;
  Http2Client client(1000, false);
  const auto stream = client.Request("GET", "/big");
  connection.Talk(client);
  CHECK(client.response(stream).body.size() == 1000);
  CHECK(connection.write_failures.empty());
  client.UpdateWindow(stream, 500);
  connection.Talk(client);
  CHECK(client.response(stream).body.size() == 1500);
  client.UpdateWindow(stream, 2 << 20);
  client.UpdateWindow(0, 2 << 20);
  connection.Talk(client);
  CHECK(client.response(stream).body.size() == 1 << 20);
  CHECK(connection.write_failures.size() == 1);
}

TEST_CASE("A full socket holds everything and loses nothing") {
  Http2Connection connection;
  Http2Client client(1 << 20);
  connection.Talk(client);
  connection.transport.BlockWrites();
  const auto big = client.Request("GET", "/big");
  const auto small = client.Request("GET", "/hello");
  connection.Talk(client);
  CHECK(client.response(small).status == 0);
  connection.transport.UnblockWrites();
  connection.Talk(client);
  CHECK(client.response(small).body == "hello");
  CHECK(client.response(big).body.size() == 1 << 20);
}

TEST_CASE("Trailers go out; those of requests are checked and dropped") {
  Http2Connection connection;
  Http2Client client;
  const auto out = client.Request("POST", "/trailers", {}, "");
  const auto in = client.Request("POST", "/echo", {}, "body", {{"x-trailer", "1"}});
  const auto many = client.Request("POST", "/echo", {}, "body", Fields(21, {"x-trailer", "1"}));
  connection.Talk(client);
  CHECK(client.response(out).body == "x");
  CHECK(ValueOf(client.response(out).trailers, "grpc-status") == "0");
  CHECK(client.response(out).ended);
  CHECK(client.response(in).body == "body");
  CHECK(client.response(in).trailers.empty());
  CHECK(client.response(many).reset == kInternalError);
}

TEST_CASE("Interim answers, and an answer before the body's end stops the client") {
  Http2Connection connection;
  Http2Client client;
  const auto stream = client.Request("POST", "/early", {}, std::string(200000, 'u'));
  connection.Talk(client);
  const Response& response = client.response(stream);
  CHECK(response.interim == std::vector<int>{103});
  CHECK(response.status == 403);
  CHECK(response.body == "no");
  CHECK(response.ended);
  CHECK(response.reset == kNoError);
}

TEST_CASE("Answers that break off are reset") {
  Http2Connection connection;
  Http2Client client;
  const auto abort = client.Request("GET", "/abort");
  const auto drop = client.Request("GET", "/drop");
  const auto next = client.Request("GET", "/hello");
  connection.Talk(client);
  CHECK(client.response(abort).reset == kInternalError);
  CHECK_FALSE(client.response(abort).ended);
  CHECK(client.response(drop).reset == kInternalError);
  CHECK(client.response(next).body == "hello");
}

TEST_CASE("A reset ends the waits, and the slot stays taken until the exchange has ended") {
  http::Limits limits;
  limits.http2_concurrent_streams = 2;
  Http2Connection connection(limits);
  Http2Client client;
  const auto first = client.Request("GET", "/hold");
  client.Request("GET", "/hold");
  connection.Talk(client);
  REQUIRE(connection.held.size() == 2);
  client.Reset(first, kCancel);
  const auto third = client.Request("GET", "/hello");
  connection.Talk(client);
  CHECK(connection.cancelled == 1);
  CHECK(connection.held[0]->PeerGone());
  CHECK(client.response(third).status == 0);
  BodyPiece piece;
  REQUIRE(connection.held[0]->TryReadBody(piece));
  CHECK(piece.failure.reason == Reason::kClientClosed);
  connection.held[0].reset();
  connection.Talk(client);
  CHECK(client.response(third).body == "hello");
}

TEST_CASE("Cancelling the body of a request whose answer is complete doesn't touch the answer") {
  Http2Connection connection;
  Http2Client client;
  connection.Talk(client);
  connection.Feed(Frame(1, 4, 1,
                        testing::Literal(":method", "POST") + testing::Literal(":scheme", "http") +
                            testing::Literal(":path", "/hold") + testing::Literal(":authority", "a")));
  REQUIRE(connection.held.size() == 1);
  http::ResponseHead head;
  head.status = 200;
  http::Failure failure;
  CHECK(connection.held[0]->TryWriteHead(head, "answer", true, failure));
  CHECK_FALSE(failure);
  connection.held[0]->Cancel();
  BodyPiece piece;
  REQUIRE(connection.held[0]->TryReadBody(piece));
  CHECK(piece.failure.reason == Reason::kClientClosed);
  connection.held.clear();
  connection.Turn();
  const std::string written = connection.transport.TakeWritten();
  CHECK(written.find("answer") != std::string::npos);
  CHECK(written.ends_with(Frame(3, 0, 1, testing::Number(kNoError))));
}

TEST_CASE("A try that would wait is continued by the call") {
  Http2Connection connection;
  Http2Client client(3, false);
  const auto stream = client.Request("GET", "/hold");
  connection.Talk(client);
  http::ResponseHead head;
  head.status = 200;
  http::Failure failure;
  CHECK_FALSE(connection.held[0]->TryWriteHead(head, "answer", true, failure));
  bool done = false;
  boost::asio::co_spawn(connection.context.get_executor(), connection.held[0]->WriteHead(head, "answer", true),
                        [&](const std::exception_ptr&, http::Failure result) {
                          done = true;
                          failure = result;
                        });
  connection.Talk(client);
  CHECK_FALSE(done);
  CHECK(client.response(stream).body == "ans");
  client.UpdateWindow(stream, 100);
  connection.Talk(client);
  CHECK(done);
  CHECK_FALSE(failure);
  CHECK(client.response(stream).body == "answer");
  CHECK(ValueOf(client.response(stream).fields, "content-length") == "6");
  CHECK(ValueOf(client.response(stream).fields, "date").ends_with("GMT"));
}

TEST_CASE("A reset while the writer waits") {
  Http2Connection connection;
  Http2Client client(1000, false);
  const auto stream = client.Request("GET", "/big");
  connection.Talk(client);
  client.Reset(stream, kCancel);
  connection.Talk(client);
  CHECK(connection.cancelled == 1);
  REQUIRE(connection.write_failures.size() == 1);
  CHECK(connection.write_failures[0].reason == Reason::kClientClosed);
  CHECK(connection.server->idle());
}

TEST_CASE("A reset while the reader waits") {
  Http2Connection connection;
  Http2Client client;
  connection.Talk(client);
  connection.Feed(Frame(1, 4, 1,
                        testing::Literal(":method", "POST") + testing::Literal(":scheme", "http") +
                            testing::Literal(":path", "/echo") + testing::Literal(":authority", "a")));
  connection.Feed(Frame(3, 0, 1, testing::Number(kCancel)));
  REQUIRE(connection.read_failures.size() == 1);
  CHECK(connection.read_failures[0].reason == Reason::kClientClosed);
  CHECK(connection.server->idle());
}

TEST_CASE("A body longer or shorter than its Content-Length is never complete") {
  for (const char* body : {"abcd", "ab"}) {
    Http2Connection connection;
    Http2Client client;
    const auto stream = client.Request("POST", "/echo", {{"content-length", "3"}}, body);
    connection.Talk(client);
    CHECK(client.response(stream).reset == kProtocolError);
    CHECK_FALSE(client.response(stream).ended);
  }
}

TEST_CASE("Draining: a notice, a round trip, the last word; what runs is finished") {
  Http2Connection connection;
  Http2Client client;
  const auto running = client.Request("GET", "/hold");
  connection.Talk(client);
  connection.server->Drain();
  // Sent before the client saw the notice.
  const auto late = client.Request("GET", "/hello");
  connection.Talk(client);
  REQUIRE(client.goaways().size() == 2);
  CHECK(client.goaways()[0] == std::pair<std::int32_t, std::uint32_t>(0x7FFFFFFF, kNoError));
  CHECK(client.goaways()[1] == std::pair<std::int32_t, std::uint32_t>(late, kNoError));
  CHECK(client.response(late).body == "hello");
  CHECK_FALSE(connection.end);
  http::ResponseHead head;
  head.status = 204;
  boost::asio::co_spawn(connection.context.get_executor(), connection.held[0]->WriteHead(head, {}, true),
                        [](const std::exception_ptr&, http::Failure) {});
  connection.Talk(client);
  CHECK(client.response(running).status == 204);
  CHECK(connection.transport.send_closed());
  connection.held.clear();
  connection.transport.End(net::IoStatus::kClosed);
  connection.Turn();
  REQUIRE(connection.end);
  CHECK(connection.end->reason == Reason::kNone);
  CHECK_FALSE(connection.transport.is_open());
}

TEST_CASE("After so many requests the connection drains by itself") {
  http::Limits limits;
  limits.max_requests_per_connection = 3;
  Http2Connection connection(limits);
  Http2Client client;
  for (int i = 0; i < 3; ++i) {
    const auto stream = client.Request("GET", "/hello");
    connection.Talk(client);
    CHECK(client.response(stream).body == "hello");
  }
  CHECK(client.goaways().size() == 1);  // nghttp2's client is done with the first
  CHECK(connection.transport.send_closed());
}

TEST_CASE("A lost connection cancels what runs") {
  for (const auto status : {net::IoStatus::kClosed, net::IoStatus::kError}) {
    Http2Connection connection;
    Http2Client client;
    client.Request("GET", "/hold");
    client.Request("POST", "/echo", {}, "x");
    connection.Talk(client);
    connection.transport.End(status);
    connection.Turn();
    CHECK(connection.cancelled == 1);
    CHECK_FALSE(connection.end);
    connection.held.clear();
    connection.Turn();
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kClientClosed);
  }
}

TEST_CASE("A stream may outlive its server") {
  auto connection = std::make_unique<Http2Connection>();
  Http2Client client;
  client.Request("GET", "/hold");
  connection->Talk(client);
  Http2StreamPtr stream = std::move(connection->held[0]);
  connection->held.clear();
  connection->server->Cancel();
  connection->Turn();
  CHECK(stream->PeerGone());
  BodyPiece piece;
  CHECK(stream->TryReadBody(piece));
  stream->Abort();
  stream.reset();
  connection->Turn();
  CHECK(connection->end);
}

TEST_CASE("Times: idle, no preface, half a head, a stuck window, a stuck body") {
  SECTION("idle") {
    Http2Connection connection(FastLimits());
    Http2Client client;
    client.Request("GET", "/hello");
    connection.Talk(client);
    connection.RunFor(milliseconds(150));
    connection.Talk(client);
    CHECK(client.goaways() == std::vector<std::pair<std::int32_t, std::uint32_t>>{{1, kNoError}});
    connection.transport.End(net::IoStatus::kClosed);
    connection.Turn();
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kIdleTimeout);
  }
  SECTION("no preface") {
    http::Limits limits = FastLimits();
    limits.http2_connection_idle_timeout_ms = 5000;
    Http2Connection connection(limits);
    connection.Feed("PRI * HT");
    connection.RunFor(milliseconds(150));
    connection.transport.End(net::IoStatus::kClosed);
    connection.Turn();
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kHeaderTimeout);
  }
  SECTION("half a head, while another request runs") {
    http::Limits limits = FastLimits();
    limits.http2_connection_idle_timeout_ms = 5000;
    Http2Connection connection(limits);
    Http2Client client;
    client.Request("GET", "/hold");
    connection.Talk(client);
    connection.RunFor(milliseconds(100));
    CHECK_FALSE(connection.cancelled);
    connection.Feed(Frame(1, 1, 3, GetBlock("/hello")));  // END_HEADERS is missing
    connection.RunFor(milliseconds(150));
    CHECK(connection.cancelled == 1);
    connection.Talk(client);
    CHECK(client.goaways().size() == 1);
    connection.held.clear();
  }
  SECTION("a stuck window") {
    http::Limits limits = FastLimits();
    limits.body_idle_timeout_ms = 5000;
    Http2Connection connection(limits);
    Http2Client client(0, false);
    const auto stream = client.Request("GET", "/big");
    connection.Talk(client);
    // Opened byte by byte: that doesn't count as progress.
    for (int i = 0; i < 20 && !client.response(stream).reset; ++i) {
      client.UpdateWindow(stream, 1);
      connection.Talk(client);
      connection.RunFor(milliseconds(10));
    }
    connection.Talk(client);
    CHECK(client.response(stream).reset == kInternalError);
    REQUIRE(connection.write_failures.size() == 1);
    CHECK(connection.write_failures[0].reason == Reason::kClientStalled);
  }
  SECTION("a stuck body") {
    http::Limits limits = FastLimits();
    limits.http2_connection_idle_timeout_ms = 5000;
    Http2Connection connection(limits);
    Http2Client client;
    connection.Talk(client);
    connection.Feed(Frame(1, 4, 1,
                          testing::Literal(":method", "POST") + testing::Literal(":scheme", "http") +
                              testing::Literal(":path", "/echo") + testing::Literal(":authority", "a")));
    // A byte now and then is less than 256 a second.
    for (int i = 0; i < 12 && connection.read_failures.empty(); ++i) {
      connection.Feed(Frame(0, 0, 1, "x"));
      connection.RunFor(milliseconds(20));
    }
    REQUIRE(connection.read_failures.size() == 1);
    CHECK(connection.read_failures[0].reason == Reason::kBodyTimeout);
  }
  SECTION("a full socket") {
    http::Limits limits = FastLimits();
    limits.http2_connection_idle_timeout_ms = 5000;
    Http2Connection connection(limits);
    Http2Client client(1 << 20);
    connection.Talk(client);
    connection.transport.BlockWrites();
    client.Request("GET", "/hello");
    connection.Talk(client);
    connection.RunFor(milliseconds(200));
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kClientStalled);
  }
}

TEST_CASE("What can't be sent as one head is refused") {
  Http2Connection connection;
  Http2Client client;
  client.Request("GET", "/hold");
  connection.Talk(client);
  const auto write = [&](const http::ResponseHead& head) {
    http::Failure result;
    boost::asio::co_spawn(connection.context.get_executor(), connection.held[0]->WriteHead(head, {}, true),
                          [&](const std::exception_ptr&, http::Failure failure) { result = failure; });
    connection.Turn();
    return result.reason;
  };
  http::ResponseHead head;
  head.status = 200;
  head.headers.Add("x-a", "v\r\nevil: 1");
  CHECK(write(head) == Reason::kInternal);
  head.headers.Clear();
  head.headers.Add("x a", "v");
  CHECK(write(head) == Reason::kInternal);
  head.headers.Clear();
  head.status = 101;
  CHECK(write(head) == Reason::kInternal);
  head.status = 200;
  head.headers.Add("Connection", "close");
  CHECK(write(head) == Reason::kNone);
  connection.Talk(client);
  CHECK(client.response(1).status == 200);
  CHECK(ValueOf(client.response(1).fields, "connection") == "(none)");
}

}  // namespace portreeve::codec
