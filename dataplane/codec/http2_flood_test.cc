// Attacks on one HTTP/2 connection, each in miniature: what they reach, and how they end.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "dataplane/codec/http2_cost.h"
#include "dataplane/codec/http2_testing.h"

namespace portreeve::codec {
namespace {

using http::Reason;
using testing::Frame;
using testing::GetBlock;
using testing::Http2Client;
using testing::Http2Connection;
using testing::kPreface;
using testing::Literal;
using testing::Number;

constexpr int kUnits = 20000;
constexpr std::uint64_t kMaxRequests = 150;
constexpr std::uint32_t kEnhanceYourCalm = 11;
constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPing = 6, kWindowUpdate = 8,
                       kContinuation = 9;
constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;

struct Outcome {
  std::uint64_t requests = 0;
  int units = 0;
  bool ended = false;
  std::uint32_t goaway = 0;
  Reason reason = Reason::kNone;
};

// Sends units until the connection ends. `read`: the attacker takes what we send.
Outcome Attack(const std::function<std::string(std::int32_t)>& unit, bool read = true, int batch = 1) {
  http::Limits limits;
  // However slow the machine is, next to nothing is forgiven meanwhile.
  limits.http2_resets_per_second = 1;
  Http2Connection connection(limits);
  if (!read) connection.transport.BlockWrites();
  connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, ""));
  std::string received;
  Outcome outcome;
  while (outcome.units < kUnits && !connection.end && !connection.transport.send_closed()) {
    std::string bytes;
    for (int i = 0; i < batch; ++i) bytes += unit(2 * outcome.units++ + 1);
    connection.Feed(bytes);
    connection.held.clear();
    if (read) received += connection.transport.TakeWritten();
  }
  outcome.ended = connection.end.has_value() || connection.transport.send_closed();
  if (!outcome.ended) {
    // With a full socket the GOAWAY can't leave; the connection ends a second later.
    connection.RunFor(std::chrono::milliseconds(1200));
    outcome.ended = connection.end.has_value();
  }
  connection.transport.End(net::IoStatus::kClosed);
  connection.Turn();
  received += connection.transport.TakeWritten();
  outcome.requests = connection.server->requests();
  if (connection.end) outcome.reason = connection.end->reason;
  // The error code of the last GOAWAY.
  for (std::size_t at = 0; at + 9 <= received.size();) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(received[at + i]));
    };
    const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == 7) outcome.goaway = byte(13) << 24 | byte(14) << 16 | byte(15) << 8 | byte(16);
    at += 9 + size;
  }
  return outcome;
}

void CheckFlood(const Outcome& outcome, int most_units = 2500) {
  CHECK(outcome.ended);
  CHECK(outcome.reason == Reason::kFlood);
  CHECK(outcome.goaway == kEnhanceYourCalm);
  CHECK(outcome.requests <= kMaxRequests);
  CHECK(outcome.units <= most_units);
}

std::string Get(std::int32_t stream, std::string_view path = "/hold") {
  return Frame(kHeaders, kEndStream | kEndHeaders, stream, GetBlock(path));
}

std::string Post(std::int32_t stream, std::string_view extra = "") {
  return Frame(kHeaders, kEndHeaders, stream, GetBlock("/hold") + std::string(extra));
}

std::string Rst(std::int32_t stream) {
  return Frame(kRst, 0, stream, Number(8));
}

}  // namespace

TEST_CASE("F1 rapid reset") {
  CheckFlood(Attack([](std::int32_t stream) { return Get(stream) + Rst(stream); }));
  // Many in one packet hardly reach the handler at all.
  const Outcome packed = Attack([](std::int32_t stream) { return Get(stream) + Rst(stream); }, true, 50);
  CheckFlood(packed);
  CHECK(packed.requests <= 8);
  // Reset a turn later, when the request is running.
  CheckFlood(Attack([](std::int32_t stream) { return (stream > 1 ? Rst(stream - 2) : "") + Get(stream); }));
}

