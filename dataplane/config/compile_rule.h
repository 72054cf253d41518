// v1::RouteRule, checked, with its matches and filters compiled.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/config/runtime_config.h"
#include "dataplane/route/route_entry.h"

namespace portreeve::config::v1 {
class RouteRule;
}

namespace portreeve::config {

struct CompiledAttachment {
  // Key of the listener.
  std::string listener;
  // "" is any host.
  std::vector<std::string> hostnames;
};

struct CompiledRule {
  std::vector<CompiledAttachment> attachments;
  std::vector<route::Match> matches;
  // match_index is 0.
  route::RuleOrder order;
  // Never null.
  std::shared_ptr<const Rule> rule;
  // By position in rule->backends; "": the controller couldn't resolve it.
  std::vector<std::string> backend_keys;
};

// Index in RuntimeConfig::backends of a backend key, or WeightedBackend::kUnresolved.
using BackendLookup = absl::FunctionRef<std::uint32_t(const std::string&)>;

absl::StatusOr<CompiledRule> CompileRule(const v1::RouteRule& rule, BackendLookup lookup);

// The same rule with its backends looked up again; `rule.rule` itself if nothing changed.
std::shared_ptr<const Rule> Resolve(const CompiledRule& rule, BackendLookup lookup);

}  // namespace portreeve::config
