#include "dataplane/codec/chunked_decoder.h"

#include <catch2/catch.hpp>
#include <string>

#include "dataplane/codec/codec_testing.h"

namespace portreeve::codec {
namespace {

struct Outcome {
  std::string data;
  std::string rest;
  bool done = false;
  bool failed = false;
};

// Gives the decoder `first` bytes, then `step` at a time.
Outcome DecodeCut(const std::string& input, std::size_t first, std::size_t step) {
  const http::Limits limits;
  ChunkedDecoder decoder(limits);
  Outcome outcome;
  std::size_t at = 0;
  std::size_t size = first;
  while (at < input.size() && !decoder.done() && !decoder.failed()) {
    std::string piece = input.substr(at, size);
    const auto result = decoder.Decode(piece.data(), piece.size());
    outcome.data += result.data;
    at += result.consumed;
    if (!decoder.done() && !decoder.failed()) REQUIRE(result.consumed == piece.size());
    size = step;
  }
  outcome.done = decoder.done();
  outcome.failed = decoder.failed();
  if (outcome.done) outcome.rest = input.substr(at) + "|" + testing::Dump(decoder.trailers());
  return outcome;
}

TEST_CASE("the same however the bytes are cut") {
  for (const std::string& input : {
           std::string("5\r\nhello\r\n6;a=\"b\\\"c\";d\r\n world\r\n0\r\n\r\nGET / HTTP/1.1\r\n"),
           std::string("a\r\n0123456789\r\n00\r\nX-Sum: 1\r\nY: 2\r\n\r\nrest"),
           std::string("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
           std::string("5\r\nhello\r\n5\r\nworld!\r\n0\r\n\r\n"),
           std::string("3\r\n\r\n\r\r\n0\r\n\r\n"),
       }) {
    CAPTURE(input);
    const Outcome whole = DecodeCut(input, input.size(), input.size());
    for (std::size_t first = 1; first <= input.size(); ++first) {
      for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, input.size()}) {
        const Outcome cut = DecodeCut(input, first, step);
        REQUIRE(cut.done == whole.done);
        REQUIRE(cut.failed == whole.failed);
        REQUIRE(cut.rest == whole.rest);
        if (whole.done) REQUIRE(cut.data == whole.data);
      }
    }
  }
}

TEST_CASE("chunks of one read become one piece") {
  std::string input = "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nnext";
  const http::Limits limits;
  ChunkedDecoder decoder(limits);
  const auto step = decoder.Decode(input.data(), input.size());
  CHECK(step.data == "hello world");
  CHECK(step.data.data() >= input.data());
  CHECK(step.consumed == input.size() - 4);
  CHECK(decoder.done());
}

TEST_CASE("a decoder can be used again") {
  const http::Limits limits;
  ChunkedDecoder decoder(limits);
  std::string first = "1\r\na\r\n0\r\nX: 1\r\n\r\n";
  decoder.Decode(first.data(), first.size());
  REQUIRE(decoder.done());
  CHECK(decoder.trailers().size() == 1);
  decoder.Reset();
  CHECK(decoder.trailers().empty());
  std::string second = "2\r\nbc\r\n0\r\n\r\n";
  CHECK(decoder.Decode(second.data(), second.size()).data == "bc");
  CHECK(decoder.done());
}

TEST_CASE("extension limits: below, at and above") {
  const http::Limits limits;
  const auto fails = [&](const std::string& input) { return DecodeCut(input, input.size(), 1).failed; };
  const auto line = [](std::uint64_t bytes) { return "1;" + std::string(bytes - 1, 'x') + "\r\na\r\n"; };
  CHECK_FALSE(fails(line(limits.chunk_extension_line_bytes - 1)));
  CHECK_FALSE(fails(line(limits.chunk_extension_line_bytes)));
  CHECK(fails(line(limits.chunk_extension_line_bytes + 1)));
  std::string many;
  for (std::uint64_t i = 0; i < limits.chunk_extension_bytes / 256; ++i) many += line(256);
  CHECK_FALSE(fails(many));
  CHECK(fails(many + "1;x\r\na\r\n"));
}

}  // namespace
}  // namespace portreeve::codec
