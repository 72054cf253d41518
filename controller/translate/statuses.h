// Statuses: what we say, laid over what is stored. Conditions and entries that aren't ours stay as they are, in value
// and in order.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/gateway.h"
#include "controller/gatewayapi/http_route.h"

namespace portreeve::translate {

// On a route's parent, only while a data plane refuses a part of the route; a translation never says it.
inline constexpr std::string_view kRouteProgrammed = "portreeve.dev/Programmed";

// The types that we write, per list: a stored one that we no longer have a word on goes.
inline constexpr std::array<std::string_view, 2> kOwnOfGatewayClass = {"Accepted", "SupportedVersion"};
inline constexpr std::array<std::string_view, 5> kOwnOfGateway = {
    "Accepted", "AddressesAssigned", "InsecureFrontendValidationMode", "Programmed", "ResolvedRefs"};
inline constexpr std::array<std::string_view, 5> kOwnOfListener = {"Accepted", "Conflicted", "OverlappingTLSConfig",
                                                                   "Programmed", "ResolvedRefs"};
inline constexpr std::array<std::string_view, 4> kOwnOfRoute = {"Accepted", "PartiallyInvalid", "ResolvedRefs",
                                                                kRouteProgrammed};

std::vector<gatewayapi::Condition> MergeConditions(const std::vector<gatewayapi::Condition>& stored,
                                                   std::span<const std::string_view> own_types,
                                                   const std::vector<gatewayapi::Condition>& own);

// `own` are the entries of our controller for the parentRefs that the route has now; stored ones of ours for others go.
std::vector<gatewayapi::RouteParentStatus> MergeParents(const std::vector<gatewayapi::RouteParentStatus>& stored,
                                                        const std::vector<gatewayapi::RouteParentStatus>& own);

// Exactly the listeners of `own`, in that order, each with the foreign conditions stored under its name.
std::vector<gatewayapi::ListenerStatus> MergeListeners(const std::vector<gatewayapi::ListenerStatus>& stored,
                                                       const std::vector<gatewayapi::ListenerStatus>& own);

}  // namespace portreeve::translate
