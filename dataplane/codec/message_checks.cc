#include "dataplane/codec/message_checks.h"

#include "dataplane/http/ascii.h"
#include "dataplane/http/path.h"
#include "dataplane/tls/websocket_accept.h"

namespace portreeve::codec {

using http::EqualsIgnoreCase;
using http::HeaderField;
using http::HeaderId;
using http::Reason;

namespace {

constexpr std::size_t kMaxConnectionOptions = 100;
constexpr std::string_view kWebSocket = "websocket";

// What Connection says.
struct ConnectionOptions {
  bool close = false;
  bool upgrade = false;
  // Other fields are named, and have to go.
  bool names_fields = false;
  std::size_t count = 0;

  void Add(std::string_view value) {
    http::ForEachToken(value, [this](std::string_view option) {
      ++count;
      if (EqualsIgnoreCase(option, "close")) {
        close = true;
      } else if (EqualsIgnoreCase(option, "upgrade")) {
        upgrade = true;
      } else if (!EqualsIgnoreCase(option, "keep-alive")) {
        names_fields = true;
      }
    });
  }
};

// The fields that decide about the message, gathered in one walk.
struct Special {
  ConnectionOptions connection;
  std::size_t hosts = 0;
  std::size_t content_lengths = 0;
  std::size_t transfer_encodings = 0;
  std::size_t authorizations = 0;
  std::size_t expectations = 0;
  std::size_t websocket_keys = 0;
  std::size_t websocket_versions = 0;
  std::size_t websocket_accepts = 0;
  bool chunked = false;
  bool http2_settings = false;
  std::string_view host;
  std::string_view content_length;
  std::string_view expect;
  std::string_view upgrade;
  std::string_view websocket_key;
  std::string_view websocket_version;
  std::string_view websocket_accept;

