#include "controller/translate/routes.h"

#include <algorithm>
#include <set>

#include "controller/translate/attachment.h"
#include "controller/translate/rules.h"
#include "controller/translate/statuses.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Condition;
using gatewayapi::HTTPRoute;
using gatewayapi::NamespacedName;
using gatewayapi::ParentReference;

// What all parents of the route share.
struct RuleSummary {
  std::vector<TranslatedRule> rules;
  std::vector<Objection> unresolved;
  std::vector<Objection> dropped;    // messages begin with "Dropped Rule"
  std::optional<Objection> refused;  // no rule is left
};

RuleSummary TranslateRules(const store::ClusterState& state, const HTTPRoute& route) {
  RuleSummary summary;
  for (size_t i = 0; i < route.spec.rules.size(); ++i) {
    TranslatedRule rule = TranslateRule(state, route, i);
    std::ranges::copy(rule.unresolved, std::back_inserter(summary.unresolved));
    if (rule.dropped.has_value()) {
      summary.dropped.push_back(
          {rule.dropped->reason,
           Concat("Dropped Rule ", i, rule.message == nullptr ? "" : ", its requests are answered 500", ": ",
                  rule.dropped->message)});
      if (!summary.refused.has_value()) summary.refused = rule.dropped;
    }
    summary.rules.push_back(std::move(rule));
  }
  if (summary.dropped.size() < route.spec.rules.size()) summary.refused.reset();
  return summary;
}

std::string AcceptedMessage(const Attached& attached) {
  std::vector<std::string_view> names;
  std::vector<std::string_view> idle;
  for (const AttachedListener& one : attached.listeners) {
    names.push_back(one.listener->name);
    if (!one.listener->serves) idle.push_back(one.listener->name);
  }
  std::string message = Concat("attached to listener ", JoinNames(names));
  if (!idle.empty()) {
    message += Concat("; not served on ", JoinNames(idle), ": see the conditions of the Gateway");
  }
  return message;
}

std::vector<Condition> ConditionsOf(const RuleSummary& summary, const Attached& attached, int64_t generation) {
  const std::optional<Objection>& refused = attached.refused.has_value() ? attached.refused : summary.refused;
  std::vector<Condition> conditions;
  if (refused.has_value()) {
    conditions.push_back(MakeCondition("Accepted", false, refused->reason, refused->message, generation));
  } else {
    conditions.push_back(MakeCondition("Accepted", true, "Accepted", AcceptedMessage(attached), generation));
  }
  if (summary.unresolved.empty()) {
    conditions.push_back(
        MakeCondition("ResolvedRefs", true, "ResolvedRefs", "all references are resolved", generation));
  } else {
    conditions.push_back(MakeCondition("ResolvedRefs", false, summary.unresolved.front().reason,
                                       JoinMessages(summary.unresolved), generation));
  }
  if (!refused.has_value() && !summary.dropped.empty()) {
    conditions.push_back(
        MakeCondition("PartiallyInvalid", true, "UnsupportedValue", JoinMessages(summary.dropped), generation));
  }
  return conditions;
}

// Listeners that serve the route, by Gateway; those of one Gateway by key.
using Serving = std::map<NamespacedName, std::map<std::string, std::vector<std::string>>>;

ResourcePtr MakeRule(const HTTPRoute& route, const TranslatedRule& rule, const Serving& serving,
                     const NamespacedName* only) {
  config::v1::Resource resource;
  config::v1::RouteRule& message = *resource.mutable_rule();
  message = *rule.message;
  for (const auto& [gateway, listeners] : serving) {
    if (only != nullptr && gateway != *only) continue;
    for (const auto& [key, hostnames] : listeners) {
      config::v1::Attachment& attachment = *message.add_attachments();
      attachment.set_listener(key);
      for (const std::string& hostname : hostnames) attachment.add_hostnames(hostname);
    }
  }
  std::ranges::sort(*message.mutable_attachments(), {}, &config::v1::Attachment::listener);
  const NamespacedName name = gatewayapi::NameOf(route.metadata);
  return Seal(std::move(resource), RuleKey(name, message.index()), Concat("HTTPRoute ", name.ToString()),
              route.metadata.generation);
}

void MakeRules(const HTTPRoute& route, const RuleSummary& summary, const Serving& serving, bool one_data_plane,
               TranslatedRoute* out) {
  if (serving.empty()) return;
  for (const TranslatedRule& rule : summary.rules) {
    if (rule.message == nullptr) continue;
    ResourcePtr shared = one_data_plane ? MakeRule(route, rule, serving, nullptr) : nullptr;
    for (const auto& [gateway, listeners] : serving) {
      out->rules[gateway].push_back(one_data_plane ? shared : MakeRule(route, rule, serving, &gateway));
    }
    std::ranges::copy(rule.backends, std::back_inserter(out->backends));
  }
  std::ranges::sort(out->backends);
  out->backends.erase(std::unique(out->backends.begin(), out->backends.end()), out->backends.end());
}

bool IsDeclaredBefore(const HTTPRoute& route, size_t index) {
  const auto& refs = route.spec.parent_refs;
  return std::find(refs.begin(), refs.begin() + static_cast<ptrdiff_t>(index), refs[index]) !=
         refs.begin() + static_cast<ptrdiff_t>(index);
}

}  // namespace

TranslatedRoute TranslateRoute(const store::ClusterState& state, const Gateways& gateways,
                               const TranslatorOptions& options, const HTTPRoute& route) {
  TranslatedRoute translated;
  std::optional<RuleSummary> summary;
  Serving serving;
  for (size_t i = 0; i < route.spec.parent_refs.size(); ++i) {
    const ParentReference& ref = route.spec.parent_refs[i];
    const std::optional<NamespacedName> name = GatewayOf(ref, route.metadata.namespace_);
    const auto gateway = name.has_value() ? gateways.find(*name) : gateways.end();
    if (gateway == gateways.end() || IsDeclaredBefore(route, i)) continue;
    if (!summary.has_value()) summary = TranslateRules(state, route);

    const Attached attached = Attach(state, gateway->second, route, ref);
    translated.parents.push_back({.parent_ref = ref,
                                  .controller_name = std::string(ControllerName()),
                                  .conditions = ConditionsOf(*summary, attached, route.metadata.generation)});
    if (summary->refused.has_value()) continue;
    for (const AttachedListener& one : attached.listeners) {
      translated.attached.emplace_back(*name, one.listener->name);
      if (one.listener->serves) serving[*name].emplace(one.listener->key, one.hostnames);
    }
  }
  std::ranges::sort(translated.attached);
  translated.attached.erase(std::unique(translated.attached.begin(), translated.attached.end()),
                            translated.attached.end());
  if (summary.has_value()) MakeRules(route, *summary, serving, options.one_data_plane, &translated);
  return translated;
}

std::vector<NamespacedName> GatewaysNamedBy(const HTTPRoute& route) {
  std::set<NamespacedName> names;
  for (const ParentReference& ref : route.spec.parent_refs) {
    if (auto name = GatewayOf(ref, route.metadata.namespace_)) names.insert(*std::move(name));
  }
  return {names.begin(), names.end()};
}

std::vector<NamespacedName> ServicesNamedBy(const HTTPRoute& route) {
  std::set<NamespacedName> names;
  for (const gatewayapi::HTTPRouteRule& rule : route.spec.rules) {
    for (const gatewayapi::HTTPBackendRef& ref : rule.backend_refs) {
      if (ref.kind == "Service") names.insert({ref.namespace_.value_or(route.metadata.namespace_), ref.name});
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace portreeve::translate
