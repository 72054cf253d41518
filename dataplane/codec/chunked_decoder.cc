#include "dataplane/codec/chunked_decoder.h"

#include <algorithm>
#include <cstring>

#include "dataplane/codec/message_checks.h"
#include "dataplane/http/ascii.h"

namespace portreeve::codec {

namespace {

constexpr unsigned kMaxSizeDigits = 16;
constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 62;

}  // namespace

ChunkedDecoder::ChunkedDecoder(const http::Limits& limits)
    : line_limit_(limits.chunk_extension_line_bytes),
      message_limit_(limits.chunk_extension_bytes),
      trailer_parser_(Http1HeadParser::Kind::kTrailer, limits) {}

void ChunkedDecoder::Reset() {
  state_ = State::kSize;
  remaining_ = 0;
  digits_ = 0;
  name_begun_ = false;
  line_extension_ = extension_ = 0;
  trailer_.clear();
  trailer_parser_.Reset();
  trailers_.Clear();
}

ChunkedDecoder::State ChunkedDecoder::OnSize(char c) {
  if (http::IsHexDigit(c)) {
    if (++digits_ > kMaxSizeDigits) return State::kFailed;
    remaining_ = (remaining_ << 4) | http::HexValue(c);
    return State::kSize;
  }
  if (digits_ == 0 || remaining_ > kMaxChunk) return State::kFailed;
  if (c == '\r') return State::kSizeLf;
  if (c != ';') return State::kFailed;
  line_extension_ = 1;
  name_begun_ = false;
  return ++extension_ > message_limit_ ? State::kFailed : State::kExtensionName;
}

// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ); blanks around the signs are refused.
ChunkedDecoder::State ChunkedDecoder::OnExtension(char c) {
  switch (state_) {
    case State::kExtensionName:
      if (http::IsTokenChar(c)) {
        name_begun_ = true;
        return state_;
      }
      if (name_begun_ && c == '=') return State::kExtensionValue;
      break;
    case State::kExtensionValue:
      name_begun_ = false;
      if (c == '"') return State::kExtensionQuoted;
      if (http::IsTokenChar(c)) {
        name_begun_ = true;
        return State::kExtensionToken;
      }
      return State::kFailed;
    case State::kExtensionToken:
      if (http::IsTokenChar(c)) return state_;
      break;
    case State::kExtensionQuoted:
      if (c == '"') {
        name_begun_ = true;
        return State::kExtensionEnd;
      }
      if (c == '\\') return State::kExtensionEscape;
      return http::IsValueChar(c) ? state_ : State::kFailed;
    case State::kExtensionEscape:
      return http::IsValueChar(c) ? State::kExtensionQuoted : State::kFailed;
    default:
      break;
  }
  if (!name_begun_) return State::kFailed;
  name_begun_ = false;
  if (c == ';') return State::kExtensionName;
  return c == '\r' ? State::kSizeLf : State::kFailed;
}

bool ChunkedDecoder::CountExtension(char c) {
  return c == '\r' || (++line_extension_ <= line_limit_ && ++extension_ <= message_limit_);
}

ChunkedDecoder::State ChunkedDecoder::AfterSizeLine() const {
  return remaining_ == 0 ? State::kTrailer : State::kData;
}

std::size_t ChunkedDecoder::TakeTrailer(std::string_view bytes) {
  if (trailer_.empty() && bytes.starts_with("\r\n")) {
    state_ = State::kDone;
    return 2;
  }
  const std::size_t before = trailer_.size();
  // The parser stops at its limit, a byte beyond at most; no more than that is kept.
  trailer_.append(bytes);
  switch (trailer_parser_.Parse(trailer_)) {
    case Http1HeadParser::Status::kIncomplete:
      return bytes.size();
    case Http1HeadParser::Status::kFailed:
      state_ = State::kFailed;
      return 0;
    case Http1HeadParser::Status::kComplete:
      break;
  }
  const bool good = CheckTrailers(trailer_parser_.fields(), trailers_) == http::Reason::kNone;
  state_ = good ? State::kDone : State::kFailed;
  return trailer_parser_.size() - before;
}

ChunkedDecoder::Step ChunkedDecoder::Decode(char* bytes, std::size_t size) {
  std::size_t in = 0;
  std::size_t out = 0;
  std::size_t first = 0;
  while (in < size && state_ != State::kDone && state_ != State::kFailed) {
    switch (state_) {
      case State::kSize:
        state_ = OnSize(bytes[in++]);
        break;
      case State::kSizeLf:
        state_ = bytes[in++] == '\n' ? AfterSizeLine() : State::kFailed;
        digits_ = 0;
        break;
      case State::kData: {
        const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, size - in));
        if (out == 0) {
          first = out = in;
        } else {
          std::memmove(bytes + out, bytes + in, part);
        }
        out += part;
        in += part;
        remaining_ -= part;
        if (remaining_ == 0) state_ = State::kDataCr;
        break;
      }
      case State::kDataCr:
        state_ = bytes[in++] == '\r' ? State::kDataLf : State::kFailed;
        break;
      case State::kDataLf:
        state_ = bytes[in++] == '\n' ? State::kSize : State::kFailed;
        break;
      case State::kTrailer:
        in += TakeTrailer({bytes + in, size - in});
        break;
      default:
        state_ = CountExtension(bytes[in]) ? OnExtension(bytes[in]) : State::kFailed;
        ++in;
        break;
    }
  }
  return {in, std::string_view(bytes + first, out - first)};
}

}  // namespace portreeve::codec
