// The features of the Gateway API's conformance suite that this release has. A feature stands here only when it works,
// also where the suite has no test for it.
#pragma once

#include <string_view>

namespace portreeve::translate {

struct SupportedFeature {
  std::string_view name;
  // Somebody has to provision data planes and their addresses for it.
  bool in_cluster_only = false;
};

// Sorted by name.
inline constexpr SupportedFeature kSupportedFeatures[] = {
    {"Gateway"},
    {"GatewayAddressEmpty", true},
    {"GatewayHTTPListenerIsolation"},
    {"GatewayHTTPSListenerDetectMisdirectedRequests"},
    {"GatewayInfrastructure", true},
    {"GatewayPort8080"},
    {"GatewayRouteHostnameIntersectionPrecedence"},
    {"GatewayStaticAddresses", true},
    {"HTTPRoute"},
    {"HTTPRoute303RedirectStatusCode"},
    {"HTTPRoute307RedirectStatusCode"},
    {"HTTPRoute308RedirectStatusCode"},
    {"HTTPRouteBackendProtocolWebSocket"},
    {"HTTPRouteBackendRequestHeaderModification"},
    {"HTTPRouteBackendTimeout"},
    {"HTTPRouteBackendURLRewrite"},
    {"HTTPRouteDestinationPortMatching"},
    {"HTTPRouteHostRewrite"},
    {"HTTPRouteMethodMatching"},
    {"HTTPRouteNamedRouteRule"},
    {"HTTPRouteParentRefPort"},
    {"HTTPRoutePathRedirect"},
    {"HTTPRoutePathRewrite"},
    {"HTTPRoutePortRedirect"},
    {"HTTPRouteQueryParamMatching"},
    {"HTTPRouteRequestTimeout"},
    {"HTTPRouteResponseHeaderModification"},
    {"HTTPRouteSchemeRedirect"},
    {"ReferenceGrant"},
};

}  // namespace portreeve::translate
