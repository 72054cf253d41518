// A request head: the same verdict however it is cut, and what is forwarded reads as the same request again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"

namespace {

using portreeve::codec::CheckRequest;
using portreeve::codec::Http1HeadParser;
using portreeve::http::Reason;

const portreeve::http::Limits kLimits;

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireSame(const portreeve::http::RequestHead& a, const portreeve::http::RequestHead& b) {
  Require(a.method == b.method && a.path == b.path && a.query == b.query && a.has_query == b.has_query);
  Require(a.authority == b.authority && a.host == b.host && a.upgrade == b.upgrade);
  Require(a.framing == b.framing && a.content_length == b.content_length && a.expect_continue == b.expect_continue);
  Require(a.headers.size() == b.headers.size());
  auto other = b.headers.begin();
  for (const auto& field : a.headers) {
    Require(field.name == other->name && field.value == other->value && field.id == other->id);
    ++other;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Http1HeadParser parser(Http1HeadParser::Kind::kRequest, kLimits);
  const auto status = parser.Parse(input);

  Http1HeadParser cut(Http1HeadParser::Kind::kRequest, kLimits);
  auto cut_status = Http1HeadParser::Status::kIncomplete;
  const std::size_t step = size > 2000 ? 97 : 1;
  for (std::size_t end = 0; cut_status == Http1HeadParser::Status::kIncomplete && end < size;) {
    end = end + step < size ? end + step : size;
    cut_status = cut.Parse(input.substr(0, end));
  }
  if (size > 0) Require(cut_status == status && cut.reason() == parser.reason());
  if (status != Http1HeadParser::Status::kComplete) return 0;
  Require(cut.size() == parser.size());

  portreeve::http::Arena arena;
  portreeve::http::RequestHead head;
  if (CheckRequest(parser, "http", arena, head) != Reason::kNone) return 0;
  portreeve::codec::HeadBuffer forwarded;
  Require(SerializeRequest(head, forwarded));
  // What we send may be as large as what we took, so the second reader has room.
  portreeve::http::Limits wide = kLimits;
  wide.header_bytes *= 2;
  wide.header_count += 4;
  wide.request_line_bytes *= 2;
  Http1HeadParser again(Http1HeadParser::Kind::kRequest, wide);
  Require(again.Parse(forwarded.text()) == Http1HeadParser::Status::kComplete);
  Require(again.size() == forwarded.text().size());
  portreeve::http::RequestHead second;
  Require(CheckRequest(again, "http", arena, second) == Reason::kNone);
  RequireSame(head, second);
  return 0;
}