TEST_CASE("F2 streams that we are made to reset") {
  const std::function<std::string(std::int32_t)> units[] = {
      [](std::int32_t stream) { return Get(stream) + Frame(kWindowUpdate, 0, stream, Number(0x7FFFFFFF)); },
      [](std::int32_t stream) { return Post(stream, Literal("content-length", "1")) + Frame(kData, 0, stream, "abc"); },
      [](std::int32_t stream) {
        return Post(stream, Literal("content-length", "5")) + Frame(kData, kEndStream, stream, "abc");
      },
      [](std::int32_t stream) {
        return Frame(kHeaders, kEndStream | kEndHeaders, stream, GetBlock("/hold") + Literal("x-a", "a\r\nb"));
      },
      [](std::int32_t stream) {
        return Frame(kHeaders, kEndStream | kEndHeaders, stream, GetBlock("/hold") + Literal("Upper", "a"));
      },
      [](std::int32_t stream) {
        return Frame(kHeaders, kEndStream | kEndHeaders, stream, GetBlock("/hold") + Literal("connection", "a"));
      },
      [](std::int32_t stream) {
        return Post(stream) + Frame(kHeaders, kEndStream | kEndHeaders, stream, Literal(":path", "/"));
      },
  };
  for (const auto& unit : units) CheckFlood(Attack(unit), 150);
  // Those that nghttp2 itself answers with GOAWAY.
  const std::function<std::string(std::int32_t)> fatal[] = {
      [](std::int32_t stream) { return Get(stream) + Frame(kWindowUpdate, 0, stream, Number(0)); },
      [](std::int32_t stream) { return Get(stream) + Frame(kPriority, 0, stream, "1234"); },
      [](std::int32_t stream) { return Get(stream) + Get(stream); },
      [](std::int32_t stream) { return Get(stream) + Frame(kData, 0, stream, "x"); },
  };
  for (const auto& unit : fatal) {
    const Outcome outcome = Attack(unit);
    CHECK(outcome.ended);
    CHECK(outcome.requests <= kMaxRequests);
    CHECK(outcome.units <= 150);
  }
}

TEST_CASE("F3 CONTINUATION without end") {
  int frames = 0;
  const Outcome outcome = Attack([&](std::int32_t) {
    return ++frames == 1 ? Frame(kHeaders, kEndStream, 1, GetBlock("/hold"))
                         : Frame(kContinuation, 0, 1, Literal("x-a", "v"));
  });
  CHECK(outcome.ended);
  CHECK(outcome.units <= 11);
  CHECK(outcome.requests == 0);
}

TEST_CASE("F4 a header block that outgrows its bound as it is sent") {
  // Indexed fields of one byte each, in few frames: nghttp2 would take all of it.
  Http2Connection connection;
  connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, ""));
  connection.Feed(Frame(kHeaders, kEndStream, 1, GetBlock("/hold")));
  int frames = 0;
  while (frames < 8 && !connection.end && !connection.transport.send_closed()) {
    connection.Feed(Frame(kContinuation, 0, 1, std::string(16000, '\x90')));
    ++frames;
  }
  // Two of the limits for a head together, 16 KiB at a time.
  CHECK(frames <= 6);
  CHECK(connection.transport.send_closed());
  CHECK(connection.server->requests() == 0);
}

TEST_CASE("F4, F5 header blocks that swell") {
  // One entry of 4,000 bytes in the dynamic table, then references to it of one byte each.
  std::string entry;
  entry += "\x40\x03x-a";
  entry += "\x7f\xa1\x1e";  // 127 + 33 + 30 * 128 = 4000
  entry += std::string(4000, 'v');
  const std::string bomb = GetBlock("/hello") + entry + std::string(12000, '\xbe');
  Http2Connection connection;
  connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, ""));
  for (int stream = 1; stream < 80; stream += 2) {
    if (connection.end || connection.transport.send_closed()) break;
    connection.Feed(Frame(kHeaders, kEndStream | kEndHeaders, stream, bomb));
  }
  CHECK(connection.transport.send_closed());
  CHECK(connection.server->requests() == 0);
  // Twenty references stay below the number of fields, and above the number of bytes.
  Http2Connection other;
  other.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, ""));
  other.Feed(Frame(kHeaders, kEndStream | kEndHeaders, 1, GetBlock("/hello") + entry + std::string(20, '\xbe')));
  CHECK(other.log == std::vector<std::string>{"header_too_large"});
}

