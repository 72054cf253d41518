// The head of an HTTP/1 message, from bytes to raw parts (RFC 9112 sections 2 to 5). What the parts mean is decided by
// message_checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/http/limits.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"

namespace portreeve::codec {

// One field line. The name is a token; the value holds no control characters and no blanks at its ends.
struct RawField {
  std::string_view name;
  std::string_view value;
};

// Works line by line over a growing buffer, and never looks at a byte twice to find the end: the verdict depends on the
// bytes alone, not on how they were cut. A line ends with CRLF; CR or LF anywhere else, obs-fold, control characters,
// blanks around names and (in requests) underscores in names are refused. Knows nothing of framing.
class Http1HeadParser {
 public:
  enum class Kind : std::uint8_t { kRequest, kResponse, kTrailer };
  enum class Status : std::uint8_t { kIncomplete, kComplete, kFailed };

  Http1HeadParser(Kind kind, const http::Limits& limits);

  // Back to the start, keeping capacity.
  void Reset();

  // `bytes`: all from the first one of the head; what was there at the last call, and more (it may have moved). After
  // kComplete or kFailed: nothing but Reset.
  Status Parse(std::string_view bytes);

  // After kFailed, in the words of requests: who reads responses and trailers translates them.
  http::Reason reason() const { return reason_; }

  // After kComplete: how many bytes the head took, its last empty line included.
  std::size_t size() const { return scan_; }
  // Views into the bytes of the last call. Method and target are there after kFailed too, when their line was complete.
  std::string_view method() const { return method_; }
  std::string_view target() const { return target_; }
  http::Version version() const { return version_; }
  int status() const { return status_; }
  std::span<const RawField> fields() const { return fields_; }

 private:
  struct FieldOffsets {
    std::uint32_t name;
    std::uint32_t name_size;
    std::uint32_t value;
    std::uint32_t value_size;
  };

  Status Fail(http::Reason reason);
  bool OverLimit(std::string_view bytes);
  bool ParseRequestLine(std::string_view line);
  bool ParseStatusLine(std::string_view line);
  bool ParseField(std::string_view line);
  void MakeViews(std::string_view bytes);

  const Kind kind_;
  const std::size_t line_limit_;
  const std::size_t method_limit_;
  const std::size_t block_limit_;
  const std::size_t count_limit_;

  bool in_start_line_ = true;
  bool skipped_empty_line_ = false;
  http::Reason reason_ = http::Reason::kNone;
  // Where the current line and the first field line begin; up to where all is known to be value characters.
  std::size_t line_ = 0;
  std::size_t block_ = 0;
  std::size_t scan_ = 0;

  std::string_view method_;
  std::string_view target_;
  std::size_t method_at_ = 0;
  std::size_t target_at_ = 0;
  http::Version version_ = http::Version::kHttp11;
  int status_ = 0;
  std::vector<FieldOffsets> offsets_;
  std::vector<RawField> fields_;
};

}  // namespace portreeve::codec
