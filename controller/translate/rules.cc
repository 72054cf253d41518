#include "controller/translate/rules.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <variant>

#include "controller/translate/backends.h"
#include "controller/translate/filters.h"
#include "controller/translate/matches.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using config::v1::RouteRule;
using gatewayapi::HTTPBackendRef;
using gatewayapi::HTTPRoute;
using gatewayapi::HTTPRouteRule;
using std::chrono::milliseconds;

// 49 days, the most that the field holds, stand for anything longer.
uint32_t Clamp(milliseconds duration) {
  constexpr milliseconds::rep kMax = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::clamp<milliseconds::rep>(duration.count(), 0, kMax));
}

std::optional<Objection> TranslateTimeouts(const HTTPRouteRule& rule, const std::string& field, RouteRule* out) {
  if (!rule.timeouts.has_value()) return std::nullopt;
  const auto& [request, backend_request] = *rule.timeouts;
  if (request.has_value()) out->set_request_timeout_ms(Clamp(*request));
  if (backend_request.has_value()) out->set_backend_request_timeout_ms(Clamp(*backend_request));
  const bool bounded = request.has_value() && request->count() != 0;
  if (bounded && backend_request.has_value() && *backend_request > *request) {
    return Objection{"UnsupportedValue", Concat(field,
                                                ".timeouts.backendRequest: is longer than request, which "
                                                "bounds it: make it shorter")};
  }
  return std::nullopt;
}

std::optional<Objection> ObjectionToExtras(const HTTPRouteRule& rule, const std::string& field) {
  if (rule.retry.has_value()) {
    return Objection{"UnsupportedValue", Concat(field, ".retry: isn't supported in this release: remove it")};
  }
  if (rule.session_persistence.has_value()) {
    return Objection{"UnsupportedValue",
                     Concat(field, ".sessionPersistence: isn't supported in this release: remove it")};
  }
  return std::nullopt;
}

bool GuardsAccess(const HTTPRouteRule& rule) {
  auto guards = [](const gatewayapi::HTTPRouteFilter& filter) { return translate::GuardsAccess(filter); };
  return std::ranges::any_of(rule.filters, guards) ||
         std::ranges::any_of(rule.backend_refs,
                             [&](const HTTPBackendRef& ref) { return std::ranges::any_of(ref.filters, guards); });
}

std::string BackendField(const std::string& rule_field, size_t index) {
  return Concat(rule_field, ".backendRefs[", index, "]");
}

// References that don't resolve keep their place and weight.
void ResolveBackends(const store::ClusterState& state, const HTTPRoute& route, const HTTPRouteRule& rule,
                     const std::string& field, RouteRule* message, TranslatedRule* out) {
  for (size_t i = 0; i < rule.backend_refs.size(); ++i) {
    config::v1::WeightedBackend& weighted = *message->mutable_backends(static_cast<int>(i));
    auto resolved = ResolveBackend(state, rule.backend_refs[i], route.metadata.namespace_, BackendField(field, i));
    if (auto* backend = std::get_if<BackendName>(&resolved)) {
      weighted.set_backend(BackendKey(*backend));
      out->backends.push_back(*std::move(backend));
    } else {
      Objection& objection = std::get<Objection>(resolved);
      weighted.set_unresolved(objection.brief);
      out->unresolved.push_back(std::move(objection));
    }
  }
}

// All that makes a rule impossible to implement, in the order of its fields; the first is said.
std::optional<Objection> TranslateFields(const HTTPRouteRule& rule, const std::string& field, RouteRule* out) {
  std::optional<Objection> objection = TranslateRuleFilters(rule, field, out);
  for (size_t i = 0; i < rule.backend_refs.size(); ++i) {
    config::v1::WeightedBackend& weighted = *out->add_backends();
    weighted.set_weight(static_cast<uint32_t>(std::max(rule.backend_refs[i].weight, 0)));
    if (objection.has_value()) continue;
    objection = TranslateBackendFilters(rule, rule.backend_refs[i], BackendField(field, i), &weighted);
  }
  if (!objection.has_value()) objection = TranslateTimeouts(rule, field, out);
  if (!objection.has_value()) objection = ObjectionToExtras(rule, field);
  return objection;
}

// The rule's requests, answered 500.
void CloseRule(const Objection& objection, RouteRule* message) {
  message->clear_filters();
  message->clear_backends();
  message->clear_request_timeout_ms();
  message->clear_backend_request_timeout_ms();
  config::v1::WeightedBackend& closed = *message->add_backends();
  closed.set_weight(1);
  closed.set_unresolved(objection.message);
}

}  // namespace

TranslatedRule TranslateRule(const store::ClusterState& state, const HTTPRoute& route, size_t index) {
  const HTTPRouteRule& rule = route.spec.rules[index];
  const std::string field = Concat("spec.rules[", index, "]");
  auto message = std::make_shared<RouteRule>();
  message->set_route_namespace(route.metadata.namespace_);
  message->set_route_name(route.metadata.name);
  message->set_route_created(route.metadata.creation_timestamp);
  message->set_index(static_cast<uint32_t>(index));
  message->set_name(rule.name.value_or(""));

  TranslatedRule translated;
  translated.dropped = TranslateMatches(rule, field, message.get());
  if (translated.dropped.has_value()) return translated;
  translated.dropped = TranslateFields(rule, field, message.get());
  if (!translated.dropped.has_value()) {
    ResolveBackends(state, route, rule, field, message.get(), &translated);
    translated.message = std::move(message);
  } else if (GuardsAccess(rule)) {
    CloseRule(*translated.dropped, message.get());
    translated.message = std::move(message);
  }
  return translated;
}

}  // namespace portreeve::translate
