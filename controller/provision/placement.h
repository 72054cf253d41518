// Where a Gateway is reached, as its Services say. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/gateway.h"
#include "controller/provision/observed.h"
#include "controller/provision/plan.h"
#include "controller/translate/conditions.h"

namespace portreeve::provision {

struct Placement {
  std::vector<gatewayapi::GatewayAddress> addresses;
  // Why they aren't all that was asked for: AddressNotAssigned or AddressNotUsable, and NoResources where the objects
  // can't be made at all.
  std::optional<translate::Objection> problem;
  // When the answer may be another without anything having changed, in seconds since the epoch.
  std::optional<std::int64_t> look_again;

  bool operator==(const Placement&) const = default;
};

// So long a load balancer may take to give an address that was asked for, before the address counts as not usable.
inline constexpr std::int64_t kAddressPatience = 5;

// `service`: a Service of the plan as it is, null if it isn't there. `now`: seconds since the epoch.
Placement Place(const std::string& ns, const std::vector<PlannedObject>& plan,
                const std::function<const ObservedObject*(const std::string& name)>& service, std::int64_t now);

}  // namespace portreeve::provision
