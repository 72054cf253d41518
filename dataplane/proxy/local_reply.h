// Answers that the gateway gives itself.
#pragma once

#include <string_view>

#include "dataplane/http/arena.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"

namespace portreeve::proxy {

struct LocalReply {
  // Of the answer; for a redirect the filter's own.
  int status = 0;
  // Empty but for a redirect.
  std::string_view location;
  // The text of the body: what happened and what to do about it. Empty for a redirect.
  std::string_view body;
};

// Every answer of the gateway's own leaves through this: fills `head` and returns the body.
// `proxy_status`: adds RFC 9209 Proxy-Status with the reason's word as its detail.
LocalReply MakeLocalReply(http::Failure failure, http::Arena& arena);
void FillLocalReply(const LocalReply& reply, http::Failure failure, bool proxy_status, http::Arena& arena,
                    http::ResponseHead& head);

// The error type of RFC 9209 section 2.3 that comes nearest to a reason; empty where there is none.
std::string_view ProxyStatusError(http::Reason reason);

}  // namespace portreeve::proxy
