// A server connection over a scripted transport, for the tests of both its halves.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "dataplane/codec/codec_testing.h"
#include "dataplane/codec/http1_server.h"

namespace portreeve::codec::testing {

// Removes the Date line, which every final answer has.
inline std::string WithoutDate(std::string text) {
  const std::size_t begin = text.find("Date: ");
  if (begin == std::string::npos) return "no date in: " + text;
  return text.erase(begin, text.find("\r\n", begin) + 2 - begin);
}

inline http::ResponseHead Answer(int status, http::Framing framing, std::uint64_t length = 0) {
  http::ResponseHead head;
  head.status = status;
  head.framing = framing;
  head.content_length = length;
  head.has_content_length = framing == http::Framing::kLength;
  return head;
}

struct ServerFixture {
  explicit ServerFixture(const http::Limits& given = {}) : limits(given) {
    server = Http1Server::Create(transport, limits, "http", {});
  }

  http::Failure Read() {
    const auto failure = loop.Run(server->ReadHead(head, arena));
    REQUIRE(failure);
    return *failure;
  }
  http::Failure ReadOk(std::string_view bytes) {
    transport.Feed(bytes);
    const http::Failure failure = Read();
    REQUIRE_FALSE(failure);
    return failure;
  }
  http::Failure Write(const http::ResponseHead& answer, std::string_view body, bool end) {
    const auto failure = loop.Run(server->WriteHead(answer, body, end));
    REQUIRE(failure);
    return *failure;
  }
  bool Finish() {
    const auto kept = loop.Run(server->Finish());
    REQUIRE(kept);
    return *kept;
  }
  // Answers 200 with "ok".
  bool AnswerOk() {
    CHECK_FALSE(Write(Answer(200, http::Framing::kLength, 2), "ok", true));
    return Finish();
  }

  http::Limits limits;
  net::FakeTransport transport;
  net::TestLoop loop;
  http::Arena arena;
  http::RequestHead head;
  std::unique_ptr<Http1Server> server;
};

inline constexpr std::string_view kGet = "GET /x?y HTTP/1.1\r\nHost: a.example\r\nX-Y: z\r\n\r\n";

}  // namespace portreeve::codec::testing
