// What filters of one exchange share.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/http/arena.h"
#include "dataplane/http/reason.h"

namespace portreeve::filter {

enum class FilterResult : std::uint8_t {
  kContinue,
  // FilterContext::reply is the answer; no backend is asked.
  kReply,
  // FilterContext::reason says why.
  kFail,
};

// An answer without body that a filter gives. Views point into the arena.
struct FilterReply {
  int status = 0;
  std::string_view location;
};

// One exchange, one thread. The arena outlives the exchange's heads.
struct FilterContext {
  http::Arena& arena;
  // Of the listener that the request came in by.
  std::uint16_t listener_port = 0;
  // RouteMatch::matched_prefix. A rewrite of the path moves it on to what took its place.
  std::string_view matched_prefix;
  // With kReply.
  FilterReply reply{};
  // kRedirected with kReply, kInvalidRewrite with kFail.
  http::Reason reason = http::Reason::kNone;
};

}  // namespace portreeve::filter
