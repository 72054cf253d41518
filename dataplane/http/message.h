// One request head and one response head, whatever protocol brought them. Everything from here on to routing, filters
// and the upstream side works on these; the codecs make them and write them.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/http/header_list.h"

namespace portreeve::http {

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };

// "HTTP/1.1"
std::string_view VersionName(Version version);

// How the end of a body is told (RFC 9112 section 6.3). For HTTP/2 kChunked means "until END_STREAM".
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

// A request that passed the checks of codec/message_checks. All views live as long as the exchange: they point into
// the connection's read buffer, or into the exchange's Arena.
struct RequestHead {
  std::string_view method;
  // Normalised (RFC 3986 section 6.2.2): begins with "/", no dot segments, no escapes of unreserved characters,
  // upper-case hexadecimal. This one path is matched, authorised and forwarded. "*" only for OPTIONS.
  std::string_view path;
  // Without the "?"; as received. `has_query` tells "/x?" from "/x".
  std::string_view query;
  bool has_query = false;
  // "http" or "https": how the client reached us.
  std::string_view scheme;
  // Host or :authority as received, forwarded like this unless rewritten.
  std::string_view authority;
  // Of `authority`: lower case, without port, without the dot at its end; brackets of an IPv6 literal stay.
  std::string_view host;
  Version version = Version::kHttp11;
  Framing framing = Framing::kNone;
  // With kLength only.
  std::uint64_t content_length = 0;
  // The client lets us keep its connection (HTTP/1 only).
  bool keep_alive = true;
  // `Expect: 100-continue` was there, exactly so; the field itself is removed.
  bool expect_continue = false;
  // The client asks for another protocol: the value of Upgrade ("websocket"), when Connection names it. Else empty.
  std::string_view upgrade;
  // All fields but Host, Content-Length and Transfer-Encoding, which stand above, and Expect. Hop-by-hop fields are
  // gone too (RFC 9110 section 7.6.1).
  HeaderList headers;

  // Back to the state of a new one; keeps capacity.
  void Clear();
};

struct ResponseHead {
  int status = 0;
  Version version = Version::kHttp11;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  // Whether Content-Length was there: an answer to HEAD and a 304 carry one without a body, and it is passed on.
  bool has_content_length = false;
  // The upstream lets us keep its connection (HTTP/1 only).
  bool keep_alive = true;
  // Value of Upgrade in a 101. Else empty.
  std::string_view upgrade;
  // All fields but Content-Length and Transfer-Encoding, without hop-by-hop fields.
  HeaderList headers;

  void Clear();
};

// The reason phrase of a status code; empty for an unknown one.
std::string_view ReasonPhrase(int status);

}  // namespace portreeve::http
