// The serializer: from any texts at all it makes one well-formed head with just these fields, or nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"

namespace {

using portreeve::codec::Http1HeadParser;
using portreeve::http::HeaderId;

void Require(bool condition) {
  if (!condition) std::abort();
}

// The next part of the input, up to a byte that no text of a head may hold anyway.
std::string_view Next(std::string_view& input) {
  const std::size_t end = input.find('\x1E');
  const std::string_view part = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return part;
}

portreeve::http::Limits WideLimits() {
  portreeve::http::Limits limits;
  limits.header_bytes = limits.response_header_bytes = limits.request_line_bytes = limits.method_bytes = 1 << 24;
  limits.header_count = limits.response_header_count = 1 << 20;
  return limits;
}

const portreeve::http::Limits kLimits = WideLimits();

// What says how a message ends, who it is for and what becomes of its connection: never taken from the list.
bool IsWrittenApart(HeaderId id) {
  return id == HeaderId::kHost || id == HeaderId::kContentLength || id == HeaderId::kExpect ||
         portreeve::codec::IsHopByHop(id);
}

// `apart`: the names that are written apart, in order. All else is the list's, in its order, and a Date that it lacks.
void RequireFields(const portreeve::http::HeaderList& list, bool date, const Http1HeadParser& parser,
                   const std::vector<HeaderId>& apart) {
  auto expected = list.begin();
  auto next_apart = apart.begin();
  bool date_due = date && list.Count(HeaderId::kDate) == 0;
  const auto skip = [&] {
    while (expected != list.end() && IsWrittenApart(expected->id)) ++expected;
  };
  for (const auto& parsed : parser.fields()) {
    skip();
    const HeaderId id = portreeve::http::HeaderIdOf(parsed.name);
    if (IsWrittenApart(id)) {
      Require(next_apart != apart.end() && *next_apart++ == id);
    } else if (expected != list.end()) {
      Require(parsed.name == expected->name && parsed.value == expected->value);
      ++expected;
    } else {
      Require(std::exchange(date_due, false) && id == HeaderId::kDate);
    }
  }
  skip();
  Require(expected == list.end() && next_apart == apart.end() && !date_due);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  portreeve::http::RequestHead request;
  request.method = Next(input);
  request.path = Next(input);
  request.query = Next(input);
  request.has_query = !request.query.empty();
  request.authority = Next(input);
  request.upgrade = Next(input);
  portreeve::http::ResponseHead response;
  response.status = 200 + static_cast<int>(size % 250);
  while (!input.empty()) {
    const std::string_view name = Next(input);
    const std::string_view value = Next(input);
    request.headers.Add(name, value);
    response.headers.Add(name, value);
  }
  portreeve::codec::HeadBuffer out;
  if (SerializeRequest(request, out)) {
    Http1HeadParser reader(Http1HeadParser::Kind::kRequest, kLimits);
    const auto status = reader.Parse(out.text());
    // Underscores are refused in what clients send, not in what filters write.
    if (status == Http1HeadParser::Status::kFailed) {
      Require(reader.reason() == portreeve::http::Reason::kInvalidHeader);
      Require(out.text().find('_') != std::string_view::npos);
    } else {
      Require(status == Http1HeadParser::Status::kComplete && reader.size() == out.text().size());
      Require(reader.method() == request.method);
      std::vector<HeaderId> apart = {HeaderId::kHost};
      if (!request.upgrade.empty()) apart.insert(apart.end(), {HeaderId::kConnection, HeaderId::kUpgrade});
      RequireFields(request.headers, false, reader, apart);
    }
  }
  out.Clear();
  portreeve::codec::ResponseFraming framing;
  framing.body = portreeve::codec::ResponseFraming::Body::kLength;
  if (SerializeResponse(response, framing, out)) {
    Http1HeadParser reader(Http1HeadParser::Kind::kResponse, kLimits);
    Require(reader.Parse(out.text()) == Http1HeadParser::Status::kComplete && reader.size() == out.text().size());
    Require(reader.status() == response.status);
    RequireFields(response.headers, true, reader, {HeaderId::kContentLength});
  }
  return 0;
}
