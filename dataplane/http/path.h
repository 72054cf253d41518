// Targets and authorities: one normalised form, or refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/http/arena.h"

namespace portreeve::http {

// The path as matched, authorised and forwarded (RFC 3986 sections 5.2.4 and 6.2.2): dot segments removed ("%2e" too),
// escapes of unreserved characters decoded once, hexadecimal digits in upper case. "%2F" and "%5C" stay as they are;
// "//" stays. Refused (nullopt): no "/" at the start, invalid escapes, control characters (escaped ones too: "%00",
// "%0A"), bytes above 0x7E, and \ # < > " { } ^ ` | and blanks. A ".." that would leave the root is dropped at the
// root. Returns `path` itself when it is normal already, else a copy in the arena.
std::optional<std::string_view> NormalizePath(std::string_view path, Arena& arena);

// Whether a query may be forwarded: visible ASCII without " # < > \ ^ ` { | } ... as for paths; escapes must be valid.
bool IsValidQuery(std::string_view query);

struct Authority {
  // Lower case, brackets of an IPv6 literal kept, the dot at the end dropped.
  std::string_view host;
  std::optional<std::uint16_t> port;
};

// Host or :authority (RFC 9110 section 4.2, RFC 3986 section 3.2.2 without userinfo): reg-name of letters, digits,
// "-", "_" and ".", an IPv4 or a bracketed IPv6 literal; port 1-65535 in plain digits. Nullopt for anything else.
// `host` is a copy in the arena only where it has upper case.
std::optional<Authority> ParseAuthority(std::string_view text, Arena& arena);

}  // namespace portreeve::http
