// What a head means, or why it is refused (RFC 9110, RFC 9112): the one place where framing, authority, target and
// hop-by-hop fields are decided. Pure: no I/O, no state. A message that two recipients could read differently is
// refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"

namespace portreeve::codec {

// Fills `head` from a parsed request head (characters and sizes were checked by the parser). `scheme` outlives `head`.
// kNone, or why it is refused; then `head` holds method, target (as path) and version only.
// Refused are: Transfer-Encoding other than exactly one `chunked`, in HTTP/1.0, or beside Content-Length; a
// Content-Length that isn't one plain decimal number; Host missing, repeated, invalid or other than the target's
// authority; CONNECT and TRACE; targets that aren't a valid path and query; two Authorization lines; Expect other than
// one 100-continue (HTTP/1.0: ignored).
http::Reason CheckRequest(const Http1HeadParser& raw, std::string_view scheme, http::Arena& arena,
                          http::RequestHead& head);

// What the response belongs to.
struct ResponseContext {
  // To a HEAD: there is no body.
  bool head_request = false;
  // What the request asked to change to; empty: nothing. A 101 must name the same.
  std::string_view upgrade_asked;
  // Sec-WebSocket-Key of the request.
  std::string_view websocket_key;
};

// Likewise for a response. kNone, kResponseMalformed, or kUpgradeRefused for a 101 that nobody asked for or that
// doesn't match. Content-Length and Transfer-Encoding of a 204 are dropped, and the connection isn't kept; with 1xx
// they are refused.
http::Reason CheckResponse(const Http1HeadParser& raw, const ResponseContext& context, http::ResponseHead& head);

// Trailer fields: kInvalidBody for Content-Length, Transfer-Encoding or Host; the others are added to `trailers`,
// without those that route, authenticate or connect.
http::Reason CheckTrailers(std::span<const RawField> raw, http::HeaderList& trailers);

// The parts that HTTP/2 shares.

// 1*DIGIT without leading zeros, below 2^63.
std::optional<std::uint64_t> ParseContentLength(std::string_view value);

// Splits and normalises an origin-form target into path, query and has_query; false when it is no valid one. "*" is
// for OPTIONS only.
bool CheckTarget(std::string_view target, http::Arena& arena, http::RequestHead& head);

// Sets authority and host; false when it is no valid authority.
bool CheckAuthority(std::string_view authority, http::Arena& arena, http::RequestHead& head);

// Fields about one connection, which are never forwarded (RFC 9110 section 7.6.1).
bool IsHopByHop(http::HeaderId id);

// Fields that keep their place even when Connection names them: framing, routing, identity, content.
bool IsProtected(const http::HeaderField& field);

// 16 bytes in base64 (RFC 6455 section 4.1).
bool IsWebSocketKey(std::string_view key);

}  // namespace portreeve::codec
