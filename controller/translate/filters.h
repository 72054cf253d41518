// Filters of rules and of backendRefs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/http_route.h"
#include "controller/translate/conditions.h"

namespace portreeve::config::v1 {
class RouteRule;
class WeightedBackend;
}  // namespace portreeve::config::v1

namespace portreeve::translate {

// A filter that decides who gets through. A rule with one that isn't supported must not let its requests go on to
// another rule: they are answered 500 for as long as other rules of the route serve.
bool GuardsAccess(const gatewayapi::HTTPRouteFilter& filter);

// Appends the rule's filters to `out`, in order. The first objection wins; `field` is the rule's place. Filters that
// exclude each other, a repeated one, or a redirect beside backendRefs are IncompatibleFilters.
std::optional<Objection> TranslateRuleFilters(const gatewayapi::HTTPRouteRule& rule, const std::string& field,
                                              config::v1::RouteRule* out);

// The same for one backendRef of the rule; `field` is the place of the backendRef.
std::optional<Objection> TranslateBackendFilters(const gatewayapi::HTTPRouteRule& rule,
                                                 const gatewayapi::HTTPBackendRef& backend, const std::string& field,
                                                 config::v1::WeightedBackend* out);

}  // namespace portreeve::translate
