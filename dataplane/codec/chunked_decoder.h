// Chunked transfer coding, strictly (RFC 9112 section 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/http/header_list.h"
#include "dataplane/http/limits.h"

namespace portreeve::codec {

// Incremental, and the same however the bytes are cut. Lines end with CRLF only; a size is 1 to 16 hexadecimal digits
// without anything around it; extensions must be well-formed, are bounded and dropped; data is exactly as long as its
// size says. Trailer fields are checked and bounded.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const http::Limits& limits);

  void Reset();

  struct Step {
    // How many bytes of the input are done with.
    std::size_t consumed = 0;
    // Data of all chunks in the input, moved together: it lies within the input.
    std::string_view data;
  };

  // Decodes in place as much as there is, up to the end of the message.
  Step Decode(char* bytes, std::size_t size);

  // The trailer section has ended.
  bool done() const { return state_ == State::kDone; }
  bool failed() const { return state_ == State::kFailed; }
  // After done: those that may be passed on. Views live until Reset.
  const http::HeaderList& trailers() const { return trailers_; }

 private:
  enum class State : std::uint8_t {
    kSize,
    kExtensionName,
    kExtensionValue,  // just after "="
    kExtensionToken,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionEnd,  // just after a quoted string
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kDone,
    kFailed,
  };

  // Each takes one byte of a chunk's first line and returns the next state.
  State OnSize(char c);
  State OnExtension(char c);
  // False: more than the limits allow.
  bool CountExtension(char c);
  State AfterSizeLine() const;
  // Returns how much of `bytes` belonged to the trailer section.
  std::size_t TakeTrailer(std::string_view bytes);

  const std::size_t line_limit_;
  const std::size_t message_limit_;
  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;
  unsigned digits_ = 0;
  bool name_begun_ = false;
  std::size_t line_extension_ = 0;
  std::size_t extension_ = 0;
  // The trailer section as far as it came; most messages have none, and then it is never allocated.
  std::string trailer_;
  Http1HeadParser trailer_parser_;
  http::HeaderList trailers_;
};

}  // namespace portreeve::codec