TEST_CASE("Heads of all streams together are bounded") {
  http::Limits limits;
  Http2Connection connection(limits);
  Http2Client client;
  for (int i = 0; i < 60; ++i) {
    client.Request("GET", "/hold", {{"x-a", std::string(15000, 'v')}, {"x-b", std::string(15000, 'v')}});
  }
  connection.Talk(client);
  CHECK(connection.held.size() >= 30);
  CHECK(connection.held.size() <= 37);
  CHECK(connection.log.back() == "header_too_large");
}

TEST_CASE("F6 floods of frames that do nothing") {
  const std::function<std::string(std::int32_t)> units[] = {
      [](std::int32_t) { return Frame(kPing, 0, 0, "12345678"); },
      [](std::int32_t) { return Frame(kPing, 1, 0, "12345678"); },
      [](std::int32_t) { return Frame(kSettings, 0, 0, ""); },
      [](std::int32_t) { return Frame(kSettings, 0, 0, std::string("\0\1", 2) + Number(4096)); },
      [](std::int32_t stream) { return Frame(kPriority, 0, stream, std::string("\0\0\0\0\1", 5)); },
      [](std::int32_t) { return Frame(kWindowUpdate, 0, 0, Number(1)); },
      [](std::int32_t) { return Frame(0x77, 0, 0, "whatever"); },
      [](std::int32_t) { return Frame(0x77, 0, 1, ""); },
      [](std::int32_t stream) { return (stream == 1 ? Post(1) : "") + Frame(kData, 0, 1, ""); },
      [](std::int32_t stream) { return (stream == 1 ? Post(1) : "") + Frame(kData, 8, 1, std::string("\1\0", 2)); },
      [](std::int32_t stream) { return (stream == 1 ? Post(1) : "") + Frame(kWindowUpdate, 0, 1, Number(1)); },
  };
  for (const auto& unit : units) {
    // DATA for a stream that is gone costs less, as a client may not know yet.
    const int most = unit(3).size() < 13 && unit(3)[3] == kData ? 2100 : 450;
    CheckFlood(Attack(unit), most);
    const Outcome packed = Attack(unit, true, 100);
    CHECK(packed.ended);
    CHECK(packed.units <= most + 200);
  }
  // With a full socket it ends just as well.
  CHECK(Attack(units[0], false).ended);
  CHECK(Attack(units[2], false).ended);
}

TEST_CASE("DATA for streams that are gone") {
  const Outcome outcome =
      Attack([](std::int32_t stream) { return (stream == 1 ? Post(1) + Rst(1) : "") + Frame(kData, 0, 1, "x"); });
  CHECK(outcome.ended);
  CHECK(outcome.units <= 2500);
}

TEST_CASE("F7, F8 windows that stay closed hold little") {
  Http2Connection connection;
  Http2Client client(0, false);
  for (int i = 0; i < 100; ++i) client.Request("GET", "/big");
  connection.Talk(client);
  CHECK(connection.log.size() == 100);
  CHECK(connection.write_failures.empty());
  connection.transport.End(net::IoStatus::kClosed);
  connection.Turn();
  CHECK(connection.write_failures.size() == 100);
}

TEST_CASE("F9 frames for a stream after its reset, in one packet") {
  const std::string hello = std::string(kPreface) + Frame(kSettings, 0, 0, "");
  {
    Http2Connection connection;
    connection.Feed(hello + Post(1) + Frame(kData, 0, 1, "abc") + Rst(1) + Frame(kData, kEndStream, 1, "def"));
    CHECK(connection.held.empty());
    CHECK(connection.transport.send_closed());
  }
  Http2Connection connection;
  connection.Feed(hello + Post(1) + Frame(kData, 0, 1, "abc"));
  REQUIRE(connection.held.size() == 1);
  connection.Feed(Rst(1) + Frame(kWindowUpdate, 0, 1, Number(1)) + Frame(kData, kEndStream, 1, "def"));
  BodyPiece piece;
  REQUIRE(connection.held[0]->TryReadBody(piece));
  CHECK(piece.failure.reason == Reason::kClientClosed);
  CHECK(connection.cancelled == 1);
}

