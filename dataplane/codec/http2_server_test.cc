// Requests and answers over one HTTP/2 connection.
#include "dataplane/codec/http2_server.h"

#include <catch2/catch.hpp>
#include <string>

#include "dataplane/codec/http2_testing.h"

namespace portreeve::codec {
namespace {

using http::Reason;
using testing::Fields;
using testing::Http2Client;
using testing::Http2Connection;
using testing::Response;

constexpr std::uint32_t kProtocolError = 1;

std::string ValueOf(const Fields& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (field.first == name) return field.second;
  }
  return "(none)";
}

std::string ValueOf(const http::HeaderList& headers, std::string_view name) {
  const http::HeaderField* field = headers.Find(name);
  return field == nullptr ? "(none)" : std::string(field->value);
}

}  // namespace

TEST_CASE("A request is answered") {
  Http2Connection connection;
  Http2Client client;
  const auto stream = client.Request("GET", "/hello");
  connection.Talk(client);
  const Response& response = client.response(stream);
  CHECK(response.status == 200);
  CHECK(response.body == "hello");
  CHECK(ValueOf(response.fields, "content-length") == "5");
  CHECK(ValueOf(response.fields, "x-test") == "yes");
  CHECK(response.ended);
  CHECK_FALSE(response.reset);
  CHECK(connection.log == std::vector<std::string>{"GET /hello"});
  CHECK(connection.server->idle());
  CHECK(connection.server->requests() == 1);
}

TEST_CASE("HEAD gets the length and no body") {
  Http2Connection connection;
  Http2Client client;
  const auto stream = client.Request("HEAD", "/hello");
  connection.Talk(client);
  CHECK(ValueOf(client.response(stream).fields, "content-length") == "5");
  CHECK(client.response(stream).body.empty());
  CHECK(client.response(stream).ended);
}

TEST_CASE("A head is normalised like that of HTTP/1") {
  Http2Connection connection;
  Http2Client client;
  client.Request("GET", "/a/../hold?q=1",
                 {{":authority", "A.Example:80"},
                  {"host", "a.example"},
                  {"te", "trailers"},
                  {"cookie", "a=1"},
                  {"x-other", "v"},
                  {"cookie", "b=2"},
                  {"x-forwarded-for", "1.2.3.4"}});
  connection.Talk(client);
  REQUIRE(connection.held.size() == 1);
  const http::RequestHead& head = connection.held[0]->head();
  CHECK(head.method == "GET");
  CHECK(head.path == "/hold");
  CHECK(head.query == "q=1");
  CHECK(head.scheme == "http");
  CHECK(head.authority == "A.Example:80");
  CHECK(head.host == "a.example");
  CHECK(head.version == http::Version::kHttp2);
  CHECK(head.framing == http::Framing::kNone);
  CHECK(ValueOf(head.headers, "cookie") == "a=1; b=2");
  CHECK(ValueOf(head.headers, "x-other") == "v");
  CHECK(head.headers.Find(http::HeaderId::kTe) == nullptr);
  CHECK(head.headers.Find(http::HeaderId::kHost) == nullptr);
  CHECK(head.headers.begin()->id == http::HeaderId::kCookie);
  CHECK(head.headers.size() == 3);
  CHECK(connection.held[0]->body_done());
}

TEST_CASE("Framing of requests") {
  Http2Connection connection;
  Http2Client client;
  client.Request("POST", "/hold", {{"content-length", "3"}, {"expect", "100-continue"}}, "abc");
  client.Request("POST", "/hold", {}, "abc");
  client.Request("POST", "/hold", {{"content-length", "0"}});
  connection.Talk(client);
  REQUIRE(connection.held.size() == 3);
  CHECK(connection.held[0]->head().framing == http::Framing::kLength);
  CHECK(connection.held[0]->head().content_length == 3);
  CHECK(connection.held[0]->head().expect_continue);
  CHECK(connection.held[1]->head().framing == http::Framing::kChunked);
  CHECK(connection.held[2]->head().framing == http::Framing::kLength);
  BodyPiece piece;
  REQUIRE(connection.held[0]->TryReadBody(piece));
  CHECK(piece.bytes == "abc");
  CHECK(piece.end);
  CHECK(connection.held[0]->body_done());
}

