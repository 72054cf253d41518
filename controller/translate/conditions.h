// Conditions of the Gateway API: how one is made, and why something can't be done as its author wrote it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/meta.h"

namespace portreeve::translate {

// What stands in the way. `reason` is one of the API's own for the condition that it ends up in.
struct Objection {
  std::string reason;
  // "spec.rules[0].filters[1]: …; write …": the place, what is wrong, and the remedy. Never holds bytes of a Secret.
  std::string message;
  // What is wrong and nothing else, where a log line says it: "Service team-a/ghost doesn't exist".
  std::string brief = {};

  bool operator==(const Objection&) const = default;
};

inline gatewayapi::Condition MakeCondition(std::string_view type, bool is, std::string_view reason, std::string message,
                                           int64_t generation) {
  return {.type = std::string(type),
          .status = is ? "True" : "False",
          .reason = std::string(reason),
          .message = std::move(message),
          .observed_generation = generation,
          .last_transition_time = ""};
}

// The messages of all, joined by "; ", at most `max` of them: a condition's message is limited, and the first say it.
std::string JoinMessages(const std::vector<Objection>& objections, size_t max = 8);

}  // namespace portreeve::translate
