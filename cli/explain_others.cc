// Why the other rules of a listener don't serve a request. What serves it is decided elsewhere; this walks rule by
// rule, with the predicates of dataplane/route, and is as slow as there are rules.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "cli/explain.h"
#include "dataplane/route/host_map.h"
#include "dataplane/route/precedence.h"
#include "dataplane/route/request_values.h"
#include "dataplane/route/route_table.h"

namespace portreeve::cli {
namespace {

using Fails = OtherRule::Fails;
using PathType = route::PathMatch::Type;

std::string PathText(const route::PathMatch& path) {
  switch (path.type) {
    case PathType::kExact:
      return absl::StrCat("path ", path.value);
    case PathType::kPrefix:
      return absl::StrCat("path prefix ", path.value.empty() ? "/" : path.value);
    case PathType::kRegex:
      return absl::StrCat("path expression ", path.value);
  }
  return "";
}

std::string ValueText(const char* kind, const route::ValueMatch& match) {
  const char* relation = match.type == route::ValueMatch::Type::kExact ? " = " : " matches ";
  return absl::StrCat(kind, " ", match.name, relation, match.value);
}

// Asks a table that has this path and nothing else, so that it is the data plane's own answer.
bool PathHolds(const route::PathMatch& path, const std::shared_ptr<const config::Rule>& rule,
               const http::RequestHead& head) {
  route::RouteEntry entry;
  entry.match.path = path;
  entry.rule = rule;
  return static_cast<bool>(route::HostRoutes::Build({std::move(entry)})->Match(head));
}

// The most specific of these that covers the host, by the data plane's own map.
std::optional<std::string> CoveringHostname(const std::vector<std::string>& hostnames, std::string_view host) {
  using Map = route::HostMap<char>;
  std::vector<Map::Change> changes;
  for (const std::string& hostname : hostnames) changes.push_back({hostname, 'x'});
  std::optional<std::string> covering;
  Map().With(std::move(changes)).Visit(host, [&](std::string_view hostname, char) {
    covering = std::string(hostname);
    return true;
  });
  return covering;
}

std::string WhyPathFails(const route::PathMatch& path, std::string_view asked) {
  switch (path.type) {
    case PathType::kExact:
      return absl::StrCat(std::string(asked), " isn't ", path.value);
    case PathType::kPrefix:
      return absl::StrCat(std::string(asked), " is neither ", path.value, " nor below it");
    case PathType::kRegex:
      return absl::StrCat(std::string(asked), " doesn't match ", path.value);
  }
  return "";
}

std::string WhyValueFails(const route::ValueMatch& match, bool there) {
  const char* wanted = match.type == route::ValueMatch::Type::kExact ? "it must be " : "it must match ";
  return absl::StrCat(match.name, there ? " has another value, " : " isn't there, ", wanted, match.value);
}

struct Verdict {
  Fails fails = Fails::kPrecedence;
  std::string why;
};

// The first condition that fails; kPrecedence: none does.
Verdict Judge(const route::Match& match, const std::shared_ptr<const config::Rule>& rule,
              const http::RequestHead& head) {
  if (!PathHolds(match.path, rule, head)) return {Fails::kPath, WhyPathFails(match.path, head.path)};
  if (!match.method.empty() && match.method != head.method) {
    return {Fails::kMethod, absl::StrCat(std::string(head.method), " isn't ", match.method)};
  }
  route::RequestValues request(head);
  for (const route::ValueMatch& header : match.headers) {
    const auto value = request.Header(header.id, header.name);
    if (!route::Holds(header, value)) return {Fails::kHeader, WhyValueFails(header, value.has_value())};
  }
  for (const route::ValueMatch& query : match.query) {
    const auto value = request.Query(query.name);
    if (!route::Holds(query, value)) return {Fails::kQuery, WhyValueFails(query, value.has_value())};
  }
  return {};
}

std::string HostText(std::string_view hostname) {
  return hostname.empty() ? "any host" : std::string(hostname);
}

std::string WhyLater(route::Precedence by) {
  switch (by) {
    case route::Precedence::kPathType:
      return "an exact path goes first, then a regular expression, then a prefix";
    case route::Precedence::kPrefixLength:
      return "the longer prefix goes first";
    case route::Precedence::kMethod:
      return "a match that asks for a method goes first";
    case route::Precedence::kHeaders:
      return "the match that asks for more headers goes first";
    case route::Precedence::kQuery:
      return "the match that asks for more query parameters goes first";
    case route::Precedence::kAge:
      return "the older route goes first";
    case route::Precedence::kName:
      return "of routes of one age the first by namespace and name goes first";
    case route::Precedence::kRule:
      return "of rules of one route the first goes first";
    case route::Precedence::kMatch:
    case route::Precedence::kSame:
      break;
  }
  return "another match of the same rule goes first";
}

route::RouteEntry EntryOf(const config::CompiledRule& rule, std::uint32_t match) {
  route::RouteEntry entry{rule.matches[match], rule.order, rule.rule};
  entry.order.match_index = match;
  return entry;
}

// Segments that the path has in common with what the match asks for, from the start.
std::size_t CommonSegments(const route::PathMatch& path, std::string_view asked) {
  const std::string_view wanted = path.type == PathType::kRegex ? path.regex->literal_prefix() : path.value;
  std::size_t count = 0;
  for (std::size_t i = 0; i <= wanted.size() && i <= asked.size(); ++i) {
    const bool ends = (i == wanted.size() || wanted[i] == '/') && (i == asked.size() || asked[i] == '/');
    if (ends && i > 0) ++count;
    if (i == wanted.size() || i == asked.size() || wanted[i] != asked[i]) break;
  }
  return count;
}

struct Candidate {
  OtherRule other;
  std::size_t segments = 0;
  route::RuleOrder order;
};

// Whether this match of the rule came closer than the one that the candidate has: of those that hold, the one that
// would serve the request.
bool Closer(const config::CompiledRule& rule, std::uint32_t match, Fails fails, std::size_t segments,
            const Candidate& candidate) {
  if (fails != candidate.other.fails) return fails > candidate.other.fails;
  if (fails != Fails::kPrecedence) return segments > candidate.segments;
  return route::Precedes(EntryOf(rule, match), EntryOf(rule, candidate.other.match));
}

// Nothing if the rule isn't attached to the listener.
std::optional<Candidate> Consider(const CompiledConfig::Rule& rule, const std::string& listener,
                                  const http::RequestHead& head, const route::RouteMatch& found,
                                  const route::RouteEntry* winner) {
  const config::CompiledRule& compiled = rule.compiled;
  std::vector<std::string> hostnames;
  for (const config::CompiledAttachment& attachment : compiled.attachments) {
    if (attachment.listener == listener) {
      hostnames.insert(hostnames.end(), attachment.hostnames.begin(), attachment.hostnames.end());
    }
  }
  if (hostnames.empty()) return std::nullopt;
  Candidate candidate;
  candidate.order = compiled.order;
  candidate.other.route = compiled.rule->route;
  candidate.other.rule = compiled.rule->index;
  candidate.other.name = compiled.rule->name;
  const std::optional<std::string> hostname = CoveringHostname(hostnames, head.host);
  if (!hostname) {
    candidate.other.why = absl::StrCat(absl::StrJoin(hostnames, ", "), " doesn't cover ", std::string(head.host));
    return candidate;
  }
  for (std::uint32_t i = 0; i < compiled.matches.size(); ++i) {
    Verdict verdict = Judge(compiled.matches[i], compiled.rule, head);
    const std::size_t segments = CommonSegments(compiled.matches[i].path, head.path);
    if (i > 0 && !Closer(compiled, i, verdict.fails, segments, candidate)) continue;
    candidate.other.match = i;
    candidate.other.fails = verdict.fails;
    candidate.other.why = std::move(verdict.why);
    candidate.segments = segments;
  }
  if (candidate.other.fails != Fails::kPrecedence || winner == nullptr) return candidate;
  if (*hostname != found.hostname) {
    candidate.other.why =
        absl::StrCat("it matches too, but ", HostText(*hostname), " is less specific than ", HostText(found.hostname));
    return candidate;
  }
  const route::Comparison comparison = route::Compare(*winner, EntryOf(compiled, candidate.other.match));
  candidate.other.why = absl::StrCat("it matches too, but ", WhyLater(comparison.by));
  return candidate;
}

}  // namespace

const char* NameOf(OtherRule::Fails fails) {
  switch (fails) {
    case Fails::kHostname:
      return "hostname";
    case Fails::kPath:
      return "path";
    case Fails::kMethod:
      return "method";
    case Fails::kHeader:
      return "header";
    case Fails::kQuery:
      return "query";
    case Fails::kPrecedence:
      return "precedence";
  }
  return "";
}

std::string ConditionsText(const route::Match& match) {
  std::vector<std::string> parts = {PathText(match.path)};
  if (!match.method.empty()) parts.push_back("method " + match.method);
  for (const route::ValueMatch& header : match.headers) parts.push_back(ValueText("header", header));
  for (const route::ValueMatch& query : match.query) parts.push_back(ValueText("query", query));
  return absl::StrJoin(parts, ", ");
}

std::vector<OtherRule> OtherRules(const CompiledConfig& config, const std::string& listener_key,
                                  const http::RequestHead& head, const route::RouteMatch& found) {
  const std::string serving = found ? KeyOf(*found.rule) : std::string();
  std::optional<route::RouteEntry> winner;
  if (const auto rule = config.rules.find(serving); rule != config.rules.end()) {
    winner = EntryOf(rule->second.compiled, found.match_index);
  }
  std::vector<Candidate> candidates;
  for (const auto& [key, rule] : config.rules) {
    if (key == serving) continue;
    auto candidate = Consider(rule, listener_key, head, found, winner ? &*winner : nullptr);
    if (candidate) candidates.push_back(*std::move(candidate));
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    if (a.other.fails != b.other.fails) return a.other.fails > b.other.fails;
    if (a.segments != b.segments) return a.segments > b.segments;
    return a.order < b.order;
  });
  std::vector<OtherRule> others;
  for (Candidate& candidate : candidates) others.push_back(std::move(candidate.other));
  return others;
}

}  // namespace portreeve::cli
