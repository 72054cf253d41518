#include "dataplane/codec/message_checks.h"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>

#include "dataplane/codec/codec_testing.h"
#include "dataplane/tls/websocket_accept.h"

namespace portreeve::codec {
namespace {

using http::Reason;

// A request head that was read from text.
struct Checked {
  explicit Checked(std::string given) : text(std::move(given)) {
    REQUIRE(parser.Parse(text) == Http1HeadParser::Status::kComplete);
    reason = CheckRequest(parser, "http", arena, head);
  }

  const std::string text;
  const http::Limits limits;
  Http1HeadParser parser{Http1HeadParser::Kind::kRequest, limits};
  http::Arena arena;
  http::RequestHead head;
  Reason reason;
};

std::string Get(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

std::string Forwarded(std::string_view lines) {
  const Checked checked(Get(lines));
  CHECK(checked.reason == Reason::kNone);
  return testing::Dump(checked.head.headers);
}

TEST_CASE("fields about the connection are removed, and those that Connection names") {
  CHECK(Forwarded("Connection: close, X-Hop\r\nX-Hop: 1\r\nx-hop-by: 2\r\n") == "x-hop-by: 2\n");
  CHECK(Forwarded("X-Hop: 1\r\nConnection: x-hop\r\nX-HOP: 2\r\n").empty());
  CHECK(Forwarded("Connection: a\r\nA: 1\r\nConnection: b\r\nB: 2\r\nC: 3\r\n") == "C: 3\n");
  CHECK(Forwarded("Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\n"
                  "HTTP2-Settings: x\r\nProxy-Authorization: x\r\nProxy-Authenticate: x\r\n")
            .empty());
  CHECK(Forwarded("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n").empty());
  CHECK(Forwarded("Connection: \"x\", @, ,,\r\nX: 1\r\n") == "X: 1\n");
}

TEST_CASE("fields that Connection can't remove") {
  for (const char* name :
       {"Authorization", "Cookie", "Set-Cookie", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Anything",
        "Forwarded", "X-Request-Id", "X-Real-IP", "Content-Type", "Content-Encoding", "Date", "Via", "Origin",
        "X-Forwarded-Client-Cert", "Sec-WebSocket-Key"}) {
    const std::string field = std::string(name) + ": 1";
    CHECK(Forwarded("Connection: close, " + std::string(name) + "\r\n" + field + "\r\n") == field + "\n");
  }
  const Checked checked("POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length\r\nContent-Length: 3\r\n\r\n");
  CHECK(checked.reason == Reason::kNone);
  CHECK(checked.head.host == "a");
  CHECK(checked.head.content_length == 3);
  const Checked chunked(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(chunked.head.framing == http::Framing::kChunked);
}

TEST_CASE("an upgrade is kept only when it is a whole WebSocket handshake") {
  constexpr std::string_view kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  constexpr std::string_view kRest = "Sec-WebSocket-Version: 13\r\n";
  const auto upgrade = [](std::string_view first, std::initializer_list<std::string_view> lines) {
    std::string text = std::string(first) + " HTTP/1.1\r\nHost: a\r\n";
    for (std::string_view line : lines) text += line;
    const Checked checked(text + "\r\n");
    CHECK(checked.reason == Reason::kNone);
    CHECK(checked.head.headers.Find(http::HeaderId::kUpgrade) == nullptr);
    return std::string(checked.head.upgrade);
  };
  CHECK(upgrade("GET /", {"Connection: Upgrade\r\nUpgrade: websocket\r\n", kKey, kRest}) == "websocket");
  CHECK(upgrade("GET /", {"Connection: a, UPGRADE\r\nUpgrade: WebSocket\r\n", kKey, kRest}) == "WebSocket");
  CHECK(upgrade("GET /", {"Connection: upgrade\r\nUpgrade: h2c, websocket\r\n", kKey, kRest}) == "websocket");
  CHECK(upgrade("GET /", {"Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n", kKey, kRest}) ==
        "websocket");
  for (std::string_view lines : {
           "Upgrade: websocket\r\n",
           "Connection: close\r\nUpgrade: websocket\r\n",
           "Connection: upgrade\r\n",
           "Connection: upgrade\r\nUpgrade: foo\r\n",
           "Connection: upgrade\r\nUpgrade: h2c\r\n",
           "Connection: upgrade\r\nUpgrade: websocket/13\r\n",
           "Connection: upgrade\r\nUpgrade:\r\n",
       }) {
    CHECK(upgrade("GET /", {lines, kKey, kRest}).empty());
  }
  constexpr std::string_view kAsk = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  CHECK(upgrade("POST /", {kAsk, kKey, kRest}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey, kRest, "Content-Length: 5\r\n"}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey, kRest, "Transfer-Encoding: chunked\r\n"}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey}).empty());
  CHECK(upgrade("GET /", {kAsk, kRest}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey, "Sec-WebSocket-Version: 8\r\n"}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey, kRest, kRest}).empty());
  CHECK(upgrade("GET /", {kAsk, kKey, kKey, kRest}).empty());
  CHECK(upgrade("GET /", {kAsk, "Sec-WebSocket-Key: short==\r\n", kRest}).empty());
  const Checked old("GET / HTTP/1.0\r\nHost: a\r\n" + std::string(kAsk) + std::string(kKey) + std::string(kRest) +
                    "\r\n");
  CHECK(old.head.upgrade.empty());
}

