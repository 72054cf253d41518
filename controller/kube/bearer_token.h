// The token that requests carry: a fixed one, or what a file holds, read again as it rotates.
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <mutex>
#include <string>
#include <utility>

#include "common/secret_bytes.h"

namespace portreeve::kube {

// Any thread.
class BearerToken {
 public:
  BearerToken() = default;
  explicit BearerToken(SecretBytes token) : token_(std::move(token)) {}
  BearerToken(std::string file, std::chrono::steady_clock::duration max_age)
      : file_(std::move(file)), max_age_(max_age) {}

  // Reads the file, if there is one, at once. A file that can't be read leaves the token as it was.
  absl::Status Reload();
  // Empty if there is none. Reads the file when it is older than the greatest age.
  SecretBytes Get();

 private:
  absl::Status ReadFile();

  const std::string file_;
  const std::chrono::steady_clock::duration max_age_{};
  std::mutex mutex_;
  SecretBytes token_;
  std::chrono::steady_clock::time_point read_at_;
};

}  // namespace portreeve::kube
