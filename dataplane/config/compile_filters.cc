#include "dataplane/config/compile_filters.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/repeated_field.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/filter.pb.h"

namespace portreeve::config {
namespace {

using Direction = filter::HeaderModifier::Direction;

filter::HeaderModifierConfig ConfigOf(const v1::HeaderModifier& modifier) {
  filter::HeaderModifierConfig config;
  for (const v1::Header& header : modifier.set()) config.set.push_back({header.name(), header.value()});
  for (const v1::Header& header : modifier.add()) config.add.push_back({header.name(), header.value()});
  config.remove.assign(modifier.remove().begin(), modifier.remove().end());
  return config;
}

absl::StatusOr<std::optional<filter::PathModifier>> CompilePath(bool present, const v1::PathModifier& path,
                                                                const std::string& field) {
  using Type = filter::PathModifier::Type;
  if (!present) return std::optional<filter::PathModifier>();
  absl::StatusOr<filter::PathModifier> compiled = filter::FieldError(field, "neither full nor prefix");
  if (path.has_full()) compiled = filter::PathModifier::Create(Type::kFull, path.full(), absl::StrCat(field, ".full"));
  if (path.has_prefix()) {
    compiled = filter::PathModifier::Create(Type::kPrefix, path.prefix(), absl::StrCat(field, ".prefix"));
  }
  if (!compiled.ok()) return compiled.status();
  return std::optional(*std::move(compiled));
}

absl::StatusOr<filter::Filter> CompileRedirect(const v1::Redirect& redirect, const std::string& field) {
  auto path = CompilePath(redirect.has_path(), redirect.path(), absl::StrCat(field, ".path"));
  if (!path.ok()) return path.status();
  filter::RedirectConfig config;
  config.scheme = redirect.scheme();
  config.hostname = redirect.hostname();
  config.path = *std::move(path);
  config.port = redirect.port();
  config.status = redirect.status();
  absl::StatusOr<filter::Redirect> compiled = filter::Redirect::Create(std::move(config), field);
  if (!compiled.ok()) return compiled.status();
  return filter::Filter(*std::move(compiled));
}

absl::StatusOr<filter::Filter> CompileRewrite(const v1::Rewrite& rewrite, const std::string& field) {
  auto path = CompilePath(rewrite.has_path(), rewrite.path(), absl::StrCat(field, ".path"));
  if (!path.ok()) return path.status();
  filter::RewriteConfig config;
  config.hostname = rewrite.hostname();
  config.path = *std::move(path);
  absl::StatusOr<filter::Rewrite> compiled = filter::Rewrite::Create(std::move(config), field);
  if (!compiled.ok()) return compiled.status();
  return filter::Filter(*std::move(compiled));
}

template <typename Kind>
absl::StatusOr<filter::Filter> CompileHeaders(Direction direction, const v1::HeaderModifier& modifier,
                                              const std::string& field) {
  auto compiled = filter::HeaderModifier::Create(direction, ConfigOf(modifier), field);
  if (!compiled.ok()) return compiled.status();
  return filter::Filter(Kind{*std::move(compiled)});
}

// `field` goes on in the words of the Gateway API: the author of the route reads it.
absl::StatusOr<filter::Filter> CompileFilter(const v1::Filter& one, const std::string& field) {
  switch (one.kind_case()) {
    case v1::Filter::kRequestHeaders:
      return CompileHeaders<filter::RequestHeaders>(Direction::kRequest, one.request_headers(),
                                                    absl::StrCat(field, ".requestHeaderModifier"));
    case v1::Filter::kResponseHeaders:
      return CompileHeaders<filter::ResponseHeaders>(Direction::kResponse, one.response_headers(),
                                                     absl::StrCat(field, ".responseHeaderModifier"));
    case v1::Filter::kRedirect:
      return CompileRedirect(one.redirect(), absl::StrCat(field, ".requestRedirect"));
    case v1::Filter::kRewrite:
      return CompileRewrite(one.rewrite(), absl::StrCat(field, ".urlRewrite"));
    default:
      // Leaving it out could open what it was to guard.
      return filter::FieldError(field, "a filter that this data plane doesn't know; upgrade it");
  }
}

}  // namespace

absl::StatusOr<filter::FilterChain> CompileFilters(const google::protobuf::RepeatedPtrField<v1::Filter>& filters,
                                                   std::string_view field) {
  if (filters.empty()) return filter::FilterChain();
  const std::string at(field);
  std::vector<filter::Filter> compiled;
  for (int i = 0; i < filters.size(); ++i) {
    absl::StatusOr<filter::Filter> one = CompileFilter(filters[i], absl::StrCat(at, "[", i, "]"));
    if (!one.ok()) return one.status();
    compiled.push_back(*std::move(one));
  }
  return filter::FilterChain::Create(std::move(compiled), field);
}

}  // namespace portreeve::config
