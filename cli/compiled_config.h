// A snapshot as the data plane runs it, with what its own form doesn't tell: which rules there are, and what their
// filters do, in words.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller/translate/resource_map.h"
#include "dataplane/config/compile_rule.h"
#include "dataplane/config/refusal.h"
#include "dataplane/config/runtime_config.h"

namespace portreeve::cli {

struct FilterText {
  // As in the Gateway API: "URLRewrite".
  std::string type;
  // "path prefix becomes /v2"
  std::string text;
};

struct CompiledConfig {
  struct Rule {
    // Its backends aren't looked up: RuntimeConfig has them.
    config::CompiledRule compiled;
    std::vector<FilterText> filters;
    // By position of the backend.
    std::vector<std::vector<FilterText>> backend_filters;
  };

  // Never null.
  std::shared_ptr<const config::RuntimeConfig> runtime;
  // In force, by key: "rule/NS/ROUTE/INDEX".
  std::map<std::string, Rule> rules;
  // What a data plane would refuse.
  std::vector<config::Refusal> refused;
};

// By the data plane's own compiler, as if it had nothing before.
CompiledConfig CompileSnapshot(const translate::ResourceMap& resources);

// The rule that a match found.
std::string KeyOf(const config::Rule& rule);

}  // namespace portreeve::cli