  // False: the field isn't forwarded as it is.
  bool Take(HeaderId id, std::string_view value);
};

bool Special::Take(HeaderId id, std::string_view value) {
  switch (id) {
    case HeaderId::kOther:
      return true;
    case HeaderId::kHost:
      ++hosts;
      host = value;
      return false;
    case HeaderId::kContentLength:
      ++content_lengths;
      content_length = value;
      return false;
    case HeaderId::kTransferEncoding:
      ++transfer_encodings;
      chunked = EqualsIgnoreCase(value, "chunked");
      return false;
    case HeaderId::kConnection:
      connection.Add(value);
      return false;
    case HeaderId::kExpect:
      ++expectations;
      expect = value;
      return false;
    case HeaderId::kUpgrade:
      http::ForEachToken(value, [this](std::string_view token) {
        if (EqualsIgnoreCase(token, kWebSocket)) upgrade = token;
      });
      return false;
    case HeaderId::kAuthorization:
      ++authorizations;
      return true;
    case HeaderId::kSecWebSocketKey:
      ++websocket_keys;
      websocket_key = value;
      return true;
    case HeaderId::kSecWebSocketVersion:
      ++websocket_versions;
      websocket_version = value;
      return true;
    case HeaderId::kSecWebSocketAccept:
      ++websocket_accepts;
      websocket_accept = value;
      return true;
    default:
      return !IsHopByHop(id);
  }
}

bool NamedByConnection(std::span<const RawField> raw, const HeaderField& field) {
  bool named = false;
  for (const RawField& line : raw) {
    if (line.name.size() != 10 || http::HeaderIdOf(line.name) != HeaderId::kConnection) continue;
    http::ForEachToken(line.value,
                       [&](std::string_view option) { named = named || EqualsIgnoreCase(option, field.name); });
  }
  return named;
}

// Walks the fields into `headers`, without those that are hop-by-hop. False when Connection holds too many options.
bool SortFields(std::span<const RawField> raw, Special& special, http::HeaderList& headers) {
  for (const RawField& line : raw) {
    const HeaderId id = http::HeaderIdOf(line.name);
    if (special.Take(id, line.value)) headers.Add({line.name, line.value, id});
  }
  if (special.connection.count > kMaxConnectionOptions) return false;
  if (special.connection.names_fields) {
    headers.Retain([&](const HeaderField& field) { return IsProtected(field) || !NamedByConnection(raw, field); });
  }
  return true;
}

// RFC 9112 section 6, the strict branch of each choice. False: refuse.
template <typename Head>
bool SetFraming(const Special& special, Head& head) {
  head.framing = http::Framing::kNone;
  head.content_length = 0;
  if (special.transfer_encodings != 0) {
    if (special.transfer_encodings != 1 || !special.chunked || special.content_lengths != 0 ||
        head.version == http::Version::kHttp10) {
      return false;
    }
    head.framing = http::Framing::kChunked;
    return true;
  }
  if (special.content_lengths == 0) return true;
  const std::optional<std::uint64_t> length = ParseContentLength(special.content_length);
  if (special.content_lengths != 1 || !length) return false;
  head.framing = http::Framing::kLength;
  head.content_length = *length;
  return true;
}

std::uint16_t DefaultPort(std::string_view scheme) {
  return EqualsIgnoreCase(scheme, "https") ? 443 : 80;
}

// An absolute-form target: takes scheme and authority off its front and compares the authority with Host. The rest is
// left in `target`: a path with query, or "*" for OPTIONS without both (RFC 9112 section 3.2.4).
Reason TakeAbsoluteForm(std::string_view& target, std::string_view& authority, http::Arena& arena,
                        std::string_view method) {
  const std::size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon);
  if (colon == std::string_view::npos || !(EqualsIgnoreCase(scheme, "http") || EqualsIgnoreCase(scheme, "https"))) {
    return Reason::kInvalidTarget;
  }
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view named = rest.substr(0, end);
  const std::optional<http::Authority> of_target = http::ParseAuthority(named, arena);
  const std::optional<http::Authority> of_host = http::ParseAuthority(authority, arena);
  if (!of_target) return Reason::kInvalidTarget;
  const std::uint16_t port = DefaultPort(scheme);
  if (!of_host || of_target->host != of_host->host || of_target->port.value_or(port) != of_host->port.value_or(port)) {
    return Reason::kInvalidHost;
  }
  authority = named;
  target = rest.substr(end);
  if (target.empty()) {
    target = method == "OPTIONS" ? "*" : "/";
  } else if (target[0] == '?') {
    target = arena.Concat({"/", target});
  }
  return Reason::kNone;
}

// Asks for WebSocket in the one way that can be tunnelled (RFC 6455 section 4.1). Else the request goes on without.
bool AsksForWebSocket(const Special& special, const http::RequestHead& head) {
  return special.connection.upgrade && !special.upgrade.empty() && head.version == http::Version::kHttp11 &&
         head.method == "GET" && head.framing == http::Framing::kNone && special.websocket_versions == 1 &&
         special.websocket_version == "13" && special.websocket_keys == 1 && IsWebSocketKey(special.websocket_key);
}

Reason CheckFields(const Special& special, http::RequestHead& head) {
  if (!SetFraming(special, head)) return Reason::kInvalidFraming;
  if (special.hosts != 1) return Reason::kInvalidHost;
  if (special.authorizations > 1) return Reason::kInvalidHeader;
  const bool http11 = head.version == http::Version::kHttp11;
  if (special.expectations != 0 && http11) {
    if (special.expectations != 1 || !EqualsIgnoreCase(special.expect, "100-continue")) {
      return Reason::kExpectationFailed;
    }
    // Without a body there is nothing to continue with (RFC 9110 section 10.1.1).
    head.expect_continue =
        head.framing == http::Framing::kChunked || (head.framing == http::Framing::kLength && head.content_length > 0);
  }
  head.keep_alive = http11 && !special.connection.close;
  if (AsksForWebSocket(special, head)) head.upgrade = special.upgrade;
  return Reason::kNone;
}

Reason CheckTargetAndHost(std::string_view target, std::string_view authority, http::Arena& arena,
                          http::RequestHead& head) {
  if (target[0] != '/' && target != "*") {
    const Reason reason = TakeAbsoluteForm(target, authority, arena, head.method);
    if (reason != Reason::kNone) return reason;
  }
  if (!CheckAuthority(authority, arena, head)) return Reason::kInvalidHost;
  return CheckTarget(target, arena, head) ? Reason::kNone : Reason::kInvalidTarget;
}

// RFC 6455 section 4.1: what makes a 101 an answer to our request.
bool SwitchMatches(const Special& special, const ResponseContext& context) {
  if (context.upgrade_asked.empty() || !special.connection.upgrade) return false;
  if (!EqualsIgnoreCase(special.upgrade, context.upgrade_asked)) return false;
  return special.websocket_accepts == 1 &&
         special.websocket_accept == tls::WebSocketAccept(context.websocket_key).text();
}

bool SetInterimFraming(const Special& special, http::ResponseHead& head) {
  head.framing = http::Framing::kNone;
  head.content_length = 0;
  return special.transfer_encodings == 0 && special.content_lengths == 0;
}

// A response without body whatever its fields say (RFC 9112 section 6.3 rule 1).
void DropBody(const Special& special, http::ResponseHead& head) {
  if (head.status == 204 && (head.framing == http::Framing::kChunked || head.content_length != 0)) {
    head.keep_alive = false;
  }
  head.has_content_length = special.content_lengths != 0 && head.status != 204;
  if (!head.has_content_length) head.content_length = 0;
  head.framing = http::Framing::kNone;
}

}  // namespace

