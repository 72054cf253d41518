#include "dataplane/http/header_list.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/http/ascii.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace portreeve::http {

namespace {

constexpr std::array<std::string_view, 37> kNames = {
    "",
    "Accept",
    "Authorization",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "HTTP2-Settings",
    "Keep-Alive",
    "Location",
    "Origin",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Proxy-Status",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "X-Request-Id",
};
static_assert(kNames.size() == static_cast<std::size_t>(HeaderId::kXRequestId) + 1);

// A name known at compile time, as words to compare eight bytes at a time. Bit 0x20 is forced at the letters only, so
// that the comparison is exact: nothing but the two cases of each letter is taken for equal.
template <std::size_t N>
struct KnownName {
  // NOLINTNEXTLINE(google-explicit-constructor): a template argument written as a literal
  consteval KnownName(const char (&text)[N]) {
    for (std::size_t i = 0; i < kSize; ++i) {
      const char lower = ToLower(text[i]);
      bytes[i] = lower;
      if (lower >= 'a' && lower <= 'z') fold[i] = 0x20;
    }
  }
  static constexpr std::size_t kSize = N - 1;
  char bytes[N]{};
  char fold[N]{};
};

template <typename Word>
Word Load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

template <typename Word>
bool SameWord(const char* text, const char* bytes, const char* fold) {
  return (Load<Word>(text) | Load<Word>(fold)) == Load<Word>(bytes);
}

// `text` has the length of the name.
template <KnownName name>
bool Is(const char* text) {
  std::size_t i = 0;
  for (; i + 8 <= name.kSize; i += 8) {
    if (!SameWord<std::uint64_t>(text + i, name.bytes + i, name.fold + i)) return false;
  }
  if constexpr (name.kSize >= 8 && name.kSize % 8 != 0) {  // the last eight bytes, some of them twice
    constexpr std::size_t kLast = name.kSize - 8;
    return SameWord<std::uint64_t>(text + kLast, name.bytes + kLast, name.fold + kLast);
  }
  for (; i < name.kSize; ++i) {
    if ((text[i] | name.fold[i]) != name.bytes[i]) return false;
  }
  return true;
}

HeaderId LongIdOf(const char* n, std::size_t size) {
  switch (size) {
    case 14:
      if (Is<"content-length">(n)) return HeaderId::kContentLength;
      if (Is<"http2-settings">(n)) return HeaderId::kHttp2Settings;
      break;
    case 15:
      if (Is<"x-forwarded-for">(n)) return HeaderId::kXForwardedFor;
      break;
    case 16:
      if (Is<"x-forwarded-host">(n)) return HeaderId::kXForwardedHost;
      if (Is<"x-forwarded-port">(n)) return HeaderId::kXForwardedPort;
      if (Is<"proxy-connection">(n)) return HeaderId::kProxyConnection;
      break;
    case 17:
      if (Is<"transfer-encoding">(n)) return HeaderId::kTransferEncoding;
      if (Is<"x-forwarded-proto">(n)) return HeaderId::kXForwardedProto;
      if (Is<"sec-websocket-key">(n)) return HeaderId::kSecWebSocketKey;
      break;
    case 18:
      if (Is<"proxy-authenticate">(n)) return HeaderId::kProxyAuthenticate;
      break;
    case 19:
      if (Is<"proxy-authorization">(n)) return HeaderId::kProxyAuthorization;
      break;
    case 20:
      if (Is<"sec-websocket-accept">(n)) return HeaderId::kSecWebSocketAccept;
      break;
    case 21:
      if (Is<"sec-websocket-version">(n)) return HeaderId::kSecWebSocketVersion;
      break;
    case 23:
      if (Is<"x-forwarded-client-cert">(n)) return HeaderId::kXForwardedClientCert;
      break;
    default:
      break;
  }
  return HeaderId::kOther;
}

}  // namespace