TEST_CASE("F10 frames after we gave up") {
  for (const char* garbage : {"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
    Http2Connection connection;
    connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, "") + Get(1, "/hello"));
    connection.Feed(Frame(kData, 0, 0, "x") + garbage + Get(3) + Rst(3) + Frame(kSettings, 1, 3, "bad"));
    connection.Feed(Get(5) + garbage);
    connection.Feed(garbage);
    connection.transport.End(net::IoStatus::kClosed);
    connection.Turn();
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kProtocolError);
    CHECK(connection.log == std::vector<std::string>{"GET /hello"});
  }
}

TEST_CASE("No HTTP/2 at all") {
  for (const char* bytes : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "\x16\x03\x01"}) {
    Http2Connection connection;
    connection.Feed(bytes);
    connection.transport.End(net::IoStatus::kClosed);
    connection.Turn();
    REQUIRE(connection.end);
    CHECK(connection.end->reason == Reason::kProtocolError);
    CHECK(connection.log.empty());
  }
}

TEST_CASE("A stream below one that was opened is an error, if it never was open itself") {
  Http2Connection connection;
  connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, "") + Get(1, "/hello") + Get(5, "/hello"));
  connection.Feed(Get(7, "/hello") + Get(3, "/hello"));
  connection.transport.End(net::IoStatus::kClosed);
  connection.Turn();
  REQUIRE(connection.end);
  CHECK(connection.end->reason == Reason::kProtocolError);
  CHECK(connection.log.size() <= 3);
}

TEST_CASE("Too many streams at once") {
  http::Limits limits;
  limits.http2_concurrent_streams = 5;
  Http2Connection connection(limits);
  connection.Feed(std::string(kPreface) + Frame(kSettings, 0, 0, "") + Frame(kSettings, 1, 0, ""));
  std::string bytes;
  for (int stream = 1; stream < 40; stream += 2) bytes += Get(stream);
  connection.Feed(bytes);
  CHECK(connection.held.size() <= 5);
}

TEST_CASE("A busy client that reads its answers is no flood") {
  Http2Connection connection;
  Http2Client client(1 << 20);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int32_t> streams;
    for (int i = 0; i < 10; ++i) streams.push_back(client.Request("POST", "/echo", {}, std::string(3000, 'x')));
    client.Ping();
    connection.Talk(client);
    for (const auto stream : streams) REQUIRE(client.response(stream).ended);
  }
  for (int i = 0; i < 3; ++i) client.Request("GET", "/big");
  connection.Talk(client);
  CHECK(client.goaways().empty());
  CHECK(connection.log.size() == 3003);
}

TEST_CASE("Above three quarters the connection drains, and what runs goes on") {
  Http2Connection connection;
  Http2Client client;
  const auto running = client.Request("GET", "/hold");
  connection.Talk(client);
  for (int i = 0; i < 74; ++i) {
    const auto stream = client.Request("POST", "/hold", {}, "x");
    connection.Talk(client);
    client.Reset(stream, 8);
    connection.Talk(client);
    connection.held.resize(1);
  }
  REQUIRE_FALSE(client.goaways().empty());
  CHECK(client.goaways()[0].second == 0);
  CHECK_FALSE(client.response(running).reset);
  CHECK_FALSE(connection.end);
}

TEST_CASE("The bucket drains with time and refunds what was served") {
  http::Limits limits;
  Http2Cost cost(limits);
  const auto start = net::Clock::now();
  for (int i = 0; i < 99; ++i) cost.OnReset();
  CHECK(cost.verdict() == Http2Cost::Verdict::kDrain);
  cost.OnReset();
  CHECK(cost.verdict() == Http2Cost::Verdict::kClose);
  cost.Advance(start + std::chrono::milliseconds(1000));
  CHECK(cost.level() <= 2000 - 600);
  cost.Advance(start + std::chrono::seconds(60));
  CHECK(cost.level() == 0);
  for (int i = 0; i < 5000; ++i) {
    cost.OnFrame();
    cost.OnServed(1);
  }
  CHECK(cost.level() == 0);
}

}  // namespace portreeve::codec
