#include "controller/kube/bearer_token.h"

#include <absl/strings/str_cat.h>

#include <fstream>
#include <sstream>

namespace portreeve::kube {

absl::Status BearerToken::Reload() {
  const std::lock_guard lock(mutex_);
  return file_.empty() ? absl::OkStatus() : ReadFile();
}

SecretBytes BearerToken::Get() {
  const std::lock_guard lock(mutex_);
  if (!file_.empty() && std::chrono::steady_clock::now() - read_at_ >= max_age_) ReadFile().IgnoreError();
  return token_;
}

absl::Status BearerToken::ReadFile() {
  read_at_ = std::chrono::steady_clock::now();
  std::ifstream file(file_, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(
        absl::StrCat("the token file ", file_, " can't be read or is empty; give this process the right to read it"));
  }
  std::string token = std::move(text).str();
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.pop_back();
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("the token file ", file_, " must hold one line"));
  }
  token_ = SecretBytes(std::move(token));
  return absl::OkStatus();
}

}  // namespace portreeve::kube
