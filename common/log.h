// The log of both programs: one JSON object a line on stderr. Writing never blocks the caller: lines wait in a bounded
// queue, the oldest are dropped when it is full (a blocked pipe, a full disk), and how many is said afterwards.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/secret_bytes.h"

namespace portreeve::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error".
std::optional<Level> LevelFromName(std::string_view name);

// A named value beside the message: {"listener", key}, {"port", 8080}.
struct Field {
  Field(std::string_view field, std::string_view text) : name(field), value(text) {}
  Field(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, const std::string& text) : name(field), value(std::string_view(text)) {}
  Field(std::string_view field, bool flag) : name(field), value(flag) {}
  Field(std::string_view field, double number) : name(field), value(number) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view field, T number) : name(field), value(static_cast<std::int64_t>(number)) {}
  // Whatever happens, a secret doesn't get here.
  Field(std::string_view field, const SecretBytes&) : name(field), value(std::string_view("[redacted]")) {}

  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

using Fields = std::initializer_list<Field>;

// Callable from any thread, at any time.
void Write(Level level, std::string_view message, Fields fields = {});

inline void Debug(std::string_view message, Fields fields = {}) {
  Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, Fields fields = {}) {
  Write(Level::kInfo, message, fields);
}
inline void Warning(std::string_view message, Fields fields = {}) {
  Write(Level::kWarning, message, fields);
}
inline void Error(std::string_view message, Fields fields = {}) {
  Write(Level::kError, message, fields);
}

// Lines below it are not written. Default: info.
void SetLevel(Level level);
bool Enabled(Level level);

// Where lines go; default 2. The descriptor stays the caller's.
void SetOutput(int fd);

// Lines dropped since the start.
std::uint64_t Dropped();

// Waits until all that was written before is out, for so long at most. Call it before the program ends.
void Flush(std::chrono::milliseconds deadline = std::chrono::seconds(1));

}  // namespace portreeve::log
