// Heads of HTTP/2: from decoded fields to a checked request, and from a response to the fields that go out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/limits.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"

namespace portreeve::codec {

// Gathers the fields of one request as HPACK brings them. Bounded: what is above the limits is counted, not kept.
// nghttp2 has checked the characters of names and values, pseudo-header fields and connection-specific fields.
class Http2RequestFields {
 public:
  void Clear();

  // Copies a field to the arena. False: one field too many (cookie crumbs count each); decode no further.
  bool Add(std::string_view name, std::string_view value, const http::Limits& limits, http::Arena& arena);
  // No further bytes are kept; the request will be refused as too large.
  void Overflow() { too_large_ = true; }
  // Of names and values kept so far.
  std::size_t bytes() const { return bytes_; }

  // Fills `head` and says whether it may be served, by the same rules as HTTP/1 (codec/message_checks.h), and: :scheme
  // is the transport's, Host agrees with :authority. `scheme` outlives `head`. `body_follows`: END_STREAM hasn't come.
  // On failure `head` holds method, path as received and authority, for the log.
  http::Reason Check(std::string_view scheme, bool body_follows, const http::Limits& limits, http::Arena& arena,
                     http::RequestHead& head);

 private:
  void Take(std::string_view name, std::string_view value, http::Arena& arena);
  http::Reason CheckSpecial(std::string_view scheme, bool body_follows, http::Arena& arena, http::RequestHead& head);
  http::Reason CheckAuthorities(http::Arena& arena, http::RequestHead& head);
  void JoinCookies(http::Arena& arena);

  std::string_view method_;
  std::string_view path_;
  std::string_view scheme_;
  std::string_view authority_;
  std::string_view host_;
  std::string_view content_length_;
  std::string_view expect_;
  std::vector<std::string_view> cookies_;
  http::HeaderList headers_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::uint8_t hosts_ = 0;
  std::uint8_t content_lengths_ = 0;
  std::uint8_t expectations_ = 0;
  std::uint8_t authorizations_ = 0;
  bool too_large_ = false;
  bool invalid_field_ = false;
};

// The fields of a response head, names in any case; Date where it is missing. False: it would not be one well-formed
// head. `numbers` holds the digits that the fields point to (32 bytes).
bool MakeResponseFields(const http::ResponseHead& head, std::optional<std::uint64_t> content_length, char* numbers,
                        std::vector<RawField>& fields);
// Likewise trailers; fields that have no place there are left out.
bool MakeTrailerFields(const http::HeaderList& trailers, std::vector<RawField>& fields);

}  // namespace portreeve::codec
