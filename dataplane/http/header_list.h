// The field lines of a message: an ordered list of views, with the well-known names as numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace portreeve::http {

// Fields that the gateway itself reads, writes or guards. `kOther` is any other name.
enum class HeaderId : std::uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kLocation,
  kOrigin,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kProxyStatus,
  kSecWebSocketAccept,
  kSecWebSocketKey,
  kSecWebSocketVersion,
  kServer,
  kSetCookie,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedPort,
  kXForwardedProto,
  kXRealIp,
  kXRequestId,
};

// Looks a name up, without regard to case; O(length).
HeaderId HeaderIdOf(std::string_view name);

// The usual spelling of a known name ("X-Forwarded-For"); empty for kOther.
std::string_view HeaderName(HeaderId id);

// ASCII comparison without regard to case (RFC 9110 section 5.1).
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

struct HeaderField {
  // As received, or as a filter wrote it.
  std::string_view name;
  // Without surrounding blanks.
  std::string_view value;
  HeaderId id = HeaderId::kOther;
};

// Field lines in the order received. Lines of one name stay apart (Set-Cookie must; RFC 9110 section 5.3).
// Holds views only: the read buffer or the exchange's Arena owns the bytes. One thread. Clear keeps the capacity.
class HeaderList {
 public:
  using const_iterator = std::vector<HeaderField>::const_iterator;

  HeaderList() { fields_.reserve(32); }

  void Clear() { fields_.clear(); }
  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  const_iterator begin() const { return fields_.begin(); }
  const_iterator end() const { return fields_.end(); }

  void Add(std::string_view name, std::string_view value) { fields_.push_back({name, value, HeaderIdOf(name)}); }
  void Add(HeaderId id, std::string_view value) { fields_.push_back({HeaderName(id), value, id}); }
  void Add(const HeaderField& field) { fields_.push_back(field); }

  // Leaves exactly one line of that name, with this value, in the place of the first one (at the end if there was
  // none).
  void Set(std::string_view name, std::string_view value);
  void Set(HeaderId id, std::string_view value);

  // Removes all lines of that name; returns how many.
  std::size_t Remove(std::string_view name);
  std::size_t Remove(HeaderId id);

  // Keeps the fields for which `keep` is true, in order.
  template <typename Predicate>
  void Retain(Predicate keep) {
    std::size_t out = 0;
    for (std::size_t in = 0; in < fields_.size(); ++in) {
      if (keep(fields_[in])) {
        if (out != in) fields_[out] = fields_[in];
        ++out;
      }
    }
    fields_.resize(out);
  }

  // First line of that name, or null.
  const HeaderField* Find(std::string_view name) const;
  const HeaderField* Find(HeaderId id) const;
  std::size_t Count(HeaderId id) const;

  // Sum of names, values and four bytes a line (": " and CRLF): what the limits count.
  std::size_t Bytes() const;

 private:
  std::vector<HeaderField> fields_;
};

// Walks a comma-separated list value ("a, b ,c"): calls `visit(token)` for each non-empty element without blanks.
// Quoted strings are not understood: for lists of tokens only (Connection, Transfer-Encoding, Upgrade).
template <typename Visitor>
void ForEachToken(std::string_view value, Visitor visit) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    std::string_view token = value.substr(0, comma);
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    if (!token.empty()) visit(token);
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace portreeve::http
