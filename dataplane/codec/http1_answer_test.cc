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
using testing::WithoutDate;
using Fixture = testing::ServerFixture;

TEST_CASE("HTTP/1.0 is answered and closed") {
  Fixture f;
  f.ReadOk("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  CHECK_FALSE(f.head.keep_alive);
  CHECK_FALSE(*f.loop.Run(f.server->WriteInterim(Answer(103, Framing::kNone))));
  CHECK(f.transport.written().empty());
  CHECK_FALSE(f.Write(Answer(200, Framing::kChunked), "part", false));
  CHECK_FALSE(*f.loop.Run(f.server->WriteBody("rest", true)));
  CHECK(WithoutDate(f.transport.written()) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npartrest");
  CHECK_FALSE(f.Finish());
  CHECK_FALSE(f.transport.was_reset());
}

TEST_CASE("chunked answers: head and first part in one write") {
  Fixture f;
  f.ReadOk(kGet);
  CHECK_FALSE(f.Write(Answer(200, Framing::kUntilClose), "hello", false));
  CHECK(f.transport.write_calls() == 1);
  CHECK_FALSE(*f.loop.Run(f.server->WriteBody(std::string(20, 'x'), false)));
  CHECK_FALSE(*f.loop.Run(f.server->WriteBody({}, false)));
  http::HeaderList trailers;
  trailers.Add("Grpc-Status", "0");
  CHECK_FALSE(*f.loop.Run(f.server->WriteTrailers(trailers)));
  CHECK(WithoutDate(f.transport.TakeWritten()) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n14\r\n" + std::string(20, 'x') +
            "\r\n0\r\n\r\n");
  CHECK(f.Finish());
  f.ReadOk(kGet);
  CHECK_FALSE(f.Write(Answer(200, Framing::kChunked), "hello", true));
  CHECK(WithoutDate(f.transport.written()) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_CASE("answers without a body: HEAD, 204, 304") {
  struct Row {
    std::string_view method;
    int status;
    Framing framing;
    std::string_view lines;
  };
  const std::initializer_list<Row> rows = {
      {"HEAD", 200, Framing::kLength, "Content-Length: 4096\r\n"},
      {"HEAD", 200, Framing::kChunked, ""},
      {"GET", 204, Framing::kLength, ""},
      {"GET", 204, Framing::kNone, ""},
      {"GET", 304, Framing::kLength, "Content-Length: 4096\r\n"},
      {"GET", 304, Framing::kNone, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.method, row.status, row.framing);
    Fixture f;
    f.ReadOk(std::string(row.method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(f.Write(Answer(row.status, row.framing, 4096), "never sent", false));
    CHECK_FALSE(*f.loop.Run(f.server->WriteBody("nor this", true)));
    CHECK_FALSE(*f.loop.Run(f.server->WriteBody("nor that", true)));
    const std::string phrase(http::ReasonPhrase(row.status));
    CHECK(WithoutDate(f.transport.written()) ==
          "HTTP/1.1 " + std::to_string(row.status) + " " + phrase + "\r\n" + std::string(row.lines) + "\r\n");
    CHECK(f.Finish());
  }
}

TEST_CASE("an answer of unknown framing gets the length of its only part") {
  Fixture f;
  f.ReadOk(kGet);
  CHECK_FALSE(f.Write(Answer(404, Framing::kNone), "gone", true));
  CHECK(WithoutDate(f.transport.written()) == "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
}

TEST_CASE("a body of another length than announced breaks the connection") {
  for (const std::string_view body : {"abc", "abcde"}) {
    Fixture f;
    f.ReadOk(kGet);
    CHECK(f.Write(Answer(200, Framing::kLength, 4), body, true).reason == Reason::kInternal);
    CHECK_FALSE(f.transport.is_open());
    CHECK_FALSE(f.Finish());
  }
}

TEST_CASE("head and answer that would not be well-formed are refused") {
  Fixture f;
  f.ReadOk(kGet);
  http::ResponseHead bad = Answer(200, Framing::kNone);
  bad.headers.Add("X", "a\r\nEvil: 1");
  CHECK(f.Write(bad, {}, true).reason == Reason::kInternal);
  CHECK(f.transport.written().empty());
  // Nothing was sent: another answer may be.
  CHECK(f.AnswerOk());
}

TEST_CASE("hop-by-hop and framing fields of the list are not written; Date is kept") {
  Fixture f;
  f.ReadOk(kGet);
  http::ResponseHead answer = Answer(200, Framing::kLength, 0);
  for (const char* name : {"Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Upgrade", "Trailer"}) {
    answer.headers.Add(name, "5");
  }
  answer.headers.Add("Date", "today");
  answer.headers.Add("Set-Cookie", "a");
  answer.headers.Add("Set-Cookie", "b");
  CHECK_FALSE(f.Write(answer, {}, true));
  CHECK(f.transport.written() ==
        "HTTP/1.1 200 OK\r\nDate: today\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("slow writing: the rest goes out when the socket takes it") {
  for (const std::size_t limit : {1, 3, 64, 1000}) {
    Fixture f;
    f.ReadOk(kGet);
    f.transport.LimitWrites(limit);
    const http::ResponseHead head = Answer(200, Framing::kChunked);
    CHECK_FALSE(f.Write(head, std::string(500, 'a'), false));
    CHECK_FALSE(*f.loop.Run(f.server->WriteBody(std::string(300, 'b'), true)));
    CHECK(WithoutDate(f.transport.written()) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" +
                                                    std::string(500, 'a') + "\r\n12c\r\n" + std::string(300, 'b') +
                                                    "\r\n0\r\n\r\n");
    CHECK(f.Finish());
  }
}

TEST_CASE("a try that would wait goes on in the coroutine") {
  Fixture f;
  f.ReadOk(kGet);
  f.transport.LimitWrites(10);
  const http::ResponseHead head = Answer(200, Framing::kLength, 2);
  http::Failure failure;
  CHECK_FALSE(f.server->TryWriteHead(head, "ok", true, failure));
  CHECK(f.transport.written() == "HTTP/1.1 2");
  CHECK_FALSE(f.Write(head, "ok", true));
  CHECK(WithoutDate(f.transport.written()) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

TEST_CASE("a client that doesn't take the answer, or is gone") {
  Fixture f;
  f.ReadOk(kGet);
  f.transport.BlockWrites();
  CHECK(f.Write(Answer(200, Framing::kLength, 2), "ok", true).reason == Reason::kClientStalled);
  CHECK_FALSE(f.Finish());
  Fixture g;
  g.ReadOk(kGet);
  g.transport.BreakWrites();
  CHECK(g.Write(Answer(200, Framing::kLength, 2), "ok", true).reason == Reason::kClientClosed);
}

TEST_CASE("interim answers go out before the final one only") {
  Fixture f;
  f.ReadOk(kGet);
  http::ResponseHead hints = Answer(103, Framing::kNone);
  hints.headers.Add("Link", "</a>");
  CHECK_FALSE(*f.loop.Run(f.server->WriteInterim(hints)));
  CHECK(f.transport.TakeWritten() == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  CHECK((*f.loop.Run(f.server->WriteInterim(Answer(200, Framing::kNone)))).reason == Reason::kInternal);
  CHECK((*f.loop.Run(f.server->WriteInterim(Answer(101, Framing::kNone)))).reason == Reason::kInternal);
  CHECK(f.Write(Answer(103, Framing::kNone), {}, true).reason == Reason::kInternal);
  CHECK(f.AnswerOk());
}

TEST_CASE("upgrade: the transport and the early bytes are handed over") {
  Fixture f;
  f.ReadOk(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cG9ydHJlZXZlLW5vbmNlMQ==\r\n\r\nearly");
  CHECK(f.head.upgrade == "WebSocket");
  http::ResponseHead answer = Answer(101, Framing::kNone);
  answer.upgrade = "websocket";
  answer.headers.Add("Sec-WebSocket-Accept", "x");
  CHECK_FALSE(f.Write(answer, {}, true));
  CHECK(WithoutDate("Date: \r\n" + f.transport.written()) ==
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n\r\n");
  CHECK_FALSE(f.server->TryFinish());
  std::string_view early;
  CHECK(f.server->TakeTransport(early) == &f.transport);
  CHECK(early == "early");
  CHECK(f.transport.deadline() == net::Clock::time_point::max());
}

TEST_CASE("the last request of a connection is told to be it") {
  http::Limits limits;
  limits.max_requests_per_connection = 2;
  Fixture f(limits);
  f.ReadOk(kGet);
  CHECK(f.AnswerOk());
  f.ReadOk(kGet);
  CHECK_FALSE(f.AnswerOk());
  CHECK(f.transport.written().find("Connection: close") != std::string::npos);
}

TEST_CASE("a connection that has served long enough is told so with its next answer") {
  http::Limits limits;
  limits.max_connection_age_ms = 1;
  Fixture old(limits);
  const auto past = net::Clock::now() + std::chrono::milliseconds(2);
  while (net::Clock::now() < past) {
  }
  old.ReadOk(kGet);
  CHECK_FALSE(old.AnswerOk());
  limits.max_connection_age_ms = 0;  // for ever
  Fixture ageless(limits);
  ageless.ReadOk(kGet);
  CHECK(ageless.AnswerOk());
}

TEST_CASE("abort and close after") {
  Fixture f;
  f.ReadOk(kGet);
  CHECK_FALSE(f.Write(Answer(200, Framing::kChunked), "part", false));
  f.server->Abort();
  CHECK_FALSE(f.transport.is_open());
  CHECK(f.transport.written().find("\r\n0\r\n") == std::string::npos);
  CHECK_FALSE(f.Finish());
  // Nothing else would tell this client that the body isn't whole.
  Fixture g;
  g.ReadOk("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  CHECK_FALSE(g.Write(Answer(200, Framing::kChunked), "part", false));
  g.server->Abort();
  CHECK(g.transport.was_reset());
  Fixture h;
  h.ReadOk(kGet);
  h.server->CloseAfter();
  CHECK_FALSE(h.AnswerOk());
}

}  // namespace
}  // namespace portreeve::codec
