#include <catch2/catch.hpp>
#include <initializer_list>
#include <memory>
#include <string>

#include "dataplane/codec/http1_server_fixture.h"

namespace portreeve::codec {
namespace {

using http::Framing;
using http::Reason;
using testing::Answer;
using testing::kGet;
using testing::PullBody;
using testing::WithoutDate;
using Fixture = testing::ServerFixture;

TEST_CASE("a request is read and answered, and the connection is kept") {
  Fixture f;
  CHECK_FALSE(f.server->idle());
  f.ReadOk(kGet);
  CHECK(f.head.method == "GET");
  CHECK(f.head.path == "/x");
  CHECK(f.head.query == "y");
  CHECK(f.head.host == "a.example");
  CHECK(f.head.scheme == "http");
  CHECK(testing::Dump(f.head.headers) == "X-Y: z\n");
  CHECK(f.server->body_done());
  CHECK_FALSE(f.Write(Answer(200, Framing::kLength, 2), "ok", true));
  CHECK(WithoutDate(f.transport.TakeWritten()) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(f.transport.write_calls() == 1);
  CHECK(f.server->TryFinish());
  f.ReadOk(kGet);
  CHECK(f.AnswerOk());
  f.transport.End(net::IoStatus::kClosed);
  CHECK(f.Read().reason == Reason::kClientClosed);
}

TEST_CASE("pipelined requests are served in order from the buffer") {
  Fixture f;
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  f.transport.Feed(bytes);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE_FALSE(f.Read());
    REQUIRE(f.head.path == "/" + std::to_string(i));
    REQUIRE(f.AnswerOk());
  }
  CHECK(f.transport.read_calls() < 10);
  CHECK(f.Read().reason == Reason::kIdleTimeout);
}

TEST_CASE("an invalid pipelined request ends the connection after the answers before it") {
  Fixture f;
  f.transport.Feed(std::string(kGet) + "GET / HTTP/1.1\r\n\r\n" + std::string(kGet));
  CHECK_FALSE(f.Read());
  CHECK(f.AnswerOk());
  f.transport.TakeWritten();
  CHECK(f.Read().reason == Reason::kInvalidHost);
  CHECK(f.head.method == "GET");
  CHECK(f.head.path == "/");
  CHECK_FALSE(f.Write(Answer(400, Framing::kLength, 0), {}, true));
  CHECK(WithoutDate(f.transport.TakeWritten()) ==
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  CHECK_FALSE(f.Finish());
  CHECK(f.transport.send_closed());
  CHECK_FALSE(f.transport.is_open());
  CHECK_FALSE(f.transport.was_reset());
}

TEST_CASE("the request behind a body in one packet is the next one") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + std::string(kGet));
  const auto body = PullBody(f.loop, *f.server);
  CHECK(body.bytes == "hello");
  CHECK(f.AnswerOk());
  CHECK_FALSE(f.Read());
  CHECK(f.head.path == "/x");
}

TEST_CASE("timeouts before and in a head") {
  Fixture f;
  CHECK(f.Read().reason == Reason::kIdleTimeout);
  Fixture g;
  g.transport.Feed("GET / HT");
  CHECK(g.Read().reason == Reason::kHeaderTimeout);
  CHECK_FALSE(g.Write(Answer(408, Framing::kLength, 0), {}, true));
  CHECK(g.transport.written().find("Connection: close\r\n") != std::string::npos);
  CHECK_FALSE(g.Finish());
}

TEST_CASE("the header timeout runs from the first byte and isn't moved by later ones") {
  Fixture f;
  f.transport.BePatient();
  const auto result = f.loop.Start(f.server->ReadHead(f.head, f.arena));
  CHECK(f.server->idle());
  f.transport.Feed("G");
  f.loop.Turn();
  CHECK_FALSE(f.server->idle());
  const auto first = f.transport.deadline();
  f.transport.Feed("E");
  f.loop.Turn();
  CHECK(f.transport.deadline() == first);
  f.transport.Feed("T / HTTP/1.1\r\nHost: a\r\n\r\n");
  f.loop.Turn();
  REQUIRE(*result);
  CHECK_FALSE(**result);
}

TEST_CASE("limits of the head: below, at and above") {
  const auto verdict = [](const http::Limits& limits, const std::string& bytes) {
    Fixture f(limits);
    f.transport.Feed(bytes);
    f.transport.End(net::IoStatus::kClosed);
    return testing::Word(f.Read());
  };
  http::Limits limits;
  for (const int more : {-1, 0, 1}) {
    CAPTURE(more);
    const auto n = [more](std::uint64_t limit) { return limit + static_cast<std::uint64_t>(more); };
    const std::string line = std::string(n(limits.request_line_bytes) - 14, 'p');
    CHECK(verdict(limits, "GET /" + line + " HTTP/1.1\r\nHost: a\r\n\r\n") == (more > 0 ? "target_too_long" : "ok"));
    const std::string block = std::string(n(limits.header_bytes) - 9 - 5, 'v');
    CHECK(verdict(limits, "GET / HTTP/1.1\r\nHost: a\r\nX: " + block + "\r\n\r\n") ==
          (more > 0 ? "header_too_large" : "ok"));
    std::string lines;
    for (std::uint64_t i = 1; i < n(limits.header_count); ++i) lines += "X: y\r\n";
    CHECK(verdict(limits, "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n") == (more > 0 ? "too_many_headers" : "ok"));
    CHECK(verdict(limits, std::string(n(limits.method_bytes), 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n") ==
          (more > 0 ? "method_not_supported" : "ok"));
  }
  // Far above, and never ending: refused as soon as it is too much.
  CHECK(verdict(limits, "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + std::string(200000, 'c')) == "header_too_large");
  CHECK(verdict(limits, "GET /" + std::string(200000, 'c')) == "target_too_long");
  limits.header_bytes = 61440;
  CHECK(verdict(limits, "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + std::string(61000, 'c') + "\r\n\r\n") == "ok");
}

TEST_CASE("Connection: close is kept to") {
  Fixture f;
  f.ReadOk("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n");
  CHECK_FALSE(f.AnswerOk());
  CHECK(f.transport.written().find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK_FALSE(f.transport.is_open());
}

TEST_CASE("bodies are pulled as they come") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  BodyPiece piece;
  REQUIRE(f.server->TryReadBody(piece));
  CHECK(piece.bytes == "hel");
  CHECK_FALSE(piece.end);
  CHECK_FALSE(f.server->TryReadBody(piece));
  f.transport.Feed("lo\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n");
  piece = *f.loop.Run(f.server->ReadBody());
  CHECK(piece.bytes == "lo!");
  CHECK(piece.end);
  CHECK(f.server->body_done());
  // The head stays readable while the body is read.
  CHECK(f.head.path == "/");
  CHECK(f.AnswerOk());
}

TEST_CASE("a large body goes through one buffer while the head stays") {
  Fixture f;
  const std::string field(9000, 'h');
  const std::string body(300000, 'b');
  f.ReadOk("POST /p HTTP/1.1\r\nHost: a\r\nX: " + field + "\r\nContent-Length: 300000\r\n\r\n" + body.substr(0, 7000));
  f.transport.Feed(body.substr(7000));
  const auto pulled = PullBody(f.loop, *f.server);
  CHECK(pulled.bytes == body);
  CHECK_FALSE(pulled.failure);
  CHECK(f.head.headers.Find("X")->value == field);
  CHECK(f.head.path == "/p");
  CHECK(f.AnswerOk());
}

TEST_CASE("body timeouts") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  const auto body = PullBody(f.loop, *f.server);
  CHECK(body.bytes == "he");
  CHECK(body.failure.reason == Reason::kBodyTimeout);
  CHECK(body.failure.phase == http::Phase::kBody);
  CHECK_FALSE(f.Write(Answer(408, Framing::kLength, 0), {}, true));
  CHECK(f.transport.written().find("Connection: close") != std::string::npos);
  CHECK_FALSE(f.Finish());
}

TEST_CASE("a body too slow on average is ended") {
  http::Limits limits;
  limits.body_idle_timeout_ms = 0;  // every wait is judged
  limits.body_bytes_per_second = 256;
  Fixture f(limits);
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  f.transport.FeedBytewise("hello");
  // Less than a second was waited for: any amount is enough.
  CHECK(PullBody(f.loop, *f.server).bytes == "hello");
}

TEST_CASE("Expect: 100-continue") {
  constexpr std::string_view kExpect =
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  SECTION("continued") {
    Fixture f;
    f.ReadOk(kExpect);
    CHECK(f.head.expect_continue);
    CHECK(f.head.headers.empty());
    CHECK_FALSE(*f.loop.Run(f.server->WriteInterim(Answer(100, Framing::kNone))));
    CHECK(f.transport.TakeWritten() == "HTTP/1.1 100 Continue\r\n\r\n");
    f.transport.Feed("hello");
    CHECK(PullBody(f.loop, *f.server).bytes == "hello");
    CHECK(f.AnswerOk());
  }
  SECTION("answered at once: the connection closes") {
    Fixture f;
    f.ReadOk(kExpect);
    CHECK_FALSE(f.AnswerOk());
    CHECK(f.transport.written().find("Connection: close") != std::string::npos);
  }
}

TEST_CASE("an early answer: a short rest of the body is read, a long one ends the connection") {
  SECTION("short") {
    Fixture f;
    f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    CHECK_FALSE(f.Write(Answer(200, Framing::kLength, 2), "ok", true));
    f.transport.Feed("llo");
    f.transport.Feed(kGet);
    CHECK(f.Finish());
    CHECK_FALSE(f.Read());
    CHECK(f.head.path == "/x");
  }
  SECTION("it doesn't come") {
    Fixture f;
    f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    CHECK_FALSE(f.AnswerOk());
    CHECK_FALSE(f.transport.is_open());
  }
  SECTION("long") {
    Fixture f;
    f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhe");
    CHECK_FALSE(f.AnswerOk());
    CHECK(f.transport.written().find("Connection: close") != std::string::npos);
  }
  SECTION("invalid chunks in the rest") {
    Fixture f;
    f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    CHECK_FALSE(f.Write(Answer(200, Framing::kLength, 2), "ok", true));
    f.transport.Feed("!\r\n0\r\n\r\n" + std::string(kGet));
    CHECK_FALSE(f.Finish());
  }
}

TEST_CASE("draining") {
  SECTION("ends an idle wait") {
    Fixture f;
    f.transport.BePatient();
    const auto result = f.loop.Start(f.server->ReadHead(f.head, f.arena));
    CHECK(f.server->idle());
    f.server->Drain();
    f.loop.Turn();
    REQUIRE(*result);
    CHECK((*result)->reason == Reason::kDraining);
  }
  SECTION("the answer in hand says close") {
    Fixture f;
    f.ReadOk(kGet);
    f.server->Drain();
    CHECK_FALSE(f.AnswerOk());
    CHECK(f.transport.written().find("Connection: close") != std::string::npos);
  }
  SECTION("a request that came before its end is still served") {
    Fixture f;
    f.ReadOk(kGet);
    CHECK_FALSE(f.Write(Answer(200, Framing::kLength, 2), "ok", true));
    f.server->Drain();
    CHECK(f.Finish());
    CHECK(f.Read().reason == Reason::kDraining);
  }
}

TEST_CASE("cancel ends a wait for the body") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  f.transport.BePatient();
  const auto piece = f.loop.Start(f.server->ReadBody());
  CHECK_FALSE(*piece);
  f.server->Cancel();
  f.loop.Turn();
  REQUIRE(*piece);
  CHECK((*piece)->failure.reason == Reason::kClientClosed);
}

TEST_CASE("bytes that were read before the codec was made") {
  net::FakeTransport transport;
  net::TestLoop loop;
  const http::Limits limits;
  const auto server = Http1Server::Create(transport, limits, "https", "GET /early HTTP/1.1\r\nHo");
  http::RequestHead head;
  http::Arena arena;
  transport.Feed("st: a\r\n\r\n");
  CHECK_FALSE(*loop.Run(server->ReadHead(head, arena)));
  CHECK(head.path == "/early");
  CHECK(head.scheme == "https");
}

TEST_CASE("a pull and a write run at the same time") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  f.transport.BePatient();
  const auto piece = f.loop.Start(f.server->ReadBody());
  f.transport.BlockWrites();
  const http::ResponseHead head = Answer(200, Framing::kLength, 2);
  const auto written = f.loop.Start(f.server->WriteHead(head, "ok", true));
  CHECK_FALSE(*piece);
  CHECK_FALSE(*written);
  f.transport.Feed("hello");
  f.loop.Turn();
  REQUIRE(*piece);
  CHECK((*piece)->bytes == "hello");
  CHECK_FALSE(*written);
  f.transport.UnblockWrites();
  f.loop.Turn();
  REQUIRE(*written);
  CHECK_FALSE(**written);
  CHECK(f.Finish());
}

TEST_CASE("the answer to an invalid body says close") {
  Fixture f;
  f.ReadOk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  BodyPiece piece;
  REQUIRE(f.server->TryReadBody(piece));
  CHECK(piece.failure.reason == Reason::kInvalidBody);
  CHECK_FALSE(f.Write(Answer(400, Framing::kLength, 0), {}, true));
  CHECK(f.transport.written().find("Connection: close") != std::string::npos);
  CHECK_FALSE(f.Finish());
}

}  // namespace
}  // namespace portreeve::codec
