// Matches of a rule, and the regular expressions in them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controller/gatewayapi/http_route.h"
#include "controller/translate/conditions.h"

namespace portreeve::config::v1 {
class RouteRule;
}

namespace portreeve::translate {

// What the data plane compiles, and no more: there, a pattern over these would be refused.
inline constexpr size_t kMaxPatternBytes = 1024;
inline constexpr int kMaxProgramSize = 200;

// What is wrong with a pattern, or nothing: RE2's syntax, and not larger than the limits.
std::optional<std::string> ObjectionToPattern(std::string_view pattern);

// Appends the rule's matches to `out`; `field` is the rule's place. Of several header or query matches of one name the
// first counts, as the API says.
std::optional<Objection> TranslateMatches(const gatewayapi::HTTPRouteRule& rule, const std::string& field,
                                          config::v1::RouteRule* out);

}  // namespace portreeve::translate
