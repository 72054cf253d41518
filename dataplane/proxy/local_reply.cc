#include "dataplane/proxy/local_reply.h"

namespace portreeve::proxy {

LocalReply MakeLocalReply(http::Failure failure, http::Arena& arena) {
  const http::ReasonText& text = http::Describe(failure.reason);
  LocalReply reply;
  reply.status = text.status != 0 ? text.status : 500;
  reply.body = arena.Concat({text.word, ": ", text.sentence, "\n"});
  return reply;
}

void FillLocalReply(const LocalReply& reply, http::Failure failure, bool proxy_status, http::Arena& arena,
                    http::ResponseHead& head) {
  head.Clear();
  head.status = reply.status;
  head.framing = http::Framing::kLength;
  head.content_length = reply.body.size();
  head.has_content_length = true;
  if (!reply.location.empty()) head.headers.Add(http::HeaderId::kLocation, reply.location);
  if (!reply.body.empty()) head.headers.Add(http::HeaderId::kContentType, "text/plain; charset=utf-8");
  if (reply.status == 405) head.headers.Add("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (!proxy_status) return;
  const std::string_view error = ProxyStatusError(failure.reason);
  const std::string_view word = http::Describe(failure.reason).word;
  head.headers.Add(http::HeaderId::kProxyStatus,
                   arena.Concat({"portreeve", error.empty() ? "" : "; error=", error, "; details=\"", word, "\""}));
}

std::string_view ProxyStatusError(http::Reason reason) {
  using http::Reason;
  switch (reason) {
    case Reason::kNone:
    case Reason::kRedirected:
      return {};
    case Reason::kNoEndpoints:
    case Reason::kDraining:
      return "destination_unavailable";
    case Reason::kConnectFailed:
      return "connection_refused";
    case Reason::kConnectTimeout:
      return "connection_timeout";
    case Reason::kUpstreamReset:
      return "connection_terminated";
    case Reason::kResponseMalformed:
      return "http_protocol_error";
    case Reason::kResponseTooLarge:
      return "http_response_header_section_size";
    case Reason::kResponseTimeout:
    case Reason::kRequestTimeout:
    case Reason::kBackendRequestTimeout:
      return "http_response_timeout";
    case Reason::kResponseTruncated:
      return "http_response_incomplete";
    case Reason::kUpgradeRefused:
      return "http_upgrade_failed";
    case Reason::kNoBackends:
    case Reason::kBackendUnresolved:
    case Reason::kInvalidRewrite:
      return "proxy_configuration_error";
    case Reason::kNoRoute:
    case Reason::kNoListener:
      return "destination_not_found";
    case Reason::kInternal:
      return "proxy_internal_error";
    case Reason::kTooManyConnections:
      return "connection_limit_reached";
    default:
      return http::Describe(reason).origin == http::Origin::kDownstream ? "http_request_error"
                                                                        : "proxy_internal_response";
  }
}

}  // namespace portreeve::proxy