Reason CheckRequest(const Http1HeadParser& raw, std::string_view scheme, http::Arena& arena, http::RequestHead& head) {
  head.Clear();
  head.method = raw.method();
  head.path = raw.target();
  head.version = raw.version();
  head.scheme = scheme;
  Special special;
  Reason reason = Reason::kInvalidHeader;
  if (SortFields(raw.fields(), special, head.headers)) {
    // CONNECT has no path, and TRACE would show the client's secrets to whoever can send one.
    const bool refused = head.method == "CONNECT" || head.method == "TRACE";
    reason = CheckFields(special, head);
    if (reason == Reason::kNone && refused) reason = Reason::kMethodNotAllowed;
    if (reason == Reason::kNone) reason = CheckTargetAndHost(raw.target(), special.host, arena, head);
  }
  if (reason != Reason::kNone) {
    head.Clear();
    head.method = raw.method();
    head.path = raw.target();
    head.version = raw.version();
    head.scheme = scheme;
    head.keep_alive = false;
  }
  return reason;
}

Reason CheckResponse(const Http1HeadParser& raw, const ResponseContext& context, http::ResponseHead& head) {
  head.Clear();
  head.status = raw.status();
  head.version = raw.version();
  Special special;
  if (!SortFields(raw.fields(), special, head.headers)) return Reason::kResponseMalformed;
  head.keep_alive = head.version == http::Version::kHttp11 && !special.connection.close;
  if (head.status < 200) {
    if (!SetInterimFraming(special, head)) return Reason::kResponseMalformed;
    if (head.status != 101) return Reason::kNone;
    if (!SwitchMatches(special, context)) return Reason::kUpgradeRefused;
    head.upgrade = special.upgrade;
    return Reason::kNone;
  }
  if (!SetFraming(special, head)) return Reason::kResponseMalformed;
  if (context.head_request || head.status == 204 || head.status == 304) {
    DropBody(special, head);
    return Reason::kNone;
  }
  head.has_content_length = head.framing == http::Framing::kLength;
  if (head.framing == http::Framing::kNone) {
    head.framing = http::Framing::kUntilClose;
    head.keep_alive = false;
  }
  return Reason::kNone;
}

Reason CheckTrailers(std::span<const RawField> raw, http::HeaderList& trailers) {
  for (const RawField& line : raw) {
    const HeaderField field{line.name, line.value, http::HeaderIdOf(line.name)};
    if (field.id == HeaderId::kContentLength || field.id == HeaderId::kTransferEncoding ||
        field.id == HeaderId::kHost) {
      return Reason::kInvalidBody;
    }
    if (!IsProtected(field) && !IsHopByHop(field.id)) trailers.Add(field);
  }
  return Reason::kNone;
}

std::optional<std::uint64_t> ParseContentLength(std::string_view value) {
  constexpr std::size_t kMaxDigits = 18;  // below 2^63, and far above any body
  if (value.empty() || value.size() > kMaxDigits || (value[0] == '0' && value.size() > 1)) return std::nullopt;
  std::uint64_t length = 0;
  for (char c : value) {
    if (!http::IsDigit(c)) return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

bool CheckTarget(std::string_view target, http::Arena& arena, http::RequestHead& head) {
  head.query = {};
  head.has_query = false;
  if (target == "*") {
    head.path = target;
    return head.method == "OPTIONS";
  }
  const std::size_t mark = target.find('?');
  const std::optional<std::string_view> path = http::NormalizePath(target.substr(0, mark), arena);
  if (!path) return false;
  head.path = *path;
  if (mark == std::string_view::npos) return true;
  head.query = target.substr(mark + 1);
  head.has_query = true;
  return http::IsValidQuery(head.query);
}

bool CheckAuthority(std::string_view authority, http::Arena& arena, http::RequestHead& head) {
  const std::optional<http::Authority> parsed = http::ParseAuthority(authority, arena);
  if (!parsed) return false;
  head.authority = authority;
  head.host = parsed->host;
  return true;
}

bool IsHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

bool IsProtected(const HeaderField& field) {
  switch (field.id) {
    case HeaderId::kAccept:
    case HeaderId::kUserAgent:
      return false;
    case HeaderId::kOther: {
      constexpr std::string_view kPrefixes[] = {"content-", "x-forwarded-"};
      for (std::string_view prefix : kPrefixes) {
        if (EqualsIgnoreCase(field.name.substr(0, prefix.size()), prefix)) return true;
      }
      constexpr std::string_view kNames[] = {"cache-control", "www-authenticate", "set-cookie2", "vary", "age"};
      for (std::string_view name : kNames) {
        if (EqualsIgnoreCase(field.name, name)) return true;
      }
      return false;
    }
    default:
      return !IsHopByHop(field.id);
  }
}

bool IsWebSocketKey(std::string_view key) {
  constexpr std::size_t kSize = 24;  // 16 bytes: 22 digits, the last with four bits unused, and "=="
  if (key.size() != kSize || !key.ends_with("==")) return false;
  for (char c : key.substr(0, kSize - 2)) {
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || http::IsDigit(c) || c == '+' || c == '/')) return false;
  }
  const char last = key[kSize - 3];
  return last == 'A' || last == 'Q' || last == 'g' || last == 'w';
}

}  // namespace portreeve::codec
