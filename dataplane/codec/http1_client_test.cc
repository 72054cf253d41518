#include "dataplane/codec/http1_client.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "dataplane/codec/codec_testing.h"

namespace portreeve::codec {
namespace {

using http::Framing;
using http::Reason;
using testing::PullBody;

struct Fixture {
  explicit Fixture(const http::Limits& given = {}) : limits(given) {
    auto owned = std::make_unique<net::FakeTransport>();
    transport = owned.get();
    client = Http1Client::Create(std::move(owned), limits);
    request.method = "GET";
    request.path = "/p";
    request.authority = "a.example:80";
  }

  http::Failure Send(std::string_view body = {}, bool end = true) {
    const auto failure = loop.Run(client->SendHead(request, body, end));
    REQUIRE(failure);
    return *failure;
  }
  http::Failure Read(bool upgrade_asked = false) {
    const auto failure = loop.Run(client->ReadHead(head, arena, request.method == "HEAD", upgrade_asked));
    REQUIRE(failure);
    return *failure;
  }
  // One whole exchange.
  std::string Exchange(std::string_view answer) {
    REQUIRE_FALSE(Send());
    transport->Feed(answer);
    REQUIRE_FALSE(Read());
    const auto body = PullBody(loop, *client);
    REQUIRE_FALSE(body.failure);
    return body.bytes;
  }

