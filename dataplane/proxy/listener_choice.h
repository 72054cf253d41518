// Which listener of a port owns a request.
#pragma once

#include <string_view>

#include "dataplane/config/runtime_config.h"
#include "dataplane/http/reason.h"
#include "dataplane/proxy/proxy_context.h"

namespace portreeve::proxy {

struct ListenerChoice {
  // Null with a reason: kNoListener or kMisdirected.
  const config::Listener* listener = nullptr;
  http::Reason reason = http::Reason::kNone;
};

// The listener with the most specific hostname that covers `host`, and no other, owns the request (listener isolation).
// Over TLS it must be the one that owns the handshake's server name too: else 421 (Gateway API Listener.hostname).
ListenerChoice ChooseListener(const config::Port& port, const ConnectionFacts& connection, std::string_view host);

// The listener with the most specific hostname that covers a name; null if there is none.
const std::shared_ptr<const config::Listener>* FindListener(const config::Port& port, std::string_view name);

}  // namespace portreeve::proxy