TEST_CASE("WebSocket keys") {
  CHECK(IsWebSocketKey("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(IsWebSocketKey("AAAAAAAAAAAAAAAAAAAAAA=="));
  CHECK(IsWebSocketKey("+/+/+/+/+/+/+/+/+/+/+w=="));
  for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
                          "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ=a", "dGhlIHNhbXBsZSBub25j ZQ==",
                          "dGhlIHNhbXBsZSBub25j_Q==", "=====================A==", "dGhlIHNhbXBsZSBub25jZQ==\n"}) {
    CHECK_FALSE(IsWebSocketKey(key));
  }
  // RFC 6455 section 1.3.
  CHECK(tls::WebSocketAccept("dGhlIHNhbXBsZSBub25jZQ==").text() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("absolute form: the target's authority is the one that is forwarded") {
  const Checked checked("GET http://A.example:80/x/../y?z HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n");
  CHECK(checked.reason == Reason::kNone);
  CHECK(checked.head.authority == "A.example:80");
  CHECK(checked.head.host == "a.example");
  CHECK(checked.head.path == "/y");
  CHECK(checked.head.query == "z");
  CHECK(checked.head.scheme == "http");
  const Checked query("GET http://a?z HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(query.head.path == "/");
  CHECK(query.head.query == "z");
  const Checked options("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(options.head.path == "*");
}

TEST_CASE("Expect is told apart from the fields") {
  const Checked checked("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
  CHECK(checked.head.expect_continue);
  CHECK(checked.head.headers.empty());
  CHECK_FALSE(Checked(Get("Expect: 100-continue\r\n")).head.expect_continue);
  CHECK_FALSE(
      Checked("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").head.expect_continue);
}

TEST_CASE("keep-alive") {
  CHECK(Checked(Get("")).head.keep_alive);
  CHECK_FALSE(Checked(Get("Connection: close\r\n")).head.keep_alive);
  CHECK_FALSE(Checked(Get("Connection: keep-alive, Close\r\n")).head.keep_alive);
  CHECK_FALSE(Checked("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
}

TEST_CASE("a refused head tells only what the log needs") {
  const Checked checked("GET /secret?x HTTP/1.1\r\nHost: a\r\nCookie: b\r\nContent-Length: x\r\n\r\n");
  CHECK(checked.reason == Reason::kInvalidFraming);
  CHECK(checked.head.method == "GET");
  CHECK(checked.head.path == "/secret?x");
  CHECK(checked.head.headers.empty());
  CHECK(checked.head.host.empty());
  CHECK(checked.head.framing == http::Framing::kNone);
}

TEST_CASE("lengths") {
  CHECK(ParseContentLength("0") == 0);
  CHECK(ParseContentLength("999999999999999999") == 999999999999999999);
  for (const char* text : {"", "00", "01", "+1", "-1", " 1", "1 ", "1,1", "1000000000000000000", "0x1", "a"}) {
    CHECK_FALSE(ParseContentLength(text));
  }
}

TEST_CASE("trailers never frame, route or authenticate") {
  http::HeaderList trailers;
  const RawField good[] = {{"Grpc-Status", "0"},  {"Authorization", "x"}, {"X-Forwarded-For", "x"},
                           {"Cookie", "x"},       {"Connection", "x"},    {"TE", "x"},
                           {"Content-Type", "x"}, {"X-Sum", "1"}};
  CHECK(CheckTrailers(good, trailers) == Reason::kNone);
  CHECK(testing::Dump(trailers) == "Grpc-Status: 0\nX-Sum: 1\n");
  for (const char* name : {"Content-Length", "transfer-encoding", "HOST"}) {
    const RawField bad[] = {{name, "1"}};
    CHECK(CheckTrailers(bad, trailers) == Reason::kInvalidBody);
  }
}

}  // namespace
}  // namespace portreeve::codec
