// Why a resource is not in force.
#pragma once

#include <absl/status/status.h>

#include <string>

namespace portreeve::config {

struct Refusal {
  std::string key;
  std::string version;
  // "HTTPRoute team-a/shop"
  std::string origin;
  // Where in the resource; empty: the whole of it.
  std::string field;
  // With the remedy; never holds secret bytes.
  std::string message;

  bool operator==(const Refusal&) const = default;
};

// From an error whose message is "FIELD: MESSAGE" (filter::FieldError), or only a message.
Refusal RefusalOf(std::string key, std::string version, std::string origin, const absl::Status& error);

}  // namespace portreeve::config
