#include "controller/translate/filters.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::HTTPHeaderFilter;
using gatewayapi::HTTPPathModifier;
using gatewayapi::HTTPRouteFilter;
using gatewayapi::HTTPRouteMatch;
using gatewayapi::HTTPRouteRule;
using Type = gatewayapi::HTTPRouteFilter::Type;

std::optional<Objection> Unsupported(std::string_view field, std::string_view what) {
  return Objection{"UnsupportedValue", Concat(field, ": ", what)};
}

std::optional<Objection> Incompatible(std::string_view field, std::string_view what) {
  return Objection{"IncompatibleFilters", Concat(field, ": ", what)};
}

bool IsToken(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// A field value of which nothing can end the line.
bool IsSafeValue(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

template <typename Out>
std::optional<Objection> AddHeaders(const std::vector<gatewayapi::HTTPHeader>& headers, const std::string& field,
                                    Out* out) {
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!IsToken(headers[i].name)) {
      return Unsupported(Concat(field, "[", i, "].name"), "isn't a header's name: use letters, digits and \"-\"");
    }
    if (!IsSafeValue(headers[i].value)) {
      return Unsupported(Concat(field, "[", i, "].value"), "holds CR, LF or NUL: remove it");
    }
    config::v1::Header& header = *out->Add();
    header.set_name(headers[i].name);
    header.set_value(headers[i].value);
  }
  return std::nullopt;
}

std::optional<Objection> TranslateHeaders(const HTTPHeaderFilter& filter, const std::string& field,
                                          config::v1::HeaderModifier* out) {
  if (auto objection = AddHeaders(filter.set, field + ".set", out->mutable_set())) return objection;
  if (auto objection = AddHeaders(filter.add, field + ".add", out->mutable_add())) return objection;
  for (const std::string& name : filter.remove) out->add_remove(name);
  return std::nullopt;
}

std::optional<Objection> TranslatePath(const HTTPPathModifier& path, const std::vector<HTTPRouteMatch>& matches,
                                       const std::string& field, config::v1::PathModifier* out) {
  if (!IsSafeValue(path.value)) return Unsupported(field, "holds CR, LF or NUL: remove it");
  if (path.type == HTTPPathModifier::Type::kReplaceFullPath) {
    out->set_full(path.value);
    return std::nullopt;
  }
  const bool prefixes = std::ranges::all_of(
      matches, [](const HTTPRouteMatch& match) { return match.path.type == gatewayapi::PathMatchType::kPathPrefix; });
  if (!prefixes) {
    return Unsupported(field,
                       "ReplacePrefixMatch needs a prefix: give each match of the rule a path of type "
                       "PathPrefix");
  }
  out->set_prefix(path.value);
  return std::nullopt;
}

std::optional<Objection> TranslateRedirect(const gatewayapi::HTTPRequestRedirectFilter& filter,
                                           const std::vector<HTTPRouteMatch>& matches, const std::string& field,
                                           config::v1::Redirect* out) {
  constexpr std::array kCodes = {301, 302, 303, 307, 308};
  if (std::ranges::find(kCodes, filter.status_code) == kCodes.end()) {
    return Unsupported(field + ".statusCode",
                       Concat(filter.status_code, " isn't supported: write 301, 302, 303, 307 or 308"));
  }
  if (filter.scheme.has_value() && *filter.scheme != "http" && *filter.scheme != "https") {
    return Unsupported(field + ".scheme", "isn't supported: write http or https");
  }
  out->set_scheme(filter.scheme.value_or(""));
  out->set_hostname(filter.hostname.value_or(""));
  out->set_port(filter.port.value_or(0));
  out->set_status(static_cast<uint32_t>(filter.status_code));
  if (!filter.path.has_value()) return std::nullopt;
  return TranslatePath(*filter.path, matches, field + ".path", out->mutable_path());
}

std::optional<Objection> TranslateRewrite(const gatewayapi::HTTPURLRewriteFilter& filter,
                                          const std::vector<HTTPRouteMatch>& matches, const std::string& field,
                                          config::v1::Rewrite* out) {
  out->set_hostname(filter.hostname.value_or(""));
  if (!filter.path.has_value()) return std::nullopt;
  return TranslatePath(*filter.path, matches, field + ".path", out->mutable_path());
}

