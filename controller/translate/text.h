// Text for keys and messages. Debian's abseil has a string_view of its own, which std::string_view doesn't become.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace portreeve::translate {

inline void Append(std::string* out, std::string_view text) {
  out->append(text);
}
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void Append(std::string* out, T number) {
  out->append(std::to_string(number));
}

// Texts and integers, one after the other.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string text;
  (Append(&text, parts), ...);
  return text;
}

// Items with ", " between them.
template <typename Range>
std::string JoinNames(const Range& names) {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text.append(", ");
    text.append(std::string_view(name));
  }
  return text;
}

}  // namespace portreeve::translate
