// The one vocabulary of explained answers: where it arose (origin), at which step (phase) and why (reason). Access log,
// metrics and Proxy-Status use these words and no others; docs/reasons.md is generated from this table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace portreeve::http {

enum class Origin : std::uint8_t { kDownstream, kGateway, kUpstream };

enum class Phase : std::uint8_t {
  kAccept,
  kTls,
  kHead,
  kRoute,
  kPolicy,
  kConnect,
  kSend,
  kWait,
  kHeadReceived,
  kBody,
  kTunnel,
  kDone,
};

// X(identifier, word, origin, status, sentence, remedy)
// `status` is what the client gets, 0 where none can be sent any more.
#define PORTREEVE_REASONS(X)                                                                                          \
  X(kNone, "none", kUpstream, 0, "The answer is the backend's own.", "Nothing to do.")                                \
  X(kMalformedRequest, "malformed_request", kDownstream, 400, "The request line or a field line breaks RFC 9112.",    \
    "Correct the client; the connection was closed.")                                                                 \
  X(kInvalidTarget, "invalid_target", kDownstream, 400, "The request target isn't a valid URI path and query.",       \
    "Percent-encode what RFC 3986 doesn't allow in a path.")                                                          \
  X(kInvalidHost, "invalid_host", kDownstream, 400, "Host is missing, given twice, or no valid authority.",           \
    "Send exactly one Host field that names host and optional port.")                                                 \
  X(kInvalidHeader, "invalid_header", kDownstream, 400, "A field name or value holds characters it must not.",        \
    "Send tokens as names and no control characters in values; underscores in names are refused.")                    \
  X(kInvalidFraming, "invalid_framing", kDownstream, 400,                                                             \
    "Content-Length or Transfer-Encoding is malformed, repeated or contradictory.",                                   \
    "Send exactly one of a plain Content-Length and `Transfer-Encoding: chunked`.")                                   \
  X(kInvalidBody, "invalid_body", kDownstream, 400, "The chunked body or its trailer is malformed.",                  \
    "Correct the client's chunked encoding.")                                                                         \
  X(kVersionNotSupported, "version_not_supported", kDownstream, 505, "The protocol version isn't supported.",         \
    "Use HTTP/1.0, HTTP/1.1 or HTTP/2.")                                                                              \
  X(kMethodNotSupported, "method_not_supported", kDownstream, 501, "The method is longer than any that is known.",    \
    "Use a method of 32 bytes at most.")                                                                              \
  X(kMethodNotAllowed, "method_not_allowed", kDownstream, 405, "CONNECT and TRACE aren't served.",                    \
    "Use another method.")                                                                                            \
  X(kTargetTooLong, "target_too_long", kDownstream, 414, "The request line is longer than the limit.",                \
    "Shorten the URL or raise request_line_bytes.")                                                                   \
  X(kHeaderTooLarge, "header_too_large", kDownstream, 431, "The header block is larger than the limit.",              \
    "Send fewer or smaller fields (cookies, often), or raise header_bytes.")                                          \
  X(kTooManyHeaders, "too_many_headers", kDownstream, 431, "There are more field lines than the limit.",              \
    "Send fewer fields or raise header_count.")                                                                       \
  X(kExpectationFailed, "expectation_failed", kDownstream, 417, "Expect asks for something other than 100-continue.", \
    "Send `Expect: 100-continue` or nothing.")                                                                        \
  X(kHeaderTimeout, "header_timeout", kDownstream, 408, "The head of the request wasn't complete in time.",           \
    "Look for a slow or stuck client; the limit is header_read_timeout_ms.")                                          \
  X(kBodyTimeout, "body_timeout", kDownstream, 408, "The request body made no progress in time.",                     \
    "Look for a slow or stuck client; the limit is body_idle_timeout_ms.")                                            \
  X(kIdleTimeout, "idle_timeout", kDownstream, 0, "The connection was idle for too long.",                            \
    "Nothing to do; the limit is connection_idle_timeout_ms.")                                                        \
  X(kClientClosed, "client_closed", kDownstream, 0, "The client closed the connection before the answer was sent.",   \
    "Look at the client, or at a backend that is too slow for it.")                                                   \
  X(kClientStalled, "client_stalled", kDownstream, 0, "The client didn't take the answer in time.",                   \
    "Look at the client or its network; the limit is body_idle_timeout_ms.")                                          \
  X(kTlsFailed, "tls_failed", kDownstream, 0, "The TLS handshake failed.",                                            \
    "Check the client's TLS versions, ciphers and trust.")                                                            \
  X(kTlsTimeout, "tls_timeout", kDownstream, 0, "The TLS handshake didn't finish in time.",                           \
    "Look for a client that speaks no TLS on this port; the limit is tls_handshake_timeout_ms.")                      \
  X(kTlsUnknownName, "tls_unknown_name", kDownstream, 0, "No listener of the port serves the name asked for in SNI.", \
    "Send SNI that a listener's hostname covers, or add a listener.")                                                 \
  X(kMisdirected, "misdirected", kDownstream, 421,                                                                    \
    "Another listener owns this host than the one of the TLS handshake.", "Open a new connection for that host.")     \
  X(kProtocolError, "protocol_error", kDownstream, 0, "The client broke the rules of HTTP/2.", "Correct the client.") \
  X(kFlood, "flood", kDownstream, 0, "The client caused more work than a connection may.",                            \
    "Look for an attack, or a client that cancels most of its requests.")                                             \
  X(kTooManyConnections, "too_many_connections", kGateway, 503, "The gateway has as many connections as it may.",     \
    "Raise max_connections and the file descriptor limit, or add replicas.")                                          \
  X(kNoRoute, "no_route", kGateway, 404, "No route of the listener matches the request.",                             \
    "Check hostnames and matches of the routes attached to this listener.")                                           \
  X(kNoListener, "no_listener", kGateway, 404, "No listener of the port has a hostname that covers the host.",        \
    "Add a listener or correct the Host.")                                                                            \
  X(kRedirected, "redirected", kGateway, 302, "A RequestRedirect filter answered.", "Nothing to do.")                 \
  X(kInvalidRewrite, "invalid_rewrite", kGateway, 500, "A filter's result isn't a valid path, host or field.",        \
    "Correct the filter of the rule.")                                                                                \
  X(kNoBackends, "no_backends", kGateway, 500, "The rule has no backendRefs, or their weights add up to 0.",          \
    "Add a backendRef with a weight.")                                                                                \
  X(kBackendUnresolved, "backend_unresolved", kGateway, 500, "The backendRef can't be resolved.",                     \
    "Look at the route's ResolvedRefs condition.")                                                                    \
  X(kNoEndpoints, "no_endpoints", kGateway, 503, "The backend has no endpoint that is ready.",                        \
    "Look at the pods behind the Service and their readiness.")                                                       \
  X(kRequestTimeout, "request_timeout", kGateway, 504, "The request took longer than its timeout.",                   \
    "Look at the backend, or raise timeouts.request of the rule.")                                                    \
  X(kBackendRequestTimeout, "backend_request_timeout", kGateway, 504, "The backend took longer than its timeout.",    \
    "Look at the backend, or raise timeouts.backendRequest of the rule.")                                             \
  X(kDraining, "draining", kGateway, 503, "The gateway is going away and takes no more requests.",                    \
    "Send the request again; another replica serves it.")                                                             \
  X(kConnectFailed, "connect_failed", kUpstream, 502, "The endpoint refused the connection or can't be reached.",     \
    "Check that the pod listens on the port that the Service names.")                                                 \
  X(kConnectTimeout, "connect_timeout", kUpstream, 504, "The endpoint didn't accept the connection in time.",         \
    "Check network policies and the pod's load; the limit is connect_timeout_ms.")                                    \
  X(kUpstreamReset, "upstream_reset", kUpstream, 502, "The endpoint closed the connection before it answered.",       \
    "Look at the backend's log; it may have crashed or closed an idle connection.")                                   \
  X(kResponseMalformed, "response_malformed", kUpstream, 502, "The endpoint's answer isn't valid HTTP.",              \
    "Correct the backend; its connection was closed.")                                                                \
  X(kResponseTooLarge, "response_too_large", kUpstream, 502, "The head of the answer is larger than the limit.",      \
    "Make the backend send fewer or smaller fields, or raise response_header_bytes.")                                 \
  X(kResponseTimeout, "response_timeout", kUpstream, 504, "The head of the answer didn't come in time.",              \
    "Look at the backend, or set timeouts on the rule; the limit is response_head_timeout_ms.")                       \
  X(kResponseTruncated, "response_truncated", kUpstream, 0, "The answer broke off; the client can tell.",             \
    "Look at the backend's log.")                                                                                     \
  X(kUpgradeRefused, "upgrade_refused", kUpstream, 502, "The endpoint switched protocols in a way nobody asked for.", \
    "Correct the backend.")                                                                                           \
  X(kInternal, "internal", kGateway, 500, "The gateway made a mistake.", "Report it, with the request id.")