std::optional<Objection> TranslateFilter(const HTTPRouteFilter& filter, const std::vector<HTTPRouteMatch>& matches,
                                         const std::string& field, config::v1::Filter* out) {
  switch (filter.type) {
    case Type::kRequestHeaderModifier:
      return TranslateHeaders(filter.request_header_modifier.value_or(HTTPHeaderFilter()),
                              field + ".requestHeaderModifier", out->mutable_request_headers());
    case Type::kResponseHeaderModifier:
      return TranslateHeaders(filter.response_header_modifier.value_or(HTTPHeaderFilter()),
                              field + ".responseHeaderModifier", out->mutable_response_headers());
    case Type::kRequestRedirect:
      return TranslateRedirect(filter.request_redirect.value_or(gatewayapi::HTTPRequestRedirectFilter()), matches,
                               field + ".requestRedirect", out->mutable_redirect());
    case Type::kURLRewrite:
      return TranslateRewrite(filter.url_rewrite.value_or(gatewayapi::HTTPURLRewriteFilter()), matches,
                              field + ".urlRewrite", out->mutable_rewrite());
    case Type::kRequestMirror:
    case Type::kExtensionRef:
    case Type::kCORS:
    case Type::kExternalAuth:
      break;
  }
  return Unsupported(
      field, Concat("filter ", gatewayapi::ToString(filter.type), " isn't supported in this release: remove it"));
}

bool Has(const std::vector<HTTPRouteFilter>& filters, Type type) {
  return std::ranges::find(filters, type, &HTTPRouteFilter::type) != filters.end();
}

// What the API says may not stand together.
std::optional<Objection> ObjectionToCombination(const std::vector<HTTPRouteFilter>& filters, const std::string& field) {
  if (Has(filters, Type::kRequestRedirect) && Has(filters, Type::kURLRewrite)) {
    return Incompatible(field, "RequestRedirect and URLRewrite exclude each other: remove one");
  }
  for (size_t i = 0; i < filters.size(); ++i) {
    const Type type = filters[i].type;
    if (type == Type::kRequestMirror || type == Type::kExtensionRef) continue;
    for (size_t j = 0; j < i; ++j) {
      if (filters[j].type != type) continue;
      return Incompatible(Concat(field, "[", i, "]"),
                          Concat(gatewayapi::ToString(type), " is there already: join the two"));
    }
  }
  return std::nullopt;
}

template <typename Out>
std::optional<Objection> TranslateList(const std::vector<HTTPRouteFilter>& filters,
                                       const std::vector<HTTPRouteMatch>& matches, const std::string& field, Out* out) {
  if (auto objection = ObjectionToCombination(filters, field)) return objection;
  for (size_t i = 0; i < filters.size(); ++i) {
    if (auto objection = TranslateFilter(filters[i], matches, Concat(field, "[", i, "]"), out->Add())) {
      return objection;
    }
  }
  return std::nullopt;
}

}  // namespace

bool GuardsAccess(const HTTPRouteFilter& filter) {
  return filter.type == Type::kExtensionRef || filter.type == Type::kExternalAuth;
}

std::optional<Objection> TranslateRuleFilters(const HTTPRouteRule& rule, const std::string& field,
                                              config::v1::RouteRule* out) {
  const std::string filters = field + ".filters";
  if (Has(rule.filters, Type::kRequestRedirect) && !rule.backend_refs.empty()) {
    return Incompatible(filters, "RequestRedirect answers by itself: remove it, or the rule's backendRefs");
  }
  return TranslateList(rule.filters, rule.matches, filters, out->mutable_filters());
}

std::optional<Objection> TranslateBackendFilters(const HTTPRouteRule& rule, const gatewayapi::HTTPBackendRef& backend,
                                                 const std::string& field, config::v1::WeightedBackend* out) {
  const std::string filters = field + ".filters";
  const bool clash = (Has(rule.filters, Type::kURLRewrite) && Has(backend.filters, Type::kRequestRedirect));
  if (clash) {
    return Incompatible(filters, "RequestRedirect and the rule's URLRewrite exclude each other: remove one");
  }
  return TranslateList(backend.filters, rule.matches, filters, out->mutable_filters());
}

}  // namespace portreeve::translate
