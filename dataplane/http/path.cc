#include "dataplane/http/path.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "dataplane/http/ascii.h"
#include "dataplane/http/header_list.h"

namespace portreeve::http {

namespace {

enum class PathForm : std::uint8_t { kNormal, kNotNormal, kInvalid };

// Whether the segment that begins here is "." or "..".
bool IsDotSegment(std::string_view from) {
  if (from.empty() || from[0] != '.') return false;
  const std::size_t dots = from.size() > 1 && from[1] == '.' ? 2 : 1;
  return from.size() == dots || from[dots] == '/';
}

// A "%" and two digits stand at the front.
bool IsEscape(std::string_view from) {
  return from.size() >= 3 && IsHexDigit(from[1]) && IsHexDigit(from[2]);
}

char EscapedByte(std::string_view escape) {
  return static_cast<char>((HexValue(escape[1]) << 4) | HexValue(escape[2]));
}

bool IsLowerHex(char c) {
  return c >= 'a' && c <= 'f';
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

PathForm FormOf(std::string_view path) {
  if (path.empty() || path[0] != '/') return PathForm::kInvalid;
  PathForm form = PathForm::kNormal;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (!IsPathChar(c) || c == '?') return PathForm::kInvalid;
    if (c == '%') {
      if (!IsEscape(path.substr(i))) return PathForm::kInvalid;
      const char byte = EscapedByte(path.substr(i));
      if (IsControl(byte)) return PathForm::kInvalid;
      if (IsUnreserved(byte) || IsLowerHex(path[i + 1]) || IsLowerHex(path[i + 2])) form = PathForm::kNotNormal;
      i += 2;
    } else if (c == '/' && i + 1 < path.size() && path[i + 1] == '.' && IsDotSegment(path.substr(i + 1))) {
      form = PathForm::kNotNormal;
    }
  }
  return form;
}

char UpperHex(char c) {
  return IsLowerHex(c) ? static_cast<char>(c - ('a' - 'A')) : c;
}

// Decodes escapes of unreserved characters, once, and upper-cases the others. Returns the new size.
std::size_t DecodeUnreserved(std::string_view path, char* out) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out[size++] = path[i];
      continue;
    }
    const char byte = EscapedByte(path.substr(i));
    if (IsUnreserved(byte)) {
      out[size++] = byte;
    } else {
      out[size++] = '%';
      out[size++] = UpperHex(path[i + 1]);
      out[size++] = UpperHex(path[i + 2]);
    }
    i += 2;
  }
  return size;
}

// RFC 3986 section 5.2.4 in place, for a path that begins with "/". Returns the new size.
std::size_t RemoveDotSegments(char* path, std::size_t size) {
  std::size_t in = 0;
  std::size_t out = 0;
  while (in < size) {
    // path[in] is the "/" before a segment.
    const std::string_view segment(path + in + 1, size - in - 1);
    if (IsDotSegment(segment)) {
      const bool up = segment.size() > 1 && segment[1] == '.';
      if (up) {
        while (out > 0 && path[--out] != '/') {
        }
      }
      in += up ? 3 : 2;
      if (in == size) path[out++] = '/';  // "/a/." and "/a/.." end with the slash
      continue;
    }
    do {
      path[out++] = path[in++];
    } while (in < size && path[in] != '/');
  }
  return out;
}

bool IsIpv4(std::string_view text) {
  char buffer[INET_ADDRSTRLEN] = {};
  if (text.size() >= sizeof(buffer)) return false;
  std::copy(text.begin(), text.end(), buffer);
  in_addr address{};
  return inet_pton(AF_INET, buffer, &address) == 1;
}

// Without brackets.
bool IsIpv6(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof(buffer)) return false;
  std::copy(text.begin(), text.end(), buffer);
  in6_addr address{};
  return text.find('\0') == std::string_view::npos && inet_pton(AF_INET6, buffer, &address) == 1;
}

// A name whose last label is a number is an address to some and a name to others: it must be a plain IPv4 address.
bool IsRegName(std::string_view name) {
  constexpr std::size_t kMaxName = 253;
  constexpr std::size_t kMaxLabel = 63;
  if (name.empty() || name.size() > kMaxName) return false;
  std::size_t label = 0;
  bool numeric = true;
  for (char c : name) {
    if (!IsHostChar(c)) return false;
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      numeric = true;
      continue;
    }
    if (++label > kMaxLabel) return false;
    numeric = numeric && IsDigit(c);
  }
  return label != 0 && (!numeric || IsIpv4(name));
}

std::optional<std::uint16_t> ParsePort(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || digits[0] == '0') return std::nullopt;
  unsigned port = 0;
  for (char c : digits) {
    if (!IsDigit(c)) return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

std::string_view Lower(std::string_view text, Arena& arena) {
  if (std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) return text;
  char* copy = arena.Allocate(text.size());
  std::transform(text.begin(), text.end(), copy, ToLower);
  return {copy, text.size()};
}

}  // namespace

std::optional<std::string_view> NormalizePath(std::string_view path, Arena& arena) {
  switch (FormOf(path)) {
    case PathForm::kInvalid:
      return std::nullopt;
    case PathForm::kNormal:
      return path;
    case PathForm::kNotNormal:
      break;
  }
  char* copy = arena.Allocate(path.size() + 1);
  const std::size_t decoded = DecodeUnreserved(path, copy);
  return std::string_view(copy, RemoveDotSegments(copy, decoded));
}

bool IsValidQuery(std::string_view query) {
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (!IsPathChar(query[i])) return false;
    if (query[i] == '%') {
      if (!IsEscape(query.substr(i))) return false;
      i += 2;
    }
  }
  return true;
}

std::optional<Authority> ParseAuthority(std::string_view text, Arena& arena) {
  Authority result;
  std::string_view host;
  std::string_view rest;
  if (!text.empty() && text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !IsIpv6(text.substr(1, close - 1))) return std::nullopt;
    host = text.substr(0, close + 1);
    rest = text.substr(close + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    host = text.substr(0, colon);
    rest = text.substr(colon);
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    if (!IsRegName(host)) return std::nullopt;
  }
  if (!rest.empty()) {
    result.port = rest[0] == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
    if (!result.port) return std::nullopt;
  }
  result.host = Lower(host, arena);
  return result;
}

}  // namespace portreeve::http
