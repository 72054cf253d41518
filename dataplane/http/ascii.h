// Classes of ASCII characters in HTTP, as tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace portreeve::http {

namespace ascii_internal {

enum : std::uint8_t { kToken = 1, kValue = 2, kPath = 4, kHost = 8, kHex = 16, kUnreserved = 32 };

constexpr bool IsOneOf(unsigned c, std::string_view set) {
  for (char member : set) {
    if (static_cast<unsigned char>(member) == c) return true;
  }
  return false;
}

constexpr std::uint8_t ClassOf(unsigned c) {
  const bool digit = c >= '0' && c <= '9';
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  std::uint8_t result = 0;
  if (digit || letter || IsOneOf(c, "!#$%&'*+-.^_`|~")) result |= kToken;
  if (c == '\t' || (c >= 0x20 && c != 0x7F)) result |= kValue;
  if (c > 0x20 && c < 0x7F && !IsOneOf(c, "\"#<>\\^`{|}")) result |= kPath;
  if (digit || letter || IsOneOf(c, "-_.")) result |= kHost;
  if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) result |= kHex;
  if (digit || letter || IsOneOf(c, "-._~")) result |= kUnreserved;
  return result;
}

constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = ClassOf(c);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

constexpr bool Has(char c, std::uint8_t mask) {
  return (kClasses[static_cast<unsigned char>(c)] & mask) != 0;
}

}  // namespace ascii_internal

// tchar (RFC 9110 section 5.6.2).
constexpr bool IsTokenChar(char c) {
  return ascii_internal::Has(c, ascii_internal::kToken);
}
// What a field value may hold: visible characters, blank, tab and obs-text (RFC 9110 section 5.5).
constexpr bool IsValueChar(char c) {
  return ascii_internal::Has(c, ascii_internal::kValue);
}
// What a path or a query may hold, "%" and "?" among it.
constexpr bool IsPathChar(char c) {
  return ascii_internal::Has(c, ascii_internal::kPath);
}
// Letters, digits, "-", "_" and ".".
constexpr bool IsHostChar(char c) {
  return ascii_internal::Has(c, ascii_internal::kHost);
}
constexpr bool IsHexDigit(char c) {
  return ascii_internal::Has(c, ascii_internal::kHex);
}
// RFC 3986 section 2.3.
constexpr bool IsUnreserved(char c) {
  return ascii_internal::Has(c, ascii_internal::kUnreserved);
}
constexpr bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}
constexpr char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Of a digit that IsHexDigit accepts.
constexpr unsigned HexValue(char c) {
  return IsDigit(c) ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(ToLower(c) - 'a') + 10;
}

// Without blanks at both ends.
constexpr std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// One character at least, all of them tchar.
constexpr bool IsToken(std::string_view text) {
  for (char c : text) {
    if (!IsTokenChar(c)) return false;
  }
  return !text.empty();
}

// Index of the first character that no field value may hold (a control character, DEL), text.size() if there is none.
// CR ends a value, so this is also how its end is found.
std::size_t FindNonValue(std::string_view text);

// May be sent as a field value: only value characters, no blank at either end.
bool IsFieldValue(std::string_view text);

}  // namespace portreeve::http
