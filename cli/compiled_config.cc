#include "cli/compiled_config.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <utility>

#include "dataplane/config/compiler.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::cli {
namespace {

namespace v1 = config::v1;

std::string HeadersText(const v1::HeaderModifier& modifier) {
  std::vector<std::string> parts;
  for (const v1::Header& header : modifier.set()) {
    parts.push_back(absl::StrCat("set ", header.name(), ": ", header.value()));
  }
  for (const v1::Header& header : modifier.add()) {
    parts.push_back(absl::StrCat("add ", header.name(), ": ", header.value()));
  }
  for (const std::string& name : modifier.remove()) parts.push_back(absl::StrCat("remove ", name));
  return absl::StrJoin(parts, ", ");
}

std::string PathText(const v1::PathModifier& path) {
  if (path.has_full()) return absl::StrCat("path becomes ", path.full());
  return absl::StrCat("path prefix becomes ", path.prefix().empty() ? "/" : path.prefix());
}

std::string RedirectText(const v1::Redirect& redirect) {
  std::vector<std::string> parts;
  if (!redirect.scheme().empty()) parts.push_back("scheme " + redirect.scheme());
  if (!redirect.hostname().empty()) parts.push_back("hostname " + redirect.hostname());
  if (redirect.port() != 0) parts.push_back(absl::StrCat("port ", redirect.port()));
  if (redirect.has_path()) parts.push_back(PathText(redirect.path()));
  parts.push_back(absl::StrCat("status ", redirect.status() == 0 ? 302 : redirect.status()));
  return absl::StrJoin(parts, ", ");
}

std::string RewriteText(const v1::Rewrite& rewrite) {
  std::vector<std::string> parts;
  if (!rewrite.hostname().empty()) parts.push_back("hostname becomes " + rewrite.hostname());
  if (rewrite.has_path()) parts.push_back(PathText(rewrite.path()));
  return absl::StrJoin(parts, ", ");
}

template <typename Filters>
std::vector<FilterText> TextsOf(const Filters& filters) {
  std::vector<FilterText> texts;
  for (const v1::Filter& filter : filters) {
    switch (filter.kind_case()) {
      case v1::Filter::kRequestHeaders:
        texts.push_back({"RequestHeaderModifier", HeadersText(filter.request_headers())});
        break;
      case v1::Filter::kResponseHeaders:
        texts.push_back({"ResponseHeaderModifier", HeadersText(filter.response_headers())});
        break;
      case v1::Filter::kRedirect:
        texts.push_back({"RequestRedirect", RedirectText(filter.redirect())});
        break;
      case v1::Filter::kRewrite:
        texts.push_back({"URLRewrite", RewriteText(filter.rewrite())});
        break;
      default:
        // A filter that is newer than this switch is in force all the same, and must not be left out.
        texts.push_back({"filter", filter.ShortDebugString()});
    }
  }
  return texts;
}

CompiledConfig::Rule RuleOf(const v1::RouteRule& rule, config::CompiledRule compiled) {
  CompiledConfig::Rule result;
  result.compiled = std::move(compiled);
  result.filters = TextsOf(rule.filters());
  for (const v1::WeightedBackend& backend : rule.backends()) {
    result.backend_filters.push_back(TextsOf(backend.filters()));
  }
  return result;
}

}  // namespace

CompiledConfig CompileSnapshot(const translate::ResourceMap& resources) {
  v1::Delta delta;
  delta.set_epoch(1);
  delta.set_target("1");
  for (const auto& [key, resource] : resources) *delta.add_changed() = *resource;
  config::ConfigCompiler compiler;
  config::CompileResult result = compiler.Apply(delta);
  CompiledConfig compiled;
  compiled.runtime = std::move(result.config);
  compiled.refused = std::move(result.refused);
  const auto nowhere = [](const std::string&) { return config::WeightedBackend::kUnresolved; };
  for (const v1::Resource& resource : delta.changed()) {
    if (!resource.has_rule()) continue;
    auto rule = config::CompileRule(resource.rule(), nowhere);
    // What doesn't compile is among the refused.
    if (rule.ok()) compiled.rules.emplace(resource.key(), RuleOf(resource.rule(), *std::move(rule)));
  }
  return compiled;
}

std::string KeyOf(const config::Rule& rule) {
  return absl::StrCat("rule/", rule.route, "/", rule.index);
}

}  // namespace portreeve::cli
