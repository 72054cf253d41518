#include "dataplane/codec/http1_head_parser.h"

#include "dataplane/http/ascii.h"

namespace portreeve::codec {

using http::Reason;

namespace {

constexpr std::size_t kUsualFields = 32;

std::size_t BlockLimit(Http1HeadParser::Kind kind, const http::Limits& limits) {
  switch (kind) {
    case Http1HeadParser::Kind::kRequest:
      return limits.header_bytes;
    case Http1HeadParser::Kind::kResponse:
      return limits.response_header_bytes;
    case Http1HeadParser::Kind::kTrailer:
      return limits.trailer_bytes;
  }
  return 0;
}

std::size_t CountLimit(Http1HeadParser::Kind kind, const http::Limits& limits) {
  switch (kind) {
    case Http1HeadParser::Kind::kRequest:
      return limits.header_count;
    case Http1HeadParser::Kind::kResponse:
      return limits.response_header_count;
    case Http1HeadParser::Kind::kTrailer:
      return limits.trailer_count;
  }
  return 0;
}

// "HTTP/" DIGIT "." DIGIT, in capitals.
bool IsVersion(std::string_view text) {
  return text.size() == 8 && text.starts_with("HTTP/") && http::IsDigit(text[5]) && text[6] == '.' &&
         http::IsDigit(text[7]);
}

}  // namespace

Http1HeadParser::Http1HeadParser(Kind kind, const http::Limits& limits)
    : kind_(kind),
      line_limit_(kind == Kind::kRequest ? limits.request_line_bytes : limits.response_header_bytes),
      method_limit_(limits.method_bytes),
      block_limit_(BlockLimit(kind, limits)),
      count_limit_(CountLimit(kind, limits)) {
  if (kind != Kind::kTrailer) {
    offsets_.reserve(kUsualFields);
    fields_.reserve(kUsualFields);
  }
  Reset();
}

void Http1HeadParser::Reset() {
  in_start_line_ = kind_ != Kind::kTrailer;
  skipped_empty_line_ = false;
  reason_ = Reason::kNone;
  line_ = block_ = scan_ = 0;
  method_ = target_ = {};
  method_at_ = target_at_ = 0;
  version_ = http::Version::kHttp11;
  status_ = 0;
  offsets_.clear();
  fields_.clear();
}

Http1HeadParser::Status Http1HeadParser::Fail(Reason reason) {
  if (reason_ == Reason::kNone) reason_ = reason;
  return Status::kFailed;
}

// Limits come before the characters behind them: so one long piece and many short ones get the same verdict.
bool Http1HeadParser::OverLimit(std::string_view bytes) {
  if (!in_start_line_) {
    if (scan_ - block_ <= block_limit_) return false;
    reason_ = Reason::kHeaderTooLarge;
    return true;
  }
  if (scan_ - line_ <= line_limit_) return false;
  const std::string_view line = bytes.substr(line_, scan_ - line_);
  const std::string_view method = line.substr(0, line.find(' '));
  if (kind_ != Kind::kRequest) {
    reason_ = Reason::kHeaderTooLarge;
  } else if (!http::IsToken(method)) {
    reason_ = Reason::kMalformedRequest;
  } else {
    reason_ = method.size() > method_limit_ ? Reason::kMethodNotSupported : Reason::kTargetTooLong;
  }
  return true;
}

Http1HeadParser::Status Http1HeadParser::Parse(std::string_view bytes) {
  while (true) {
    scan_ += http::FindNonValue(bytes.substr(scan_));
    if (OverLimit(bytes)) break;
    if (scan_ == bytes.size()) return Status::kIncomplete;
    if (bytes[scan_] != '\r') {
      Fail(in_start_line_ || bytes[scan_] == '\n' ? Reason::kMalformedRequest : Reason::kInvalidHeader);
      break;
    }
    if (scan_ + 1 == bytes.size()) return Status::kIncomplete;
    if (bytes[scan_ + 1] != '\n') {
      Fail(Reason::kMalformedRequest);
      break;
    }
    const std::string_view line = bytes.substr(line_, scan_ - line_);
    scan_ += 2;
    if (in_start_line_) {
      // One empty line before a request is left over from an old client's last body (RFC 9112 section 2.2).
      if (line.empty() && kind_ == Kind::kRequest && !skipped_empty_line_) {
        skipped_empty_line_ = true;
      } else {
        if (!(kind_ == Kind::kRequest ? ParseRequestLine(line) : ParseStatusLine(line))) break;
        in_start_line_ = false;
        block_ = scan_;
      }
    } else if (line.empty()) {
      MakeViews(bytes);
      return Status::kComplete;
    } else if (!ParseField(line)) {
      break;
    }
    line_ = scan_;
  }
  MakeViews(bytes);
  return Status::kFailed;
}

bool Http1HeadParser::ParseRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos || !http::IsToken(line.substr(0, first))) {
    reason_ = Reason::kMalformedRequest;
    return false;
  }
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos || second == first + 1) {
    reason_ = Reason::kMalformedRequest;
    return false;
  }
  method_at_ = line_;
  method_ = line.substr(0, first);
  target_at_ = line_ + first + 1;
  target_ = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!IsVersion(version)) {
    reason_ = Reason::kMalformedRequest;
  } else if (version[5] != '1' || version[7] > '1') {
    reason_ = Reason::kVersionNotSupported;
  } else if (method_.size() > method_limit_) {
    reason_ = Reason::kMethodNotSupported;
  } else {
    version_ = version[7] == '0' ? http::Version::kHttp10 : http::Version::kHttp11;
    return true;
  }
  return false;
}

