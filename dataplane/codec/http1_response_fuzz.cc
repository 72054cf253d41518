// A response head: the same verdict however it is cut, and what is passed on reads as the same answer again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"

namespace {

using portreeve::codec::CheckResponse;
using portreeve::codec::Http1HeadParser;
using portreeve::codec::ResponseFraming;
using portreeve::http::Framing;
using portreeve::http::Reason;

const portreeve::http::Limits kLimits;

void Require(bool condition) {
  if (!condition) std::abort();
}

ResponseFraming FramingOf(const portreeve::http::ResponseHead& head) {
  ResponseFraming framing;
  if (head.framing == Framing::kLength || head.has_content_length) {
    framing.body = ResponseFraming::Body::kLength;
    framing.length = head.content_length;
  } else if (head.framing == Framing::kChunked) {
    framing.body = ResponseFraming::Body::kChunked;
  } else if (head.framing == Framing::kUntilClose) {
    framing.body = ResponseFraming::Body::kUntilClose;
  }
  return framing;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  portreeve::codec::ResponseContext context;
  context.head_request = (data[0] & 1) != 0;
  if ((data[0] & 2) != 0) context.upgrade_asked = "websocket";
  context.websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  Http1HeadParser parser(Http1HeadParser::Kind::kResponse, kLimits);
  const auto status = parser.Parse(input);

  Http1HeadParser cut(Http1HeadParser::Kind::kResponse, kLimits);
  auto cut_status = Http1HeadParser::Status::kIncomplete;
  const std::size_t step = input.size() > 2000 ? 97 : 1;
  for (std::size_t end = 0; cut_status == Http1HeadParser::Status::kIncomplete && end < input.size();) {
    end = end + step < input.size() ? end + step : input.size();
    cut_status = cut.Parse(input.substr(0, end));
  }
  if (!input.empty()) Require(cut_status == status && cut.reason() == parser.reason());
  if (status != Http1HeadParser::Status::kComplete) return 0;

  portreeve::http::ResponseHead head;
  if (CheckResponse(parser, context, head) != Reason::kNone) return 0;
  Require(head.status >= 200 || head.framing == Framing::kNone);
  portreeve::codec::HeadBuffer passed;
  // Date is added where it is missing; to compare, it must be there.
  if (head.headers.Find(portreeve::http::HeaderId::kDate) == nullptr) head.headers.Add("Date", "today");
  Require(SerializeResponse(head, FramingOf(head), passed));
  portreeve::http::Limits wide = kLimits;
  wide.response_header_bytes *= 2;
  wide.response_header_count += 4;
  Http1HeadParser again(Http1HeadParser::Kind::kResponse, wide);
  Require(again.Parse(passed.text()) == Http1HeadParser::Status::kComplete);
  Require(again.size() == passed.text().size());
  portreeve::http::ResponseHead second;
  Require(CheckResponse(again, context, second) == Reason::kNone);
  Require(second.status == head.status && second.framing == head.framing && second.upgrade == head.upgrade);
  Require(second.content_length == head.content_length && second.has_content_length == head.has_content_length);
  Require(second.headers.size() == head.headers.size());
  return 0;
}
