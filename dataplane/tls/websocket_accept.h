// The answer to a WebSocket key (RFC 6455 section 4.2.2).
#pragma once

#include <array>
#include <string_view>

namespace portreeve::tls {

struct WebSocketAcceptValue {
  std::array<char, 28> characters{};
  std::string_view text() const { return {characters.data(), characters.size()}; }
};

// Base64 of SHA-1 of the key and the protocol's fixed text. SHA-1 is what the RFC says; nothing secret hangs on it.
WebSocketAcceptValue WebSocketAccept(std::string_view key);

}  // namespace portreeve::tls
