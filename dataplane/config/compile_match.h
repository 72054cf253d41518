// v1::Match, checked; patterns compiled.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "dataplane/route/route_entry.h"

namespace portreeve::config::v1 {
class Match;
}

namespace portreeve::config {

// `field`: where the match stands, "matches[0]".
absl::StatusOr<route::Match> CompileMatch(const v1::Match& match, std::string_view field);

}  // namespace portreeve::config
