// What backends are told about the client: X-Forwarded-*, Forwarded (RFC 7239) and X-Request-Id.
#pragma once

#include <string_view>

#include "dataplane/http/arena.h"
#include "dataplane/http/message.h"
#include "dataplane/proxy/proxy_context.h"

namespace portreeve::proxy {

// The client's X-Request-Id if it is 1-128 visible characters, else a new one of 32 hexadecimal digits.
std::string_view RequestId(const http::RequestHead& head, http::Arena& arena, upstream::Random& random);

// Replaces what a client says about itself, or, from a trusted proxy, adds to it. `authority` and `scheme` are the
// request's own, from before any filter. Always removes X-Forwarded-Client-Cert: nothing here has verified one.
void SetForwarded(http::RequestHead& head, http::Arena& arena, const ProxyOptions& options,
                  const ConnectionFacts& connection, std::string_view authority, std::string_view request_id);

}  // namespace portreeve::proxy