enum class Reason : std::uint8_t {
#define PORTREEVE_REASON_ENUM(identifier, word, origin, status, sentence, remedy) identifier,
  PORTREEVE_REASONS(PORTREEVE_REASON_ENUM)
#undef PORTREEVE_REASON_ENUM
};

struct ReasonText {
  std::string_view word;
  Origin origin;
  // Of the answer to the client; 0: none.
  int status;
  std::string_view sentence;
  std::string_view remedy;
};

inline constexpr ReasonText kReasonTexts[] = {
#define PORTREEVE_REASON_ROW(identifier, word, origin, status, sentence, remedy) \
  {word, Origin::origin, status, sentence, remedy},
    PORTREEVE_REASONS(PORTREEVE_REASON_ROW)
#undef PORTREEVE_REASON_ROW
};
inline constexpr std::size_t kReasonCount = sizeof(kReasonTexts) / sizeof(kReasonTexts[0]);

constexpr const ReasonText& Describe(Reason reason) {
  return kReasonTexts[static_cast<std::size_t>(reason)];
}

constexpr std::string_view OriginName(Origin origin) {
  constexpr std::string_view kNames[] = {"downstream", "gateway", "upstream"};
  return kNames[static_cast<std::size_t>(origin)];
}

constexpr std::string_view PhaseName(Phase phase) {
  constexpr std::string_view kNames[] = {"accept", "tls",  "head",          "route", "policy", "connect",
                                         "send",   "wait", "head_received", "body",  "tunnel", "done"};
  return kNames[static_cast<std::size_t>(phase)];
}

// Why something ended, at which step. Reason::kNone: it went well.
struct Failure {
  Reason reason = Reason::kNone;
  Phase phase = Phase::kDone;
  explicit operator bool() const { return reason != Reason::kNone; }
};

}  // namespace portreeve::http
