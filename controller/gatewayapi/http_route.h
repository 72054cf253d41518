// HTTPRoute as release v1.7 of the Gateway API has it (both channels), every filter included, so that translation can
// name what it doesn't support. Optional means: no default in the CRD. Defaults are in place after Decode: a rule has
// at least one match, and every match has a path.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controller/gatewayapi/meta.h"

namespace portreeve::gatewayapi {

struct ParentReference {
  std::string group{kGatewayGroup};
  std::string kind = "Gateway";
  std::optional<std::string> namespace_;
  std::string name;
  std::optional<std::string> section_name;
  std::optional<uint16_t> port;

  bool operator==(const ParentReference&) const = default;
};

// BackendObjectReference: mirrors, external authorisation, and (extended) a rule's backends.
struct BackendObjectReference {
  std::string group;
  std::string kind = "Service";
  std::optional<std::string> namespace_;
  std::string name;
  std::optional<uint16_t> port;

  bool operator==(const BackendObjectReference&) const = default;
};

enum class PathMatchType { kExact, kPathPrefix, kRegularExpression };
enum class ValueMatchType { kExact, kRegularExpression };

struct HTTPPathMatch {
  PathMatchType type = PathMatchType::kPathPrefix;
  std::string value = "/";

  bool operator==(const HTTPPathMatch&) const = default;
};

struct HTTPHeaderMatch {
  ValueMatchType type = ValueMatchType::kExact;
  std::string name;  // as written; compared without case
  std::string value;

  bool operator==(const HTTPHeaderMatch&) const = default;
};

struct HTTPQueryParamMatch {
  ValueMatchType type = ValueMatchType::kExact;
  std::string name;  // compared with case
  std::string value;

  bool operator==(const HTTPQueryParamMatch&) const = default;
};

struct HTTPRouteMatch {
  HTTPPathMatch path;
  std::vector<HTTPHeaderMatch> headers;
  std::vector<HTTPQueryParamMatch> query_params;
  std::optional<std::string> method;

  bool operator==(const HTTPRouteMatch&) const = default;
};

struct HTTPHeader {
  std::string name;
  std::string value;

  bool operator==(const HTTPHeader&) const = default;
};

struct HTTPHeaderFilter {
  std::vector<HTTPHeader> set;
  std::vector<HTTPHeader> add;
  std::vector<std::string> remove;

  bool operator==(const HTTPHeaderFilter&) const = default;
};

struct HTTPPathModifier {
  enum class Type { kReplaceFullPath, kReplacePrefixMatch };
  Type type = Type::kReplaceFullPath;
  std::string value;  // replaceFullPath or replacePrefixMatch, as type says

  bool operator==(const HTTPPathModifier&) const = default;
};

struct HTTPRequestRedirectFilter {
  std::optional<std::string> scheme;  // "http" or "https"
  std::optional<std::string> hostname;
  std::optional<HTTPPathModifier> path;
  std::optional<uint16_t> port;
  int status_code = 302;

  bool operator==(const HTTPRequestRedirectFilter&) const = default;
};

struct HTTPURLRewriteFilter {
  std::optional<std::string> hostname;
  std::optional<HTTPPathModifier> path;

  bool operator==(const HTTPURLRewriteFilter&) const = default;
};

struct MirrorFraction {
  int32_t numerator = 0;
  int32_t denominator = 100;

  bool operator==(const MirrorFraction&) const = default;
};

struct HTTPRequestMirrorFilter {
  BackendObjectReference backend_ref;
  std::optional<int32_t> percent;
  std::optional<MirrorFraction> fraction;

  bool operator==(const HTTPRequestMirrorFilter&) const = default;
};

struct HTTPCORSFilter {
  std::vector<std::string> allow_origins;
  std::optional<bool> allow_credentials;
  std::vector<std::string> allow_methods;
  std::vector<std::string> allow_headers;
  std::vector<std::string> expose_headers;
  int32_t max_age = 5;

