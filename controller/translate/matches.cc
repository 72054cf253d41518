#include "controller/translate/matches.h"

#include <absl/strings/ascii.h>
#include <re2/re2.h>

#include <map>
#include <utility>

#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::HTTPPathMatch;
using gatewayapi::HTTPRouteMatch;
using gatewayapi::PathMatchType;
using gatewayapi::ValueMatchType;

std::optional<Objection> Unsupported(std::string_view field, std::string_view what) {
  return Objection{"UnsupportedValue", Concat(field, ": ", what)};
}

std::optional<Objection> TranslatePath(const HTTPPathMatch& path, const std::string& field,
                                       config::v1::PathMatch* out) {
  out->set_value(path.value);
  if (path.type == PathMatchType::kRegularExpression) {
    out->set_type(config::v1::PathMatch::REGEX);
    if (auto objection = ObjectionToPattern(path.value)) return Unsupported(field + ".value", *objection);
    return std::nullopt;
  }
  out->set_type(path.type == PathMatchType::kExact ? config::v1::PathMatch::EXACT : config::v1::PathMatch::PREFIX);
  if (!path.value.starts_with("/")) return Unsupported(field + ".value", "a path begins with \"/\": write it so");
  return std::nullopt;
}

struct Value {
  ValueMatchType type;
  std::string_view value;
};

// Sorted by name, the first of each; objections name the place of that first one.
template <typename Match, typename Name>
std::optional<Objection> CollectValues(const std::vector<Match>& matches, const std::string& field, Name name,
                                       std::map<std::string, Value>* out) {
  for (size_t i = 0; i < matches.size(); ++i) {
    const bool first = out->emplace(name(matches[i].name), Value{matches[i].type, matches[i].value}).second;
    if (!first || matches[i].type != ValueMatchType::kRegularExpression) continue;
    if (auto objection = ObjectionToPattern(matches[i].value)) {
      return Unsupported(Concat(field, "[", i, "].value"), *objection);
    }
  }
  return std::nullopt;
}

template <typename Out>
void AddValues(const std::map<std::string, Value>& values, Out* out) {
  for (const auto& [name, value] : values) {
    config::v1::ValueMatch& match = *out->Add();
    match.set_type(value.type == ValueMatchType::kExact ? config::v1::ValueMatch::EXACT
                                                        : config::v1::ValueMatch::REGEX);
    match.set_name(name);
    match.set_value(std::string(value.value));
  }
}

std::optional<Objection> TranslateMatch(const HTTPRouteMatch& match, const std::string& field, config::v1::Match* out) {
  if (auto objection = TranslatePath(match.path, field + ".path", out->mutable_path())) return objection;
  std::map<std::string, Value> headers;
  if (auto objection = CollectValues(
          match.headers, field + ".headers", [](const std::string& name) { return absl::AsciiStrToLower(name); },
          &headers)) {
    return objection;
  }
  AddValues(headers, out->mutable_headers());
  std::map<std::string, Value> query;
  if (auto objection = CollectValues(
          match.query_params, field + ".queryParams", [](const std::string& name) { return name; }, &query)) {
    return objection;
  }
  AddValues(query, out->mutable_query());
  out->set_method(match.method.value_or(""));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ObjectionToPattern(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return Concat("the regular expression has ", pattern.size(), " bytes: write one of at most ", kMaxPatternBytes);
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);
  const RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled.ok()) {
    return Concat("the regular expression isn't RE2's syntax (", compiled.error(), "): mend it");
  }
  if (compiled.ProgramSize() > kMaxProgramSize) {
    return Concat("the regular expression needs ", compiled.ProgramSize(), " instructions: write one of at most ",
                  kMaxProgramSize, ", with smaller repetition counts");
  }
  return std::nullopt;
}

std::optional<Objection> TranslateMatches(const gatewayapi::HTTPRouteRule& rule, const std::string& field,
                                          config::v1::RouteRule* out) {
  for (size_t i = 0; i < rule.matches.size(); ++i) {
    if (auto objection = TranslateMatch(rule.matches[i], Concat(field, ".matches[", i, "]"), out->add_matches())) {
      return objection;
    }
  }
  if (rule.matches.empty()) {
    config::v1::PathMatch& everything = *out->add_matches()->mutable_path();
    everything.set_type(config::v1::PathMatch::PREFIX);
    everything.set_value("/");
  }
  return std::nullopt;
}

}  // namespace portreeve::translate
