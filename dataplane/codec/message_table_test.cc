// Hostile and plain messages with their verdicts: whole and byte by byte, read as a connection reads them.
#include <catch2/catch.hpp>

#include "dataplane/codec/codec_testing.h"
#include "dataplane/codec/http1_serializer.h"

namespace portreeve::codec {
namespace {

using testing::Cut;

const http::Limits kLimits;

// Reads one request with its body. `canonical` is how it would be forwarded.
std::string ReadRequest(std::string_view bytes, Cut cut, std::string& canonical) {
  net::FakeTransport transport;
  net::TestLoop loop;
  testing::FeedAll(transport, bytes, cut);
  const auto server = Http1Server::Create(transport, kLimits, "http", {});
  http::RequestHead head;
  http::Arena arena;
  const auto failure = loop.Run(server->ReadHead(head, arena));
  REQUIRE(failure);
  if (*failure) {
    CHECK(failure->phase == http::Phase::kHead);
    return testing::Word(*failure);
  }
  HeadBuffer buffer;
  REQUIRE(SerializeRequest(head, buffer));
  const testing::BodyResult body = testing::PullBody(loop, *server);
  canonical = std::string(buffer.text()) + body.bytes;
  return testing::Word(body.failure);
}

std::string ReadResponse(std::string_view bytes, Cut cut, std::string& canonical) {
  auto owned = std::make_unique<net::FakeTransport>();
  net::FakeTransport& transport = *owned;
  net::TestLoop loop;
  const auto client = Http1Client::Create(std::move(owned), kLimits);
  http::RequestHead request;
  request.method = "GET";
  request.path = "/";
  request.authority = "a";
  http::Failure sent;
  REQUIRE(client->TrySendHead(request, {}, true, sent));
  REQUIRE_FALSE(sent);
  testing::FeedAll(transport, bytes, cut);
  http::ResponseHead head;
  http::Arena arena;
  do {
    const auto failure = loop.Run(client->ReadHead(head, arena, false, true));
    REQUIRE(failure);
    if (*failure) return testing::Word(*failure);
  } while (head.status < 200);
  canonical = std::to_string(head.status) + "\n" + testing::Dump(head.headers);
  const testing::BodyResult body = testing::PullBody(loop, *client);
  canonical += body.bytes;
  return testing::Word(body.failure);
}

TEST_CASE("requests get their verdict however they are cut") {
  const auto rows = testing::ReadMessageTable("requests.txt");
  REQUIRE(rows.size() > 600);
  for (const testing::MessageRow& row : rows) {
    CAPTURE(row.bytes.substr(0, 2000));
    std::string whole;
    std::string pieces;
    CHECK(ReadRequest(row.bytes, Cut::kNone, whole) == row.verdict);
    CHECK(ReadRequest(row.bytes, Cut::kBytewise, pieces) == row.verdict);
    if (row.verdict == "ok") CHECK(whole == pieces);
  }
}

TEST_CASE("what is forwarded is read again as the same") {
  for (const testing::MessageRow& row : testing::ReadMessageTable("requests.txt")) {
    if (row.verdict != "ok") continue;
    CAPTURE(row.bytes.substr(0, 2000));
    std::string once;
    ReadRequest(row.bytes, Cut::kNone, once);
    if (once.find("Transfer-Encoding") != std::string::npos) continue;  // its body was joined here
    std::string twice;
    CHECK(ReadRequest(once, Cut::kNone, twice) == "ok");
    CHECK(twice == once);
  }
}

TEST_CASE("responses get their verdict however they are cut") {
  const auto rows = testing::ReadMessageTable("responses.txt");
  REQUIRE(rows.size() > 140);
  for (const testing::MessageRow& row : rows) {
    CAPTURE(row.bytes.substr(0, 2000));
    std::string whole;
    std::string pieces;
    CHECK(ReadResponse(row.bytes, Cut::kNone, whole) == row.verdict);
    CHECK(ReadResponse(row.bytes, Cut::kBytewise, pieces) == row.verdict);
    if (row.verdict == "ok") CHECK(whole == pieces);
  }
}

}  // namespace
}  // namespace portreeve::codec