HeaderId HeaderIdOf(std::string_view name) {
  const char* n = name.data();
  switch (name.size()) {
    case 2:
      if (Is<"te">(n)) return HeaderId::kTe;
      break;
    case 3:
      if (Is<"via">(n)) return HeaderId::kVia;
      break;
    case 4:
      if (Is<"host">(n)) return HeaderId::kHost;
      if (Is<"date">(n)) return HeaderId::kDate;
      break;
    case 6:
      if (Is<"accept">(n)) return HeaderId::kAccept;
      if (Is<"cookie">(n)) return HeaderId::kCookie;
      if (Is<"expect">(n)) return HeaderId::kExpect;
      if (Is<"server">(n)) return HeaderId::kServer;
      if (Is<"origin">(n)) return HeaderId::kOrigin;
      break;
    case 7:
      if (Is<"upgrade">(n)) return HeaderId::kUpgrade;
      if (Is<"trailer">(n)) return HeaderId::kTrailer;
      break;
    case 8:
      if (Is<"location">(n)) return HeaderId::kLocation;
      break;
    case 9:
      if (Is<"forwarded">(n)) return HeaderId::kForwarded;
      if (Is<"x-real-ip">(n)) return HeaderId::kXRealIp;
      break;
    case 10:
      if (Is<"connection">(n)) return HeaderId::kConnection;
      if (Is<"user-agent">(n)) return HeaderId::kUserAgent;
      if (Is<"set-cookie">(n)) return HeaderId::kSetCookie;
      if (Is<"keep-alive">(n)) return HeaderId::kKeepAlive;
      break;
    case 12:
      if (Is<"content-type">(n)) return HeaderId::kContentType;
      if (Is<"x-request-id">(n)) return HeaderId::kXRequestId;
      if (Is<"proxy-status">(n)) return HeaderId::kProxyStatus;
      break;
    case 13:
      if (Is<"authorization">(n)) return HeaderId::kAuthorization;
      break;
    default:
      return LongIdOf(n, name.size());
  }
  return HeaderId::kOther;
}

std::string_view HeaderName(HeaderId id) {
  return kNames[static_cast<std::size_t>(id)];
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && ToLower(a[i]) != ToLower(b[i])) return false;
  }
  return true;
}

std::size_t FindNonValue(std::string_view text) {
  std::size_t i = 0;
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1F);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7F);
  for (; i + 16 <= text.size(); i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control), _mm_cmpeq_epi8(bytes, del));
    const int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return i + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
  }
#endif
  while (i < text.size() && IsValueChar(text[i])) ++i;
  return i;
}

bool IsFieldValue(std::string_view text) {
  if (text.empty()) return true;
  return !IsBlank(text.front()) && !IsBlank(text.back()) && FindNonValue(text) == text.size();
}

void HeaderList::Set(std::string_view name, std::string_view value) {
  const HeaderId id = HeaderIdOf(name);
  bool placed = false;
  Retain([&](HeaderField& field) {
    if (field.id != id || (id == HeaderId::kOther && !EqualsIgnoreCase(field.name, name))) return true;
    if (placed) return false;
    field = {name, value, id};
    placed = true;
    return true;
  });
  if (!placed) fields_.push_back({name, value, id});
}

void HeaderList::Set(HeaderId id, std::string_view value) {
  Set(HeaderName(id), value);
}

std::size_t HeaderList::Remove(std::string_view name) {
  const HeaderId id = HeaderIdOf(name);
  if (id != HeaderId::kOther) return Remove(id);
  const std::size_t before = fields_.size();
  Retain([&](const HeaderField& field) { return field.id != id || !EqualsIgnoreCase(field.name, name); });
  return before - fields_.size();
}

std::size_t HeaderList::Remove(HeaderId id) {
  const std::size_t before = fields_.size();
  Retain([&](const HeaderField& field) { return field.id != id; });
  return before - fields_.size();
}

const HeaderField* HeaderList::Find(std::string_view name) const {
  const HeaderId id = HeaderIdOf(name);
  if (id != HeaderId::kOther) return Find(id);
  for (const HeaderField& field : fields_) {
    if (field.id == HeaderId::kOther && EqualsIgnoreCase(field.name, name)) return &field;
  }
  return nullptr;
}

const HeaderField* HeaderList::Find(HeaderId id) const {
  for (const HeaderField& field : fields_) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

std::size_t HeaderList::Count(HeaderId id) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [id](const HeaderField& field) { return field.id == id; }));
}

std::size_t HeaderList::Bytes() const {
  std::size_t bytes = 0;
  for (const HeaderField& field : fields_) bytes += field.name.size() + field.value.size() + 4;
  return bytes;
}

}  // namespace portreeve::http
