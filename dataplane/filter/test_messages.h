// For the tests of this folder: heads and contexts in one line, and errors as text.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "dataplane/filter/filter_context.h"
#include "dataplane/http/message.h"

namespace portreeve::filter {

// All texts are literals.
inline http::RequestHead Request(std::string_view target, std::string_view host = "a.example.com",
                                 std::string_view scheme = "http") {
  http::RequestHead head;
  head.method = "GET";
  const std::size_t question = target.find('?');
  head.path = target.substr(0, question);
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = target.substr(question + 1);
  head.scheme = scheme;
  head.authority = host;
  head.host = host.substr(0, host.find(':'));
  return head;
}

// "Name: value|Name: value"
inline std::string Lines(const http::HeaderList& headers) {
  std::string text;
  for (const http::HeaderField& field : headers) {
    if (!text.empty()) text += '|';
    text.append(field.name).append(": ").append(field.value);
  }
  return text;
}

template <typename T>
std::string ErrorOf(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}
inline std::string ErrorOf(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace portreeve::filter
