#include "dataplane/proxy/forwarded.h"

#include <algorithm>

namespace portreeve::proxy {
namespace {

using http::HeaderId;

bool IsForwarding(HeaderId id) {
  switch (id) {
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedPort:
    case HeaderId::kXRealIp:
    case HeaderId::kForwarded:
      return true;
    default:
      return false;
  }
}

// An element of Forwarded: an IPv6 address is bracketed and quoted (RFC 7239 section 6), and so is a host with a port.
std::string_view ForwardedElement(http::Arena& arena, const ConnectionFacts& connection, std::string_view authority,
                                  std::string_view scheme) {
  const bool v6 = connection.client.find(':') != std::string::npos;
  const std::string_view host_quote = authority.find(':') == std::string_view::npos ? "" : "\"";
  return arena.Concat({"for=", v6 ? "\"[" : "", connection.client, v6 ? "]\"" : "", ";host=", host_quote, authority,
                       host_quote, ";proto=", scheme});
}

// The lines of a list field and one more element, as one line.
void Append(http::RequestHead& head, http::Arena& arena, HeaderId id, std::string_view element) {
  std::string_view joined;
  for (const http::HeaderField& field : head.headers) {
    if (field.id != id || field.value.empty()) continue;
    joined = joined.empty() ? field.value : arena.Concat({joined, ", ", field.value});
  }
  head.headers.Set(id, joined.empty() ? element : arena.Concat({joined, ", ", element}));
}

}  // namespace

std::string_view RequestId(const http::RequestHead& head, http::Arena& arena, upstream::Random& random) {
  const http::HeaderField* given = head.headers.Find(HeaderId::kXRequestId);
  if (given != nullptr && !given->value.empty() && given->value.size() <= 128 &&
      std::all_of(given->value.begin(), given->value.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
    return given->value;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  char* out = arena.Allocate(32);
  for (int half = 0; half < 2; ++half) {
    std::uint64_t bits = random.Next();
    for (int i = 0; i < 16; ++i) {
      out[half * 16 + i] = kHex[bits & 15];
      bits >>= 4;
    }
  }
  return {out, 32};
}

void SetForwarded(http::RequestHead& head, http::Arena& arena, const ProxyOptions& options,
                  const ConnectionFacts& connection, std::string_view authority, std::string_view request_id) {
  const bool trusted = !options.trusted_proxies.empty() && options.trusted_proxies.Contains(connection.client);
  head.headers.Retain([&](const http::HeaderField& field) {
    if (field.id == HeaderId::kXForwardedClientCert || field.id == HeaderId::kXRequestId) return false;
    return trusted || !IsForwarding(field.id);
  });
  if (!options.forwarded_headers) return;
  const std::string_view element = ForwardedElement(arena, connection, authority, head.scheme);
  if (trusted) {
    Append(head, arena, HeaderId::kXForwardedFor, connection.client);
    Append(head, arena, HeaderId::kForwarded, element);
    if (head.headers.Find(HeaderId::kXForwardedProto) == nullptr) {
      head.headers.Add(HeaderId::kXForwardedProto, head.scheme);
    }
    if (head.headers.Find(HeaderId::kXForwardedHost) == nullptr) {
      head.headers.Add(HeaderId::kXForwardedHost, authority);
    }
  } else {
    head.headers.Add(HeaderId::kXForwardedFor, connection.client);
    head.headers.Add(HeaderId::kXForwardedProto, head.scheme);
    head.headers.Add(HeaderId::kXForwardedHost, authority);
    head.headers.Add(HeaderId::kForwarded, element);
  }
  head.headers.Add(HeaderId::kXRequestId, request_id);
}

}  // namespace portreeve::proxy
