// Gateways of our classes: what holds for each as a whole, and its listeners.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/translate/listeners.h"

namespace portreeve::translate {

struct JudgedGateway {
  store::Versioned<gatewayapi::Gateway> object;
  std::vector<JudgedListener> listeners;  // as in the spec
  std::vector<gatewayapi::Condition> conditions;
  std::map<std::string, ResourcePtr> certificates;  // in use, by key
};

// Why nothing of the Gateway is served, whatever its listeners are. `class_objection`: of its GatewayClass.
// `addresses`: IP addresses may be asked for.
std::optional<Objection> ObjectionToGateway(const store::ClusterState& state, const gatewayapi::Gateway& gateway,
                                            const std::optional<std::string>& class_objection, bool addresses);

struct GatewayContext {
  const store::ClusterState& state;
  const GatewayConflicts& conflicts;
  const std::optional<Objection>& refused;
  CertificateMemo& certificates;
};

JudgedGateway JudgeGateway(const GatewayContext& context, const store::Versioned<gatewayapi::Gateway>& gateway);

// `attached`: how many routes each listener has.
std::shared_ptr<const gatewayapi::GatewayStatus> StatusOfGateway(const JudgedGateway& gateway,
                                                                 const std::vector<int32_t>& attached);

}  // namespace portreeve::translate
