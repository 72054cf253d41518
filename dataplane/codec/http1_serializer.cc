#include "dataplane/codec/http1_serializer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "dataplane/codec/message_checks.h"
#include "dataplane/http/ascii.h"

namespace portreeve::codec {

using http::HeaderField;
using http::HeaderId;

namespace {

constexpr std::size_t kMaxAuthority = 512;

// Written by the head's members, never from the list.
bool IsWrittenApart(HeaderId id) {
  return id == HeaderId::kHost || id == HeaderId::kContentLength || id == HeaderId::kExpect || IsHopByHop(id);
}

bool IsPathText(std::string_view text, bool query) {
  for (char c : text) {
    if (!http::IsPathChar(c) || (c == '?' && !query)) return false;
  }
  return true;
}

bool IsAuthorityText(std::string_view text) {
  if (text.empty() || text.size() > kMaxAuthority) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return http::IsHostChar(c) || c == ':' || c == '[' || c == ']'; });
}

// The status line up to the phrase: "HTTP/1.1 200 ".
void AppendStatusLine(int status, HeadBuffer& out) {
  if (status == 200) {
    out.Append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.Append("HTTP/1.1 ");
  out.AppendNumber(static_cast<std::uint64_t>(status));
  out.Append(" ");
  out.Append(http::ReasonPhrase(status));
  out.Append("\r\n");
}

// False for a field that would break the message. `has_date` becomes true when one was Date.
bool AppendFields(const http::HeaderList& fields, HeadBuffer& out, bool& has_date) {
  for (const HeaderField& field : fields) {
    if (IsWrittenApart(field.id)) continue;
    if (field.id == HeaderId::kOther && !http::IsToken(field.name)) return false;
    if (!http::IsFieldValue(field.value)) return false;
    has_date = has_date || field.id == HeaderId::kDate;
    out.Append(field.name);
    out.Append(": ");
    out.Append(field.value);
    out.Append("\r\n");
  }
  return true;
}

void AppendLength(std::uint64_t length, HeadBuffer& out) {
  out.Append("Content-Length: ");
  out.AppendNumber(length);
  out.Append("\r\n");
}

bool AppendUpgrade(std::string_view protocol, HeadBuffer& out) {
  if (!http::IsToken(protocol)) return false;
  out.Append("Connection: Upgrade\r\nUpgrade: ");
  out.Append(protocol);
  out.Append("\r\n");
  return true;
}

bool AppendRequestLine(const http::RequestHead& head, HeadBuffer& out) {
  const bool asterisk = head.path == "*" && head.method == "OPTIONS" && !head.has_query;
  if (!http::IsToken(head.method) || head.method == "CONNECT") return false;
  if (!asterisk && (!head.path.starts_with('/') || !IsPathText(head.path, false))) return false;
  if (!IsPathText(head.query, true) || !IsAuthorityText(head.authority)) return false;
  out.Append(head.method);
  out.Append(" ");
  out.Append(head.path);
  if (head.has_query) {
    out.Append("?");
    out.Append(head.query);
  }
  out.Append(" HTTP/1.1\r\nHost: ");
  out.Append(head.authority);
  out.Append("\r\n");
  return true;
}

}  // namespace

void HeadBuffer::AppendNumber(std::uint64_t number) {
  std::array<char, 20> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  Append({digits.data(), static_cast<std::size_t>(result.ptr - digits.data())});
}

void HeadBuffer::AppendHex(std::uint64_t number) {
  std::array<char, 16> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  Append({digits.data(), static_cast<std::size_t>(result.ptr - digits.data())});
}

void HeadBuffer::Grow(std::size_t more) {
  constexpr std::size_t kFirst = 4096;
  const std::size_t capacity = std::max({kFirst, capacity_ * 2, size_ + more});
  std::unique_ptr<char[]> bytes(new char[capacity]);
  if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

HeadBuffer& ThreadHeadBuffer() {
  thread_local HeadBuffer buffer;
  return buffer;
}

bool SerializeRequest(const http::RequestHead& head, HeadBuffer& out) {
  if (!AppendRequestLine(head, out)) return false;
  bool has_date = false;
  if (!AppendFields(head.headers, out, has_date)) return false;
  if (head.framing == http::Framing::kLength) {
    AppendLength(head.content_length, out);
  } else if (head.framing == http::Framing::kChunked) {
    out.Append("Transfer-Encoding: chunked\r\n");
  } else if (head.framing == http::Framing::kUntilClose) {
    return false;
  }
  if (head.expect_continue) out.Append("Expect: 100-continue\r\n");
  if (!head.upgrade.empty() && !AppendUpgrade(head.upgrade, out)) return false;
  out.Append("\r\n");
  return true;
}

bool SerializeResponse(const http::ResponseHead& head, const ResponseFraming& framing, HeadBuffer& out) {
  if (head.status < 100 || head.status > 599) return false;
  AppendStatusLine(head.status, out);
  bool has_date = false;
  if (!AppendFields(head.headers, out, has_date)) return false;
  if (head.status >= 200 && !has_date) {
    out.Append("Date: ");
    out.Append(CurrentDate());
    out.Append("\r\n");
  }
  if (framing.body == ResponseFraming::Body::kLength) {
    AppendLength(framing.length, out);
  } else if (framing.body == ResponseFraming::Body::kChunked) {
    out.Append("Transfer-Encoding: chunked\r\n");
  }
  if (head.status == 101) {
    if (!AppendUpgrade(head.upgrade, out)) return false;
  } else if (framing.close) {
    out.Append("Connection: close\r\n");
  }
  out.Append("\r\n");
  return true;
}

std::string_view FrameChunk(std::string_view piece, bool end, HeadBuffer& out) {
  if (piece.empty()) return end ? "0\r\n\r\n" : "";
  out.AppendHex(piece.size());
  out.Append("\r\n");
  return end ? "\r\n0\r\n\r\n" : "\r\n";
}

std::string_view CurrentDate() {
  thread_local std::time_t second = 0;
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second || size == 0) {
    // Not strftime: the names don't depend on the locale.
    constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    std::tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    size = std::strftime(text.data(), text.size(), "???, %d ??? %Y %H:%M:%S GMT", &parts);
    kDays.copy(text.data(), 3, static_cast<std::size_t>(parts.tm_wday) * 3);
    kMonths.copy(text.data() + 8, 3, static_cast<std::size_t>(parts.tm_mon) * 3);
    second = now.tv_sec;
  }
  return {text.data(), size};
}

}  // namespace portreeve::codec
