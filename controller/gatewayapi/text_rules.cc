#include "controller/gatewayapi/text_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"

namespace portreeve::gatewayapi {
namespace {

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsAlpha(char c) {
  return IsLower(c) || (c >= 'A' && c <= 'Z');
}
bool IsAlnum(char c) {
  return IsAlpha(c) || IsDigit(c);
}
bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool IsOneOf(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])? of any length
bool IsLongLabel(std::string_view text) {
  const auto inner = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
  return !text.empty() && text.front() != '-' && text.back() != '-' && std::ranges::all_of(text, inner);
}

bool IsSubdomain(std::string_view text) {
  for (;;) {
    const size_t dot = text.find('.');
    if (!IsLongLabel(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool IsGroup(std::string_view text) {
  return text.empty() || IsSubdomain(text);
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool IsNamePart(std::string_view text) {
  return !text.empty() && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsAlnum(c) || IsOneOf(c, "-_."); });
}

bool IsProtocol(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view path = text.substr(slash + 1);
    return IsSubdomain(text.substr(0, slash)) && !path.empty() && std::ranges::all_of(path, IsAlnum);
  }
  return !text.empty() && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsAddressType(std::string_view text) {
  return text == "IPAddress" || text == "Hostname" || text == "NamedAddress" || IsControllerName(text);
}

bool Anything(std::string_view) {
  return true;
}

bool IsQueryValue(std::string_view text) {
  return IsFieldValue(text);
}

}  // namespace

bool IsDnsLabel(std::string_view text) {
  return text.size() <= 63 && IsLongLabel(text);
}

bool IsDnsSubdomain(std::string_view text) {
  return text.size() <= 253 && IsSubdomain(text);
}

bool IsHostname(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return IsDnsSubdomain(text);
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return IsAlnum(c) || IsOneOf(c, "!#$%&'*+-.^_`|~"); });
}

bool IsFieldValue(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

bool IsKindName(std::string_view text) {
  return !text.empty() && IsAlpha(text.front()) && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return IsAlnum(c) || c == '-'; });
}

bool IsControllerName(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash + 1 == text.size()) return false;
  return IsSubdomain(text.substr(0, slash)) && std::ranges::all_of(text.substr(slash + 1), [](char c) {
           return IsAlnum(c) || IsOneOf(c, "/-._~%!$&'()*+,;=:");
         });
}

bool IsUriPath(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !IsHexDigit(text[i + 1]) || !IsHexDigit(text[i + 2])) return false;
      i += 2;
    } else if (!IsAlnum(text[i]) && !IsOneOf(text[i], "-/._~!$&'()*+,;=:@")) {
      return false;
    }
  }
  return !text.empty();
}

bool IsQualifiedName(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!IsDnsSubdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return text.size() <= 63 && IsNamePart(text);
}

bool IsLabelValue(std::string_view text) {
  return text.empty() || (text.size() <= 63 && IsNamePart(text));
}

bool IsConfigKey(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text != "." && !text.starts_with("..") &&
         std::ranges::all_of(text, [](char c) { return IsAlnum(c) || IsOneOf(c, "-_."); });
}

bool IsIPv4(std::string_view text) {
  in_addr address;
  return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1 && text.find('\0') == std::string_view::npos;
}

bool IsIPv6(std::string_view text) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1 && text.find('\0') == std::string_view::npos;
}

const TextRule kAnyText{IsFieldValue, "must be text without control characters", "remove them", 0, 4096};
const TextRule kFreeText{Anything, "must be text", "put it into quotes", 0, static_cast<size_t>(-1)};
const TextRule kDnsLabel{IsDnsLabel,
                         "must be a DNS label: lower-case letters, digits and '-', with a letter or digit at both ends",
                         "rename it", 1, 63};
const TextRule kObjectName{
    IsDnsSubdomain, "must be a DNS name: lower-case letters, digits, '-' and '.', with a letter or digit at both ends",
    "rename it"};
const TextRule kReferencedName{Anything, "must name an object", "write the object's metadata.name"};
const TextRule kGroup{IsGroup, "must be an API group: a DNS name, or empty for the core group",
                      "write the part of apiVersion before the '/'", 0};
const TextRule kKindName{IsKindName, "must be a kind: letters, digits and '-', beginning with a letter",
                         "write it as in the object's `kind`", 1, 63};
const TextRule kControllerName{IsControllerName, "must be of the form domain/path",
                               "write it as in \"portreeve.dev/gateway-controller\""};
const TextRule kHostname{IsHostname, "must be a host name in lower case, with nothing but a leading \"*.\" as wildcard",
                         "write it as in \"a.example.com\" or \"*.example.com\", without port or scheme"};
const TextRule kPreciseHostname{IsDnsSubdomain, "must be a host name in lower case without wildcard",
                                "write it as in \"a.example.com\", without port or scheme"};
const TextRule kHeaderName{IsToken, "must be an HTTP token: letters, digits and !#$%&'*+-.^_`|~",
                           "remove blanks, colons and other characters", 1, 256};
const TextRule kHeaderValue{IsFieldValue, "must be a header value without control characters such as CR, LF or NUL",
                            "remove them", 1, 4096};
const TextRule kQueryValue{IsQueryValue, "must be text without control characters", "remove them", 1, 1024};
const TextRule kProtocol{IsProtocol, "must be a protocol name or of the form domain/name",
                         "write HTTP, HTTPS, TLS, TCP or UDP", 1, 255};
const TextRule kAddressType{IsAddressType, "must be IPAddress, Hostname, NamedAddress or of the form domain/path",
                            "write \"IPAddress\""};

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  std::chrono::milliseconds total{0};
  int parts = 0;
  while (!text.empty()) {
    size_t digits = 0;
    int64_t number = 0;
    while (digits < text.size() && IsDigit(text[digits])) {
      if (digits == 5) return std::nullopt;
      number = number * 10 + (text[digits++] - '0');
    }
    text.remove_prefix(digits);
    if (digits == 0 || ++parts > 4) return std::nullopt;
    int64_t unit = 0;
    if (text.starts_with("ms")) {
      unit = 1;
      text.remove_prefix(1);
    } else if (text.starts_with("h")) {
      unit = 3'600'000;
    } else if (text.starts_with("m")) {
      unit = 60'000;
    } else if (text.starts_with("s")) {
      unit = 1'000;
    } else {
      return std::nullopt;
    }
    text.remove_prefix(1);
    total += std::chrono::milliseconds(number * unit);
  }
  if (parts == 0) return std::nullopt;
  return total;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string packed;
  packed.reserve(text.size());
  for (const char c : text) {
    if (c != '\n' && c != '\r') packed += c;
  }
  const size_t pad = packed.ends_with("==") ? 2 : packed.ends_with("=") ? 1 : 0;
  const bool clean = std::all_of(packed.begin(), packed.end() - static_cast<std::ptrdiff_t>(pad),
                                 [](char c) { return IsAlnum(c) || c == '+' || c == '/'; });
  std::string bytes;
  if (packed.size() % 4 != 0 || !clean || !absl::Base64Unescape(packed, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error)) return std::nullopt;
  return absl::ToUnixSeconds(time);
}

std::string Concat(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view part : parts) text += part;
  return text;
}

}  // namespace portreeve::gatewayapi
