#include "dataplane/filter/filter_chain.h"

#include <cstddef>

#include "dataplane/filter/field_checks.h"

namespace portreeve::filter {

absl::StatusOr<FilterChain> FilterChain::Create(std::vector<Filter> filters, std::string_view field) {
  std::size_t redirects = 0;
  std::size_t rewrites = 0;
  for (const Filter& filter : filters) {
    redirects += std::holds_alternative<Redirect>(filter) ? 1 : 0;
    rewrites += std::holds_alternative<Rewrite>(filter) ? 1 : 0;
  }
  if (redirects > 1) return FieldError(field, "more than one RequestRedirect");
  if (rewrites > 1) return FieldError(field, "more than one URLRewrite");
  if (redirects + rewrites > 1) return FieldError(field, "RequestRedirect and URLRewrite exclude each other");
  return FilterChain(std::move(filters));
}

FilterResult FilterChain::OnRequest(http::RequestHead& head, FilterContext& context) const {
  for (const Filter& filter : filters_) {
    FilterResult result = FilterResult::kContinue;
    if (const auto* headers = std::get_if<RequestHeaders>(&filter)) {
      headers->modifier.Apply(head);
    } else if (const auto* redirect = std::get_if<Redirect>(&filter)) {
      result = redirect->Apply(head, context);
    } else if (const auto* rewrite = std::get_if<Rewrite>(&filter)) {
      result = rewrite->Apply(head, context);
    }
    if (result != FilterResult::kContinue) return result;
  }
  return FilterResult::kContinue;
}

void FilterChain::OnResponse(http::ResponseHead& head, FilterContext&) const {
  for (const Filter& filter : filters_) {
    if (const auto* headers = std::get_if<ResponseHeaders>(&filter)) headers->modifier.Apply(head);
  }
}

}  // namespace portreeve::filter
