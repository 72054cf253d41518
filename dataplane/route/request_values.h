// Header fields and query parameters of one request, as matches look at them.
#pragma once

#include <optional>
#include <string_view>

#include "dataplane/http/message.h"
#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// Made for one Match on one thread; works in buffers of that thread, so that a warm thread allocates nothing. Of two
// that live on one thread at once only the younger may be asked.
class RequestValues {
 public:
  explicit RequestValues(const http::RequestHead& head) : head_(head) {}
  RequestValues(const RequestValues&) = delete;
  RequestValues& operator=(const RequestValues&) = delete;

  const http::RequestHead& head() const { return head_; }

  // The field's lines as one value (ValueMatch::Header says how), or nullopt where there is none. Valid until the next
  // call of Header. `name` in lower case, `id` its number.
  std::optional<std::string_view> Header(http::HeaderId id, std::string_view name);

  // Value of the first parameter of that name, decoded. The query is parsed at the first call, and only then.
  std::optional<std::string_view> Query(std::string_view name);

 private:
  std::optional<std::string_view> FieldOutsideTheList(http::HeaderId id);
  void ParseQuery();

  const http::RequestHead& head_;
  bool query_parsed_ = false;
};

// Whether the value is there and is what the match asks for.
inline bool Holds(const ValueMatch& match, std::optional<std::string_view> value) {
  if (!value.has_value()) return false;
  return match.type == ValueMatch::Type::kExact ? *value == match.value : match.regex->Matches(*value);
}

}  // namespace portreeve::route
