#include "dataplane/codec/http2_head.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"
#include "dataplane/http/ascii.h"
#include "dataplane/http/path.h"

namespace portreeve::codec {

using http::HeaderField;
using http::HeaderId;
using http::Reason;

void Http2RequestFields::Clear() {
  method_ = path_ = scheme_ = authority_ = host_ = content_length_ = expect_ = {};
  cookies_.clear();
  headers_.Clear();
  count_ = bytes_ = 0;
  hosts_ = content_lengths_ = expectations_ = authorizations_ = 0;
  too_large_ = invalid_field_ = false;
}

bool Http2RequestFields::Add(std::string_view name, std::string_view value, const http::Limits& limits,
                             http::Arena& arena) {
  constexpr std::size_t kLineOverhead = 4;
  const bool pseudo = !name.empty() && name[0] == ':';
  if (!pseudo && ++count_ > limits.header_count) return false;
  bytes_ += name.size() + value.size() + kLineOverhead;
  if (bytes_ > limits.header_bytes) too_large_ = true;
  // The first of the pseudo-header fields are still good for the log.
  if (too_large_ && !(pseudo && value.size() <= limits.request_line_bytes)) return true;
  Take(name, value, arena);
  return true;
}

void Http2RequestFields::Take(std::string_view name, std::string_view value, http::Arena& arena) {
  if (name[0] == ':') {
    const std::string_view copy = arena.Copy(value);
    if (name == ":method") method_ = copy;
    if (name == ":path") path_ = copy;
    if (name == ":scheme") scheme_ = copy;
    if (name == ":authority") authority_ = copy;
    return;
  }
  if (!http::IsToken(name) || name.find('_') != std::string_view::npos || !http::IsFieldValue(value)) {
    invalid_field_ = true;
    return;
  }
  const std::string_view copy = arena.Copy(value);
  const HeaderId id = http::HeaderIdOf(name);
  switch (id) {
    case HeaderId::kOther:
      headers_.Add({arena.Copy(name), copy, id});
      break;
    case HeaderId::kHost:
      ++hosts_;
      host_ = copy;
      break;
    case HeaderId::kContentLength:
      ++content_lengths_;
      content_length_ = copy;
      break;
    case HeaderId::kExpect:
      ++expectations_;
      expect_ = copy;
      break;
    case HeaderId::kCookie:
      // The crumbs are joined in the place of the first (RFC 9113 section 8.2.3).
      if (cookies_.empty()) headers_.Add(id, copy);
      cookies_.push_back(copy);
      break;
    default:
      if (id == HeaderId::kAuthorization) ++authorizations_;
      if (!IsHopByHop(id)) headers_.Add(id, copy);
      break;
  }
}

void Http2RequestFields::JoinCookies(http::Arena& arena) {
  if (cookies_.size() < 2) return;
  std::size_t bytes = 2 * (cookies_.size() - 1);
  for (std::string_view crumb : cookies_) bytes += crumb.size();
  char* joined = arena.Allocate(bytes);
  char* out = joined;
  for (std::string_view crumb : cookies_) {
    if (out != joined) {
      *out++ = ';';
      *out++ = ' ';
    }
    if (!crumb.empty()) std::memcpy(out, crumb.data(), crumb.size());
    out += crumb.size();
  }
  headers_.Set(HeaderId::kCookie, {joined, static_cast<std::size_t>(out - joined)});
}

Reason Http2RequestFields::CheckAuthorities(http::Arena& arena, http::RequestHead& head) {
  if (hosts_ > 1 || (hosts_ == 0 && authority_.empty())) return Reason::kInvalidHost;
  if (!CheckAuthority(authority_.empty() ? host_ : authority_, arena, head)) return Reason::kInvalidHost;
  if (hosts_ == 0 || authority_.empty()) return Reason::kNone;
  const auto of_authority = http::ParseAuthority(authority_, arena);
  const auto of_host = http::ParseAuthority(host_, arena);
  const std::uint16_t port = scheme_ == "https" ? 443 : 80;
  const bool same = of_authority && of_host && of_authority->host == of_host->host &&
                    of_authority->port.value_or(port) == of_host->port.value_or(port);
  return same ? Reason::kNone : Reason::kInvalidHost;
}

Reason Http2RequestFields::CheckSpecial(std::string_view scheme, bool body_follows, http::Arena& arena,
                                        http::RequestHead& head) {
  if (invalid_field_ || authorizations_ > 1) return Reason::kInvalidHeader;
  if (content_lengths_ > 1) return Reason::kInvalidFraming;
  head.framing = body_follows ? http::Framing::kChunked : http::Framing::kNone;
  if (content_lengths_ == 1) {
    const auto length = ParseContentLength(content_length_);
    if (!length) return Reason::kInvalidFraming;
    head.framing = http::Framing::kLength;
    head.content_length = *length;
  }
  if (expectations_ > 0) {
    if (expectations_ > 1 || !http::EqualsIgnoreCase(expect_, "100-continue")) return Reason::kExpectationFailed;
    head.expect_continue = body_follows;
  }
  if (scheme_ != scheme) return Reason::kInvalidTarget;
  const Reason reason = CheckAuthorities(arena, head);
  if (reason != Reason::kNone) return reason;
  if (!CheckTarget(path_, arena, head)) return Reason::kInvalidTarget;
  JoinCookies(arena);
  return Reason::kNone;
}

Reason Http2RequestFields::Check(std::string_view scheme, bool body_follows, const http::Limits& limits,
                                 http::Arena& arena, http::RequestHead& head) {
  head.Clear();
  head.version = http::Version::kHttp2;
  head.method = method_;
  head.scheme = scheme;
  head.path = path_;
  head.authority = authority_.empty() ? host_ : authority_;
  Reason reason = Reason::kNone;
  if (too_large_) {
    reason = Reason::kHeaderTooLarge;
  } else if (method_.size() > limits.method_bytes) {
    reason = Reason::kMethodNotSupported;
  } else if (method_ == "CONNECT" || method_ == "TRACE") {
    reason = Reason::kMethodNotAllowed;
  } else if (path_.size() > limits.request_line_bytes) {
    reason = Reason::kTargetTooLong;
  } else {
    reason = CheckSpecial(scheme, body_follows, arena, head);
  }
  if (reason == Reason::kNone) std::swap(head.headers, headers_);
  if (reason != Reason::kNone) head.path = path_;
  return reason;
}

namespace {

std::string_view Digits(std::uint64_t number, char*& numbers) {
  constexpr std::size_t kMaxDigits = 20;
  char* const begin = numbers;
  numbers = std::to_chars(begin, begin + kMaxDigits, number).ptr;
  return {begin, static_cast<std::size_t>(numbers - begin)};
}

bool IsWellFormed(const HeaderField& field) {
  return http::IsToken(field.name) && http::IsFieldValue(field.value);
}

}  // namespace

bool MakeResponseFields(const http::ResponseHead& head, std::optional<std::uint64_t> content_length, char* numbers,
                        std::vector<RawField>& fields) {
  if (head.status < 100 || head.status > 599 || head.status == 101) return false;
  fields.clear();
  fields.push_back({":status", Digits(static_cast<std::uint64_t>(head.status), numbers)});
  bool has_date = head.status < 200;
  for (const HeaderField& field : head.headers) {
    // Connection-specific fields make a message malformed in HTTP/2 (RFC 9113 section 8.2.2).
    if (IsHopByHop(field.id) || field.id == HeaderId::kContentLength) continue;
    if (!IsWellFormed(field)) return false;
    has_date = has_date || field.id == HeaderId::kDate;
    fields.push_back({field.name, field.value});
  }
  if (!has_date) fields.push_back({"date", CurrentDate()});
  if (content_length) fields.push_back({"content-length", Digits(*content_length, numbers)});
  return true;
}

bool MakeTrailerFields(const http::HeaderList& trailers, std::vector<RawField>& fields) {
  fields.clear();
  for (const HeaderField& field : trailers) {
    if (IsHopByHop(field.id) || field.id == HeaderId::kContentLength || field.id == HeaderId::kHost) continue;
    if (!IsWellFormed(field)) return false;
    fields.push_back({field.name, field.value});
  }
  return true;
}

}  // namespace portreeve::codec