TEST_CASE("Heads that mean nothing good are answered with their status") {
  const std::string long_value(5000, 'v');
  struct Row {
    std::string method;
    std::string path;
    Fields fields;
    int status;
    std::string word;
  };
  const Row rows[] = {
      {"GET", "/", {{"host", "b.example"}}, 400, "invalid_host"},
      {"GET", "/", {{":authority", "a.example:x"}}, 400, "invalid_host"},
      {"GET", "/", {{":scheme", "https"}}, 400, "invalid_target"},
      {"GET", "/%zz", {}, 400, "invalid_target"},
      {"GET", "/a#b", {}, 400, "invalid_target"},
      {"GET", "/a\\b", {}, 400, "invalid_target"},
      {"GET", "/%00", {}, 400, "invalid_target"},
      {"GET", "/" + std::string(9000, 'a'), {}, 414, "target_too_long"},
      {"TRACE", "/", {}, 405, "method_not_allowed"},
      {std::string(33, 'M'), "/", {}, 501, "method_not_supported"},
      {"GET", "/", {{"x_y", "1"}}, 400, "invalid_header"},
      {"GET", "/", {{"authorization", "a"}, {"authorization", "b"}}, 400, "invalid_header"},
      {"GET", "/", {{"content-length", "00"}}, 400, "invalid_framing"},
      {"GET", "/", {{"expect", "magic"}}, 417, "expectation_failed"},
      {"GET",
       "/",
       {{"a", long_value},
        {"b", long_value},
        {"c", long_value},
        {"d", long_value},
        {"e", long_value},
        {"f", long_value},
        {"g", long_value}},
       431,
       "header_too_large"},
  };
  for (const Row& row : rows) {
    INFO(row.word << " " << row.method << " " << row.path.substr(0, 20));
    Http2Connection connection;
    Http2Client client;
    const auto stream = client.Request(row.method, row.path, row.fields);
    const auto next = client.Request("GET", "/hello");
    connection.Talk(client);
    CHECK(client.response(stream).status == row.status);
    REQUIRE(connection.log.size() == 2);
    CHECK(connection.log[0] == row.word);
    CHECK(client.response(next).status == 200);
  }
}

TEST_CASE("CONNECT is refused") {
  Http2Connection connection;
  Http2Client client;
  const auto stream = client.Request("CONNECT", "", {{":path", ""}, {":scheme", ""}});
  connection.Talk(client);
  CHECK(client.response(stream).status == 405);
}

TEST_CASE("A host field alone names the authority") {
  Http2Connection connection;
  Http2Client client;
  client.Request("GET", "/hold", {{":authority", ""}, {"host", "h.example"}});
  connection.Talk(client);
  REQUIRE(connection.held.size() == 1);
  CHECK(connection.held[0]->head().host == "h.example");
}

TEST_CASE("Malformed requests are reset and never seen") {
  const Fields rows[] = {
      {{"connection", "close"}},
      {{"transfer-encoding", "chunked"}},
      {{"te", "gzip"}},
      {{"upgrade", "websocket"}},
      {{"keep-alive", "1"}},
      {{"proxy-connection", "x"}},
      {{"x-a", "a\r\nb: c"}},
      {{"x-a", std::string("a\0b", 3)}},
      {{"x-a", " leading"}},
      {{"bad name", "v"}},
      {{"content-length", "1"}},
      {{"content-length", "+0"}},
      {{":path", ""}},
      {{":scheme", ""}},
      {{":method", ""}},
      {{":authority", "a b"}},
      {{":authority", ""}},
      {{":path", "nopath"}},
      {{"content-length", "0"}, {"content-length", "0"}},
  };
  for (const Fields& fields : rows) {
    INFO(fields[0].first << ": " << fields[0].second);
    Http2Connection connection;
    Http2Client client;
    const auto stream = client.Request("GET", "/", fields);
    const auto next = client.Request("GET", "/hello");
    connection.Talk(client);
    CHECK(client.response(stream).reset == kProtocolError);
    CHECK(client.response(next).status == 200);
    CHECK(connection.log == std::vector<std::string>{"GET /hello"});
  }
}

TEST_CASE("The limit of fields: 100 pass, 101 don't; crumbs of cookies count") {
  for (const char* name : {"x-a", "cookie"}) {
    for (const std::size_t count : {100U, 101U}) {
      Http2Connection connection;
      Http2Client client;
      const auto stream = client.Request("GET", "/hello", Fields(count, {name, "v"}));
      connection.Talk(client);
      CHECK(client.response(stream).status == (count == 100 ? 200 : 0));
      CHECK(client.response(stream).reset.has_value() == (count == 101));
    }
  }
}

TEST_CASE("The limit of bytes is exact") {
  for (const int over : {0, 1}) {
    http::Limits limits;
    // What the pseudo-header fields and "a" take, four a line.
    const std::size_t others = 7 + 3 + 4 + 7 + 4 + 4 + 10 + 9 + 4 + 5 + 6 + 4 + 1 + 4;
    limits.header_bytes = others + 100;
    Http2Connection connection(limits);
    Http2Client client;
    const auto stream =
        client.Request("GET", "/hello", {{"a", std::string(static_cast<std::size_t>(100 + over), 'v')}});
    connection.Talk(client);
    CHECK(client.response(stream).status == (over == 0 ? 200 : 431));
  }
}

}  // namespace portreeve::codec
