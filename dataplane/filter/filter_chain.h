// The filters of a rule, or of one of its backendRefs, in the order of the route.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dataplane/filter/filter_context.h"
#include "dataplane/filter/header_modifier.h"
#include "dataplane/filter/redirect.h"
#include "dataplane/filter/rewrite.h"
#include "dataplane/http/message.h"

namespace portreeve::filter {

struct RequestHeaders {
  HeaderModifier modifier;
};
struct ResponseHeaders {
  HeaderModifier modifier;
};
using Filter = std::variant<RequestHeaders, ResponseHeaders, Redirect, Rewrite>;

// Immutable, any thread. A default-constructed chain does nothing.
class FilterChain {
 public:
  // At most one Redirect and one Rewrite, and not both (Gateway API). `field` is the path of the list ("filters").
  static absl::StatusOr<FilterChain> Create(std::vector<Filter> filters, std::string_view field);

  FilterChain() = default;
  bool empty() const { return filters_.empty(); }

  // Runs up to the first filter that doesn't continue.
  FilterResult OnRequest(http::RequestHead& head, FilterContext& context) const;

  // Run this on the backend's answer, and on the redirect of the same chain.
  void OnResponse(http::ResponseHead& head, FilterContext& context) const;

 private:
  explicit FilterChain(std::vector<Filter> filters) : filters_(std::move(filters)) {}

  std::vector<Filter> filters_;
};

}  // namespace portreeve::filter
