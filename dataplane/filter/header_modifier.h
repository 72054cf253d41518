// RequestHeaderModifier and ResponseHeaderModifier (Gateway API HTTPHeaderFilter).
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/filter/filter_context.h"
#include "dataplane/http/header_list.h"
#include "dataplane/http/message.h"

namespace portreeve::filter {

struct HeaderValue {
  // As written in the route; it is sent like this.
  std::string name;
  std::string value;
};

struct HeaderModifierConfig {
  // Leaves exactly one line with this value, there before or not.
  std::vector<HeaderValue> set;
  // Adds a line, whatever is there.
  std::vector<HeaderValue> add;
  // Removes all lines of these names, in any case.
  std::vector<std::string> remove;
};

// Sets, then adds, then removes. What it writes into a head are views into itself: the exchange pins the config.
// Immutable, any thread.
class HeaderModifier {
 public:
  enum class Direction { kRequest, kResponse };

  // `field` is the path of the filter in its object, for error messages. A request's Host may be set, to an authority
  // (RFC 9110 section 7.2), and that rewrites RequestHead::authority and host; it can't be added or removed.
  static absl::StatusOr<HeaderModifier> Create(Direction direction, HeaderModifierConfig config,
                                               std::string_view field);

  void Apply(http::RequestHead& head) const;
  void Apply(http::ResponseHead& head) const;

 private:
  HeaderModifier() = default;
  void Apply(http::HeaderList& headers) const;

  HeaderModifierConfig config_;
  // Host of a request; empty: it stays. `host_` as RequestHead::host has it.
  std::string authority_;
  std::string host_;
};

}  // namespace portreeve::filter