  bool operator==(const HTTPCORSFilter&) const = default;
};

struct HTTPExternalAuthFilter {
  enum class Protocol { kHttp, kGrpc };
  Protocol protocol = Protocol::kHttp;
  BackendObjectReference backend_ref;
  std::optional<std::string> http_path;
  std::vector<std::string> allowed_headers;  // of `http` or `grpc`
  std::vector<std::string> allowed_response_headers;
  std::optional<int32_t> forward_body_max_size;  // set when forwardBody is there; 0 is no body

  bool operator==(const HTTPExternalAuthFilter&) const = default;
};

// The payload that `type` names is set, all others are not.
struct HTTPRouteFilter {
  enum class Type {
    kRequestHeaderModifier,
    kResponseHeaderModifier,
    kRequestMirror,
    kRequestRedirect,
    kURLRewrite,
    kExtensionRef,
    kCORS,
    kExternalAuth
  };
  Type type = Type::kRequestHeaderModifier;
  std::optional<HTTPHeaderFilter> request_header_modifier;
  std::optional<HTTPHeaderFilter> response_header_modifier;
  std::optional<HTTPRequestMirrorFilter> request_mirror;
  std::optional<HTTPRequestRedirectFilter> request_redirect;
  std::optional<HTTPURLRewriteFilter> url_rewrite;
  std::optional<LocalObjectReference> extension_ref;
  std::optional<HTTPCORSFilter> cors;
  std::optional<HTTPExternalAuthFilter> external_auth;

  bool operator==(const HTTPRouteFilter&) const = default;
};

// "RequestRedirect" and so on, as the API writes it.
std::string_view ToString(HTTPRouteFilter::Type type);

struct HTTPBackendRef {
  std::string group;
  std::string kind = "Service";
  std::optional<std::string> namespace_;
  std::string name;
  std::optional<uint16_t> port;  // always set for a Service
  int32_t weight = 1;
  std::vector<HTTPRouteFilter> filters;

  bool operator==(const HTTPBackendRef&) const = default;
};

struct HTTPRouteTimeouts {
  std::optional<std::chrono::milliseconds> request;  // 0 switches it off
  std::optional<std::chrono::milliseconds> backend_request;

  bool operator==(const HTTPRouteTimeouts&) const = default;
};

struct HTTPRouteRetry {
  std::vector<int> codes;
  int32_t attempts = 1;  // retries after the first try; 0 switches retrying off
  std::optional<std::chrono::milliseconds> backoff;

  bool operator==(const HTTPRouteRetry&) const = default;
};

struct SessionPersistence {
  enum class Type { kCookie, kHeader };
  Type type = Type::kCookie;
  std::optional<std::chrono::milliseconds> absolute_timeout;
  std::optional<std::string> cookie_name;
  std::string cookie_path = "/";
  bool cookie_permanent = false;  // lifetimeType: Permanent
  std::optional<std::string> header_name;

  bool operator==(const SessionPersistence&) const = default;
};

struct HTTPRouteRule {
  std::optional<std::string> name;
  std::vector<HTTPRouteMatch> matches;
  std::vector<HTTPRouteFilter> filters;
  std::vector<HTTPBackendRef> backend_refs;
  std::optional<HTTPRouteTimeouts> timeouts;
  std::optional<HTTPRouteRetry> retry;
  std::optional<SessionPersistence> session_persistence;

  bool operator==(const HTTPRouteRule&) const = default;
};

struct RouteParentStatus {
  ParentReference parent_ref;
  std::string controller_name;
  std::vector<Condition> conditions;

  bool operator==(const RouteParentStatus&) const = default;
};

struct HTTPRoute {
  struct Spec {
    std::vector<ParentReference> parent_refs;
    std::vector<std::string> hostnames;
    std::vector<HTTPRouteRule> rules;
    std::optional<std::string> use_default_gateways;  // "All" or "None" (experimental)

    bool operator==(const Spec&) const = default;
  };
  struct Status {
    std::vector<RouteParentStatus> parents;

    bool operator==(const Status&) const = default;
  };

  ObjectMeta metadata;
  Spec spec;
  Status status;

  bool operator==(const HTTPRoute&) const = default;
};

}  // namespace portreeve::gatewayapi
