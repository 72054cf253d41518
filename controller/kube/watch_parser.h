// WatchParser: the body of a watch, however it is cut, to events: one JSON object a line.
#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "controller/gatewayapi/json_tree.h"

namespace portreeve::kube {

struct WatchEvent {
  enum class Type : std::uint8_t { kAdded, kModified, kDeleted, kBookmark, kError };

  Type type = Type::kBookmark;
  gatewayapi::YamlNode object;  // of kBookmark only its kind and resourceVersion; of kError a Status
};

// Belongs to one thread.
class WatchParser {
 public:
  // False: enough, what follows isn't read.
  using OnEvent = std::function<bool(const WatchEvent&)>;

  // Objects have 1.5 MB at most in etcd; as JSON a byte may take six.
  static constexpr std::size_t kMaxLineBytes = 16 * 1024 * 1024;

  // Keys that last as long as the parser.
  explicit WatchParser(gatewayapi::SkippedKeys skip) : skip_(skip) {}

  // False when on_event has had enough, or what came is no watch: see status().
  bool Feed(std::string_view bytes, const OnEvent& on_event);
  // What is wrong; never quotes what came.
  const absl::Status& status() const { return status_; }
  // Bytes that belong to no whole line yet: an end here has cut something off.
  bool in_line() const { return !line_.empty(); }

 private:
  bool TakeLine(std::string_view line, const OnEvent& on_event);
  bool Fail(std::string_view why);

  const gatewayapi::SkippedKeys skip_;
  std::string line_;  // the start of one that isn't whole yet
  absl::Status status_;
};

}  // namespace portreeve::kube
