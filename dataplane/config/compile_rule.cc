#include "dataplane/config/compile_rule.h"

#include <absl/strings/str_cat.h>

#include <chrono>
#include <utility>

#include "dataplane/config/compile_filters.h"
#include "dataplane/config/compile_match.h"
#include "dataplane/config/hostname_check.h"
#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::config {
namespace {

using filter::FieldError;

constexpr std::uint32_t kMaxWeight = 1'000'000;

absl::Status CompileAttachments(const v1::RouteRule& rule, CompiledRule& compiled) {
  for (int i = 0; i < rule.attachments_size(); ++i) {
    const v1::Attachment& attachment = rule.attachments(i);
    const std::string field = absl::StrCat("attachments[", i, "]");
    if (attachment.listener().empty()) return FieldError(absl::StrCat(field, ".listener"), "empty");
    CompiledAttachment one{attachment.listener(), {}};
    for (int j = 0; j < attachment.hostnames_size(); ++j) {
      absl::Status status = CheckHostname(absl::StrCat(field, ".hostnames[", j, "]"), attachment.hostnames(j), false);
      if (!status.ok()) return status;
      one.hostnames.push_back(attachment.hostnames(j));
    }
    if (one.hostnames.empty()) one.hostnames.emplace_back();
    compiled.attachments.push_back(std::move(one));
  }
  return absl::OkStatus();
}

absl::Status CompileMatches(const v1::RouteRule& rule, CompiledRule& compiled) {
  if (rule.matches().empty()) return FieldError("matches", "empty; a rule for every request has a match of prefix /");
  for (int i = 0; i < rule.matches_size(); ++i) {
    absl::StatusOr<route::Match> match = CompileMatch(rule.matches(i), absl::StrCat("matches[", i, "]"));
    if (!match.ok()) return match.status();
    compiled.matches.push_back(*std::move(match));
  }
  return absl::OkStatus();
}

void LookUp(WeightedBackend& backend, const std::string& key, BackendLookup lookup) {
  if (key.empty()) return;
  backend.backend = lookup(key);
  backend.unresolved =
      backend.backend == WeightedBackend::kUnresolved ? absl::StrCat("there is no ", key, " yet") : std::string();
}

absl::Status CompileBackends(const v1::RouteRule& rule, BackendLookup lookup, Rule& out,
                             std::vector<std::string>& keys) {
  for (int i = 0; i < rule.backends_size(); ++i) {
    const v1::WeightedBackend& backend = rule.backends(i);
    const std::string field = absl::StrCat("backends[", i, "]");
    if (backend.weight() > kMaxWeight) return FieldError(absl::StrCat(field, ".weight"), "must be 1000000 at most");
    auto filters = CompileFilters(backend.filters(), absl::StrCat(field, ".filters"));
    if (!filters.ok()) return filters.status();
    WeightedBackend one;
    one.weight = backend.weight();
    one.filters = *std::move(filters);
    one.unresolved = backend.unresolved();
    LookUp(one, backend.backend(), lookup);
    out.total_weight += one.weight;
    out.backends.push_back(std::move(one));
    keys.push_back(backend.backend());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompiledRule> CompileRule(const v1::RouteRule& rule, BackendLookup lookup) {
  if (rule.route_name().empty()) return FieldError("route_name", "empty");
  CompiledRule compiled;
  if (absl::Status status = CompileAttachments(rule, compiled); !status.ok()) return status;
  if (absl::Status status = CompileMatches(rule, compiled); !status.ok()) return status;
  auto made = std::make_shared<Rule>();
  made->route = absl::StrCat(rule.route_namespace(), "/", rule.route_name());
  made->index = rule.index();
  made->name = rule.name();
  absl::StatusOr<filter::FilterChain> filters = CompileFilters(rule.filters(), "filters");
  if (!filters.ok()) return filters.status();
  made->filters = *std::move(filters);
  if (absl::Status status = CompileBackends(rule, lookup, *made, compiled.backend_keys); !status.ok()) return status;
  if (rule.has_request_timeout_ms()) made->request_timeout = std::chrono::milliseconds(rule.request_timeout_ms());
  if (rule.has_backend_request_timeout_ms()) {
    made->backend_request_timeout = std::chrono::milliseconds(rule.backend_request_timeout_ms());
  }
  compiled.rule = std::move(made);
  compiled.order.created = rule.route_created();
  compiled.order.route_namespace = rule.route_namespace();
  compiled.order.route_name = rule.route_name();
  compiled.order.rule_index = rule.index();
  return compiled;
}

std::shared_ptr<const Rule> Resolve(const CompiledRule& rule, BackendLookup lookup) {
  std::shared_ptr<Rule> changed;
  for (std::size_t i = 0; i < rule.backend_keys.size(); ++i) {
    const std::string& key = rule.backend_keys[i];
    if (key.empty() || lookup(key) == rule.rule->backends[i].backend) continue;
    if (changed == nullptr) changed = std::make_shared<Rule>(*rule.rule);
    LookUp(changed->backends[i], key, lookup);
  }
  return changed != nullptr ? changed : rule.rule;
}

}  // namespace portreeve::config
