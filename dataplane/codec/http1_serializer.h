// Heads of HTTP/1.1 messages, written from scratch: nothing of what was received is passed on as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "dataplane/http/message.h"

namespace portreeve::codec {

// Grows, keeps its memory, and is written to the socket in one piece.
class HeadBuffer {
 public:
  void Clear() { size_ = 0; }
  std::string_view text() const { return {bytes_.get(), size_}; }

  void Append(std::string_view text) {
    if (text.empty()) return;
    if (capacity_ - size_ < text.size()) Grow(text.size());
    std::memcpy(bytes_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void AppendNumber(std::uint64_t number);
  void AppendHex(std::uint64_t number);

 private:
  void Grow(std::size_t more);

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// This thread's. What is in it must be written or copied before anything else may run.
HeadBuffer& ThreadHeadBuffer();

// Appends a request head in origin form, Host first, framed as head.framing says. False, and nothing that may be sent,
// when it wouldn't be one well-formed request: a method or a name that is no token, a value with control characters, an
// invalid path, query or authority. Connection, Host, Content-Length, Transfer-Encoding, Expect and hop-by-hop fields
// come from the head's members only; those in head.headers are left out.
bool SerializeRequest(const http::RequestHead& head, HeadBuffer& out);

// How a response is framed towards this client.
struct ResponseFraming {
  enum class Body : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Body body = Body::kNone;
  // With kLength.
  std::uint64_t length = 0;
  bool close = false;
};

// Appends a response head, with Date when it is missing (not to 1xx). Left out and refused as for requests.
bool SerializeResponse(const http::ResponseHead& head, const ResponseFraming& framing, HeadBuffer& out);

// Frames a piece of a chunked body (RFC 9112 section 7.1): appends its size line to `out`, and returns what comes after
// the piece; with `end` the last chunk too. Nothing at all for an empty piece that isn't the end.
std::string_view FrameChunk(std::string_view piece, bool end, HeadBuffer& out);

// "Sun, 06 Nov 1994 08:49:37 GMT", of the current second.
std::string_view CurrentDate();

}  // namespace portreeve::codec
