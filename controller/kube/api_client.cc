#include "controller/kube/api_client.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace portreeve::kube {

bool IsNamespaceEnding(const ApiResponse& response) {
  return response.status == 403 && response.body.find("NamespaceTerminating") != std::string::npos;
}

std::string ReasonOf(const ApiResponse& response) {
  constexpr std::size_t kMaxBytes = 300;
  const nlohmann::json status = nlohmann::json::parse(response.body, nullptr, false);
  std::string text;
  if (status.is_object()) {
    const auto message = status.find("message");
    if (message != status.end() && message->is_string()) text = message->get<std::string>();
  } else {
    text = response.body;
  }
  text.resize(std::min(text.size(), kMaxBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  absl::StripAsciiWhitespace(&text);
  return text.empty() ? absl::StrCat("HTTP status ", response.status) : text;
}

}  // namespace portreeve::kube
