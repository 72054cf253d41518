// URLRewrite (Gateway API HTTPURLRewriteFilter).
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/filter/filter_context.h"
#include "dataplane/filter/path_modifier.h"
#include "dataplane/http/message.h"

namespace portreeve::filter {

struct RewriteConfig {
  // Empty: Host stays as received.
  std::string hostname{};
  std::optional<PathModifier> path{};
};

// Changes authority and path of what goes upstream; the query stays. The hostname replaces the whole value of Host, its
// port too, as the API says. X-Forwarded-Host is the proxy's to write, from the authority before the filters.
// Immutable, any thread; what it writes points into itself or the arena.
class Rewrite {
 public:
  static absl::StatusOr<Rewrite> Create(RewriteConfig config, std::string_view field);

  // kContinue, or kFail when context.matched_prefix isn't the start of the path; then the head is as it was.
  FilterResult Apply(http::RequestHead& head, FilterContext& context) const;

 private:
  explicit Rewrite(RewriteConfig config) : config_(std::move(config)) {}

  RewriteConfig config_;
};

}  // namespace portreeve::filter