  http::Limits limits;
  net::TestLoop loop;
  http::Arena arena;
  http::RequestHead request;
  http::ResponseHead head;
  net::FakeTransport* transport = nullptr;
  std::unique_ptr<Http1Client> client;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok";

TEST_CASE("a request in one write, its answer, and again") {
  Fixture f;
  f.request.headers.Add("X-Y", "z");
  f.request.query = "q=1";
  f.request.has_query = true;
  CHECK(f.Exchange(kOk) == "ok");
  CHECK(f.transport->TakeWritten() == "GET /p?q=1 HTTP/1.1\r\nHost: a.example:80\r\nX-Y: z\r\n\r\n");
  CHECK(f.transport->write_calls() == 1);
  CHECK(f.head.status == 200);
  CHECK(testing::Dump(f.head.headers) == "X: y\n");
  CHECK(f.client->reusable());
  f.client->Park();
  CHECK(f.Exchange(kOk) == "ok");
  CHECK(f.client->reusable());
}

TEST_CASE("request bodies") {
  Fixture f;
  f.request.method = "POST";
  SECTION("of a length") {
    f.request.framing = Framing::kLength;
    f.request.content_length = 10;
    CHECK_FALSE(f.Send("hello", false));
    CHECK_FALSE(*f.loop.Run(f.client->SendBody("world", true)));
    CHECK(f.transport->written() == "POST /p HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 10\r\n\r\nhelloworld");
  }
  SECTION("chunked") {
    f.request.framing = Framing::kChunked;
    CHECK_FALSE(f.Send("hello", false));
    CHECK(f.transport->write_calls() == 1);
    CHECK_FALSE(*f.loop.Run(f.client->SendBody("world", false)));
    CHECK_FALSE(*f.loop.Run(f.client->SendBody({}, true)));
    CHECK(f.transport->written() ==
          "POST /p HTTP/1.1\r\nHost: a.example:80\r\nTransfer-Encoding: "
          "chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n");
  }
  SECTION("too long or too short") {
    f.request.framing = Framing::kLength;
    f.request.content_length = 4;
    CHECK(f.Send("hello", false).reason == Reason::kInternal);
    Fixture g;
    g.request.framing = Framing::kLength;
    g.request.content_length = 4;
    CHECK_FALSE(g.Send("he", false));
    CHECK((*g.loop.Run(g.client->SendBody("l", true))).reason == Reason::kInternal);
    CHECK_FALSE(g.client->reusable());
    Fixture h;
    CHECK(h.Send("x", true).reason == Reason::kInternal);
  }
}

TEST_CASE("a request that would not be well-formed is refused and nothing sent") {
  const auto refused = [](auto change) {
    Fixture f;
    change(f.request);
    CHECK(f.Send().reason == Reason::kInternal);
    CHECK(f.transport->written().empty());
  };
  refused([](http::RequestHead& r) { r.method = "GE T"; });
  refused([](http::RequestHead& r) { r.method = ""; });
  refused([](http::RequestHead& r) { r.method = "CONNECT"; });
  refused([](http::RequestHead& r) { r.path = "/a b"; });
  refused([](http::RequestHead& r) { r.path = ""; });
  refused([](http::RequestHead& r) { r.path = "a"; });
  refused([](http::RequestHead& r) { r.path = "*"; });
  refused([](http::RequestHead& r) { r.path = "/a\r\nX: y"; });
  refused([](http::RequestHead& r) { r.path = "/a?b"; });
  refused([](http::RequestHead& r) { r.query = "a b"; });
  refused([](http::RequestHead& r) { r.query = "a#b"; });
  refused([](http::RequestHead& r) { r.authority = ""; });
  refused([](http::RequestHead& r) { r.authority = "a\r\nX: y"; });
  refused([](http::RequestHead& r) { r.authority = "a b"; });
  refused([](http::RequestHead& r) { r.authority = "u@a"; });
  refused([](http::RequestHead& r) { r.framing = Framing::kUntilClose; });
  refused([](http::RequestHead& r) { r.upgrade = "a b"; });
  refused([](http::RequestHead& r) { r.headers.Add("X Y", "1"); });
  refused([](http::RequestHead& r) { r.headers.Add("", "1"); });
  refused([](http::RequestHead& r) { r.headers.Add("X: y\r\nEvil", "1"); });
  refused([](http::RequestHead& r) { r.headers.Add("X", "a\r\nEvil: 1"); });
  refused([](http::RequestHead& r) { r.headers.Add("X", "a\nb"); });
  refused([](http::RequestHead& r) { r.headers.Add("X", std::string_view("a\0b", 3)); });
  refused([](http::RequestHead& r) { r.headers.Add("Cookie", "a\x7f"); });
  refused([](http::RequestHead& r) { r.headers.Add("X", " a"); });
}

TEST_CASE("fields of the list that the head's members tell are left out") {
  Fixture f;
  f.request.expect_continue = true;
  f.request.framing = Framing::kLength;
  f.request.content_length = 1;
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "TE",
                           "Trailer", "Keep-Alive", "Proxy-Connection"}) {
    f.request.headers.Add(name, "evil");
  }
  CHECK_FALSE(f.Send({}, false));
  CHECK(f.transport->written() ==
        "GET /p HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
}

TEST_CASE("OPTIONS with an asterisk") {
  Fixture f;
  f.request.method = "OPTIONS";
  f.request.path = "*";
  CHECK_FALSE(f.Send());
  CHECK(f.transport->written().starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST_CASE("interim answers come one by one") {
  Fixture f;
  CHECK_FALSE(f.Send());
  f.transport->Feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + std::string(kOk));
  CHECK_FALSE(f.Read());
  CHECK(f.head.status == 100);
  CHECK_FALSE(f.Read());
  CHECK(f.head.status == 103);
  CHECK(testing::Dump(f.head.headers) == "Link: a\n");
  CHECK_FALSE(f.client->reusable());
  http::Failure failure;
  CHECK(f.client->TryReadHead(f.head, f.arena, false, false, failure));
  CHECK(f.head.status == 200);
  CHECK(PullBody(f.loop, *f.client).bytes == "ok");
  CHECK(f.client->reusable());
}

TEST_CASE("bodies of answers") {
  Fixture f;
  SECTION("chunked, with trailers") {
    CHECK(f.Exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no"
                     "k\r\n0\r\nGrpc-Status: 0\r\nAuthorization: x\r\nSet-Cookie: y\r\n\r\n") == "ok");
    CHECK(testing::Dump(f.client->trailers()) == "Grpc-Status: 0\n");
    CHECK(f.client->reusable());
  }
  SECTION("until close") {
    CHECK_FALSE(f.Send());
    f.transport->Feed("HTTP/1.1 200 OK\r\n\r\nall of");
    f.transport->Feed(" it");
    f.transport->End(net::IoStatus::kClosed);
    CHECK_FALSE(f.Read());
    CHECK(f.head.framing == Framing::kUntilClose);
    const auto body = PullBody(f.loop, *f.client);
    CHECK(body.bytes == "all of it");
    CHECK_FALSE(body.failure);
    CHECK_FALSE(f.client->reusable());
  }
  SECTION("until close, but reset") {
    CHECK_FALSE(f.Send());
    f.transport->Feed("HTTP/1.1 200 OK\r\n\r\nhalf");
    f.transport->End(net::IoStatus::kError);
    CHECK_FALSE(f.Read());
    CHECK(PullBody(f.loop, *f.client).failure.reason == Reason::kResponseTruncated);
  }
  SECTION("silent for too long") {
    CHECK_FALSE(f.Send());
    f.transport->Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    CHECK_FALSE(f.Read());
    const auto body = PullBody(f.loop, *f.client);
    CHECK(body.bytes == "he");
    CHECK(body.failure.reason == Reason::kResponseTruncated);
  }
  SECTION("large") {
    const std::string large(500000, 'x');
    CHECK(f.Exchange("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\nX: y\r\n\r\n" + large) == large);
    CHECK(f.head.headers.Find("X")->value == "y");
    CHECK(f.client->reusable());
  }
}

TEST_CASE("answers without a body") {
  struct Row {
    std::string_view method;
    std::string_view answer;
    bool reusable;
    std::uint64_t length;
  };
  const std::initializer_list<Row> rows = {
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n", true, 4096},
      {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 0},
      {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", true, 0},
      {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 2},
      {"GET", "HTTP/1.1 204 No Content\r\n\r\n", true, 0},
      {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true, 0},
      {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", false, 0},
      {"GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false, 0},
      {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true, 7},
      {"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", true, 0},
      {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method, row.answer);
    Fixture f;
    f.request.method = row.method;
    CHECK(f.Exchange(row.answer).empty());
    CHECK(f.head.content_length == row.length);
    CHECK(f.head.has_content_length == (row.length > 0 || row.answer.find("200 OK\r\nContent") != std::string::npos));
    CHECK(f.client->reusable() == row.reusable);
  }
}

TEST_CASE("what keeps a connection from being used again") {
  for (const std::string_view answer : {
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
           "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokextra",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       }) {
    CAPTURE(answer);
    Fixture f;
    CHECK(f.Exchange(answer) == "ok");
    CHECK_FALSE(f.client->reusable());
  }
  // Answered before the request was sent.
  Fixture f;
  f.request.framing = Framing::kLength;
  f.request.content_length = 5;
  CHECK_FALSE(f.Send("he", false));
  f.transport->Feed(kOk);
  CHECK_FALSE(f.Read());
  CHECK(PullBody(f.loop, *f.client).bytes == "ok");
  CHECK_FALSE(f.client->reusable());
}

TEST_CASE("retry is safe only on a used connection without a byte") {
  Fixture f;
  CHECK_FALSE(f.Send());
  f.transport->End(net::IoStatus::kClosed);
  CHECK(f.Read().reason == Reason::kUpstreamReset);
  CHECK_FALSE(f.client->retryable());
  Fixture g;
  CHECK(g.Exchange(kOk) == "ok");
  CHECK_FALSE(g.client->retryable());
  CHECK_FALSE(g.Send());
  g.transport->End(net::IoStatus::kError);
  CHECK(g.Read().reason == Reason::kUpstreamReset);
  CHECK(g.client->retryable());
  Fixture h;
  CHECK(h.Exchange(kOk) == "ok");
  CHECK_FALSE(h.Send());
  h.transport->Feed("HTT");
  h.transport->End(net::IoStatus::kError);
  CHECK(h.Read().reason == Reason::kUpstreamReset);
  CHECK_FALSE(h.client->retryable());
}

TEST_CASE("waits end by the caller's deadline and by cancel") {
  Fixture f;
  CHECK_FALSE(f.Send());
  f.client->transport().SetDeadline(net::Clock::now());
  CHECK(f.Read().reason == Reason::kResponseTimeout);
  Fixture g;
  CHECK_FALSE(g.Send());
  const auto result = g.loop.Start(g.client->ReadHead(g.head, g.arena, false, false));
  CHECK_FALSE(*result);
  g.client->transport().Cancel();
  g.loop.Turn();
  REQUIRE(*result);
  CHECK((*result)->reason == Reason::kUpstreamReset);
}

TEST_CASE("a blocked upload doesn't shorten the wait for the answer") {
  Fixture f;
  f.transport->BePatient();
  f.request.framing = Framing::kChunked;
  CHECK_FALSE(f.Send("x", false));
  const auto answer = f.loop.Start(f.client->ReadHead(f.head, f.arena, false, false));
  f.transport->BlockWrites();
  const auto sent = f.loop.Start(f.client->SendBody("y", true));
  CHECK(f.transport->deadline() < net::Clock::time_point::max());
  f.transport->UnblockWrites();
  f.loop.Turn();
  REQUIRE(*sent);
  CHECK(f.transport->deadline() == net::Clock::time_point::max());
  f.transport->Feed(kOk);
  f.loop.Turn();
  REQUIRE(*answer);
  CHECK_FALSE(**answer);
}

TEST_CASE("writes that break") {
  Fixture f;
  f.transport->BreakWrites();
  CHECK(f.Send().reason == Reason::kUpstreamReset);
  CHECK_FALSE(f.client->reusable());
}

TEST_CASE("upgrades must be asked for and match") {
  constexpr std::string_view kAccept = "Sec-WebSocket-Accept: RWSv+kWdkVxPBY4bpEq6rWHPAH0=\r\n";
  const auto upgraded = [](std::string_view answer, bool asked) {
    auto f = std::make_unique<Fixture>();
    f->request.upgrade = "websocket";
    f->request.headers.Add("Sec-WebSocket-Key", "cG9ydHJlZXZlLW5vbmNlMQ==");
    CHECK_FALSE(f->Send());
    CHECK(f->transport->written().ends_with("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    f->transport->Feed(answer);
    const std::string word = testing::Word(f->Read(asked));
    return std::pair(word, std::move(f));
  };
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::string good = line + "Connection: Upgrade\r\nUpgrade: WebSocket\r\n" + std::string(kAccept) + "\r\nbytes";
  const auto [word, f] = upgraded(good, true);
  CHECK(word == "ok");
  CHECK(f->head.upgrade == "WebSocket");
  CHECK(f->head.headers.Find("Sec-WebSocket-Accept") != nullptr);
  CHECK_FALSE(f->client->reusable());
  std::string_view early;
  CHECK(&f->client->TakeTransport(early) == f->transport);
  CHECK(early == "bytes");

  const std::string names = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  CHECK(upgraded(good, false).first == "upgrade_refused");
  CHECK(upgraded(line + names + "\r\n", true).first == "upgrade_refused");
  CHECK(upgraded(line + names + "Sec-WebSocket-Accept: AAAA\r\n\r\n", true).first == "upgrade_refused");
  CHECK(upgraded(line + names + std::string(kAccept) + std::string(kAccept) + "\r\n", true).first == "upgrade_refused");
  CHECK(upgraded(line + "Upgrade: websocket\r\n" + std::string(kAccept) + "\r\n", true).first == "upgrade_refused");
  CHECK(upgraded(line + "Connection: upgrade\r\n" + std::string(kAccept) + "\r\n", true).first == "upgrade_refused");
  CHECK(upgraded(line + "Connection: upgrade\r\nUpgrade: h2c\r\n" + std::string(kAccept) + "\r\n", true).first ==
        "upgrade_refused");
  CHECK(upgraded(line + names + std::string(kAccept) + "Content-Length: 5\r\n\r\n", true).first ==
        "response_malformed");
  // Declined: a plain answer.
  CHECK(upgraded(std::string(kOk), true).first == "ok");
}

TEST_CASE("hop-by-hop fields of answers are removed, protected ones stay") {
  Fixture f;
  f.Exchange(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive, x-internal, Set-Cookie, Content-Type\r\nX-Internal: 1\r\nKeep-Alive: "
      "5\r\nSet-Cookie: a\r\nContent-Type: b\r\nUpgrade: h2c\r\nTrailer: x\r\nProxy-Authenticate: x\r\nX-Out: "
      "kept\r\nContent-Length: 0\r\n\r\n");
  CHECK(testing::Dump(f.head.headers) == "Set-Cookie: a\nContent-Type: b\nX-Out: kept\n");
}

}  // namespace
}  // namespace portreeve::codec