bool Http1HeadParser::ParseStatusLine(std::string_view line) {
  constexpr std::size_t kVersionSize = 8;
  constexpr std::size_t kCodeEnd = kVersionSize + 4;
  reason_ = Reason::kMalformedRequest;
  if (line.size() < kCodeEnd || !IsVersion(line.substr(0, kVersionSize))) return false;
  if (line[5] != '1' || line[7] > '1' || line[kVersionSize] != ' ') return false;
  // Servers leave out the blank before an empty phrase.
  if (line.size() > kCodeEnd && line[kCodeEnd] != ' ') return false;
  int status = 0;
  for (char c : line.substr(kVersionSize + 1, 3)) {
    if (!http::IsDigit(c)) return false;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return false;
  reason_ = Reason::kNone;
  status_ = status;
  version_ = line[7] == '0' ? http::Version::kHttp10 : http::Version::kHttp11;
  return true;
}

bool Http1HeadParser::ParseField(std::string_view line) {
  if (scan_ - block_ > block_limit_) {
    reason_ = Reason::kHeaderTooLarge;
    return false;
  }
  std::size_t colon = 0;
  bool underscore = false;
  while (colon < line.size() && http::IsTokenChar(line[colon])) {
    underscore = underscore || line[colon] == '_';
    ++colon;
  }
  if (colon == 0 || colon == line.size() || line[colon] != ':' || (underscore && kind_ != Kind::kResponse)) {
    reason_ = Reason::kInvalidHeader;
    return false;
  }
  if (offsets_.size() == count_limit_) {
    reason_ = Reason::kTooManyHeaders;
    return false;
  }
  const std::string_view value = http::Trim(line.substr(colon + 1));
  const std::size_t value_at = value.empty() ? colon + 1 : static_cast<std::size_t>(value.data() - line.data());
  offsets_.push_back({static_cast<std::uint32_t>(line_), static_cast<std::uint32_t>(colon),
                      static_cast<std::uint32_t>(line_ + value_at), static_cast<std::uint32_t>(value.size())});
  return true;
}

void Http1HeadParser::MakeViews(std::string_view bytes) {
  method_ = bytes.substr(method_at_, method_.size());
  target_ = bytes.substr(target_at_, target_.size());
  for (const FieldOffsets& field : offsets_) {
    fields_.push_back({bytes.substr(field.name, field.name_size), bytes.substr(field.value, field.value_size)});
  }
}

}  // namespace portreeve::codec
