// One rule of a route as a resource, and what can't be done of it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "controller/gatewayapi/http_route.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/conditions.h"
#include "controller/translate/resources.h"

namespace portreeve::config::v1 {
class RouteRule;
}

namespace portreeve::translate {

struct TranslatedRule {
  // Without attachments. Null: nothing of the rule is configured.
  std::shared_ptr<const config::v1::RouteRule> message;
  // Why the rule can't be implemented. With a message all the same, that answers 500: see GuardsAccess.
  std::optional<Objection> dropped;
  // References of a rule that is implemented; their share of requests is answered 500.
  std::vector<Objection> unresolved;
  std::vector<BackendName> backends;  // those that `message` names
};

TranslatedRule TranslateRule(const store::ClusterState& state, const gatewayapi::HTTPRoute& route, size_t index);

}  // namespace portreeve::translate
