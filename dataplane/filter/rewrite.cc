#include "dataplane/filter/rewrite.h"

#include "dataplane/filter/field_checks.h"

namespace portreeve::filter {

absl::StatusOr<Rewrite> Rewrite::Create(RewriteConfig config, std::string_view field) {
  if (!config.hostname.empty()) {
    absl::StatusOr<std::string> hostname = ValidateHostname(std::string(field) + ".hostname", config.hostname);
    if (!hostname.ok()) return hostname.status();
    config.hostname = *std::move(hostname);
  }
  return Rewrite(std::move(config));
}

FilterResult Rewrite::Apply(http::RequestHead& head, FilterContext& context) const {
  if (config_.path.has_value()) {
    const auto result = config_.path->Apply(head.path, context.matched_prefix, context.arena);
    if (!result.has_value()) {
      context.reason = http::Reason::kInvalidRewrite;
      return FilterResult::kFail;
    }
    head.path = result->path;
    context.matched_prefix = result->prefix;
  }
  if (!config_.hostname.empty()) {
    head.authority = config_.hostname;
    head.host = config_.hostname;
  }
  return FilterResult::kContinue;
}

}  // namespace portreeve::filter
