// SecretBytes: bytes that must not reach a log, a metric or an error message. Printing gives "[redacted]".
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace portreeve {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::string bytes) : bytes_(std::move(bytes)) {}

  // The one way to the bytes, easy to search for.
  std::string_view Reveal() const { return bytes_; }

  bool operator==(const SecretBytes&) const = default;

  friend std::ostream& operator<<(std::ostream& os, const SecretBytes&) { return os << "[redacted]"; }

 private:
  std::string bytes_;
};

}  // namespace portreeve
