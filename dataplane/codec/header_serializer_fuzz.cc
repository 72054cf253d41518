// The serializer: from any texts at all it makes one well-formed head with just these fields, or nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"

namespace {

using portreeve::codec::Http1HeadParser;

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

// Fields of unknown names stand there, in order. Known ones may be left out, or be written apart at the end.
void RequireFieldsIn(const portreeve::http::HeaderList& fields, const Http1HeadParser& parser) {
  auto parsed = parser.fields().begin();
  for (const auto& field : fields) {
    if (field.id != portreeve::http::HeaderId::kOther) continue;
    while (parsed != parser.fields().end() && (parsed->name != field.name || parsed->value != field.value)) ++parsed;
    Require(parsed != parser.fields().end());
    ++parsed;
  }
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
      Require(reader.fields().size() <= request.headers.size() + 3);
      RequireFieldsIn(request.headers, reader);
    }
  }
  out.Clear();
  portreeve::codec::ResponseFraming framing;
  framing.body = portreeve::codec::ResponseFraming::Body::kLength;
  if (SerializeResponse(response, framing, out)) {
    Http1HeadParser reader(Http1HeadParser::Kind::kResponse, kLimits);
    Require(reader.Parse(out.text()) == Http1HeadParser::Status::kComplete && reader.size() == out.text().size());
    Require(reader.status() == response.status);
    Require(reader.fields().size() <= response.headers.size() + 2);
    RequireFieldsIn(response.headers, reader);
  }
  return 0;
}
