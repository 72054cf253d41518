// Random tables and requests: Match must find what a plain walk over all entries finds.
#include <catch2/catch.hpp>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/route/test_routes.h"

namespace portreeve::route {
namespace {

// Patterns beside what they mean, so that the reference needs no engine.
struct Pattern {
  std::string_view text;
  bool (*matches)(std::string_view);
};
constexpr Pattern kPatterns[] = {
    {".*", [](std::string_view) { return true; }},
    {"/a/.*", [](std::string_view s) { return s.starts_with("/a/"); }},
    {"/a/b/.+", [](std::string_view s) { return s.starts_with("/a/b/") && s.size() > 5; }},
    {".*c", [](std::string_view s) { return s.ends_with('c'); }},
    {"/a|/b", [](std::string_view s) { return s == "/a" || s == "/b"; }},
    {"/[ab]/c", [](std::string_view s) { return s == "/a/c" || s == "/b/c"; }},
    {"/a/b?", [](std::string_view s) { return s == "/a/" || s == "/a/b"; }},
    {"(?i)/A", [](std::string_view s) { return s == "/a" || s == "/A"; }},
    {"/a/b/c/a", [](std::string_view s) { return s == "/a/b/c/a"; }},
};

struct Parameter {
  std::string name;
  std::string value;
};

// An entry as the reference sees it.
struct Spec {
  std::string hostname;
  PathMatch::Type type = PathMatch::Type::kPrefix;
  std::string path;
  const Pattern* pattern = nullptr;
  std::string method;
  std::vector<Parameter> headers;
  std::vector<Parameter> query;
  std::int64_t created = 0;
  std::string name;
  std::uint32_t rule = 0;
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  std::size_t Below(std::size_t n) { return engine_() % n; }
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  template <std::size_t N>
  std::string_view Of(const std::string_view (&words)[N]) {
    return words[Below(N)];
  }

 private:
  std::mt19937 engine_;
};

constexpr std::string_view kHosts[] = {"",        "*.com",     "*.x.com", "*.a.x.com", "x.com",
                                       "a.x.com", "b.a.x.com", "*.org",   "[::1]"};
constexpr std::string_view kAskedHosts[] = {"",          "com",    "x.com", "a.x.com", "b.a.x.com",
                                            "c.a.x.com", "ax.com", "b.org", "[::1]"};
constexpr std::string_view kSegments[] = {"a", "b", "c", "aa", "", "A"};
constexpr std::string_view kMethods[] = {"GET", "POST", "PUT"};
constexpr std::string_view kHeaders[] = {"x-one", "x-two", "cookie", "user-agent"};
constexpr std::string_view kParameters[] = {"p", "q", "P"};
constexpr std::string_view kValues[] = {"1", "2", "3", ""};

std::string RandomPath(Dice& dice) {
  std::string path;
  for (std::size_t i = dice.Below(4); i > 0; --i) path.append("/").append(dice.Of(kSegments));
  return path.empty() ? "/" : path;
}

template <std::size_t N>
std::vector<Parameter> RandomDemands(Dice& dice, const std::string_view (&names)[N]) {
  std::map<std::string, std::string> demands;
  for (std::size_t i = dice.Below(8); i > 5; --i) demands[std::string(dice.Of(names))] = dice.Of(kValues);
  std::vector<Parameter> result;
  for (const auto& [name, value] : demands) result.push_back({name, value});
  return result;
}

Spec RandomSpec(Dice& dice) {
  Spec spec;
  spec.hostname = dice.Of(kHosts);
  const std::size_t type = dice.Below(5);
  spec.type = type == 0 ? PathMatch::Type::kRegex : type == 1 ? PathMatch::Type::kExact : PathMatch::Type::kPrefix;
  if (spec.type == PathMatch::Type::kRegex) {
    spec.pattern = &kPatterns[dice.Below(std::size(kPatterns))];
    spec.path = spec.pattern->text;
  } else {
    spec.path = RandomPath(dice);
  }
  if (dice.OneIn(4)) spec.method = dice.Of(kMethods);
  spec.headers = RandomDemands(dice, kHeaders);
  spec.query = RandomDemands(dice, kParameters);
  spec.created = static_cast<std::int64_t>(dice.Below(3));
  spec.name = dice.Of(kSegments);
  spec.rule = static_cast<std::uint32_t>(dice.Below(3));
  return spec;
}

struct Asked {
  http::RequestHead head;
  std::string path;
  std::string query;
};

void RandomRequest(Dice& dice, Asked& asked) {
  asked.path = dice.OneIn(50) ? "*" : RandomPath(dice);
  asked.query.clear();
  for (std::size_t i = dice.Below(4); i > 0; --i) {
    asked.query.append(asked.query.empty() ? "" : "&")
        .append(dice.Of(kParameters))
        .append("=")
        .append(dice.Of(kValues));
  }
  http::RequestHead& head = asked.head;
  head.Clear();
  head.method = dice.Of(kMethods);
  head.path = asked.path;
  head.query = asked.query;
  head.has_query = !asked.query.empty();
  head.host = dice.Of(kAskedHosts);
  for (std::size_t i = dice.Below(4); i > 0; --i) head.headers.Add(dice.Of(kHeaders), dice.Of(kValues));
}

// The reference, in the words of the API.

bool Covers(std::string_view hostname, std::string_view host) {
  if (hostname.empty()) return true;
  if (hostname[0] != '*') return hostname == host;
  return host.size() > hostname.size() - 1 && host.ends_with(hostname.substr(1));
}

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> result;
  for (const char c : path) {
    if (c == '/') {
      result.emplace_back();
    } else if (!result.empty()) {
      result.back() += c;
    }
  }
  return result;
}

std::vector<std::string> PrefixSegments(std::string_view value) {
  std::vector<std::string> result = Segments(value);
  while (!result.empty() && result.back().empty()) result.pop_back();
  return result;
}

bool PathHolds(const Spec& spec, std::string_view path) {
  if (spec.type == PathMatch::Type::kExact) return spec.path == path;
  if (spec.type == PathMatch::Type::kRegex) return spec.pattern->matches(path);
  const std::vector<std::string> wanted = PrefixSegments(spec.path);
  const std::vector<std::string> given = Segments(path);
  return given.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), given.begin());
}

bool HeadersHold(const Spec& spec, const http::RequestHead& head) {
  for (const Parameter& wanted : spec.headers) {
    std::optional<std::string> value;
    for (const http::HeaderField& field : head.headers) {
      if (field.name != wanted.name) continue;
      value = value.has_value() ? *value + (wanted.name == "cookie" ? "; " : ",") + std::string(field.value)
                                : std::string(field.value);
    }
    if (value != wanted.value) return false;
  }
  return true;
}

bool QueryHolds(const Spec& spec, const std::string& query) {
  for (const Parameter& wanted : spec.query) {
    const std::string text = "&" + query;
    const std::size_t at = text.find("&" + wanted.name + "=");
    if (at == std::string::npos) return false;
    const std::size_t start = at + wanted.name.size() + 2;
    if (text.substr(start, text.find('&', start) - start) != wanted.value) return false;
  }
  return true;
}

// Less is taken first.
auto Rank(const Spec& spec) {
  const int host = spec.hostname.empty() ? 2 : spec.hostname[0] == '*' ? 1 : 0;
  const int type = spec.type == PathMatch::Type::kExact ? 0 : spec.type == PathMatch::Type::kRegex ? 1 : 2;
  int characters = 0;
  if (spec.type == PathMatch::Type::kPrefix) {
    for (const std::string& segment : PrefixSegments(spec.path)) characters -= 1 + static_cast<int>(segment.size());
  }
  return std::make_tuple(host, -static_cast<int>(spec.hostname.size()), type, characters, spec.method.empty(),
                         -static_cast<int>(spec.headers.size()), -static_cast<int>(spec.query.size()), spec.created,
                         "team/" + spec.name, spec.rule);
}

int Reference(const std::vector<Spec>& specs, const Asked& asked) {
  int best = -1;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Spec& spec = specs[i];
    if (!Covers(spec.hostname, asked.head.host) || !PathHolds(spec, asked.path)) continue;
    if (!spec.method.empty() && spec.method != asked.head.method) continue;
    if (!HeadersHold(spec, asked.head) || !QueryHolds(spec, asked.query)) continue;
    if (best < 0 || Rank(spec) < Rank(specs[static_cast<std::size_t>(best)])) best = static_cast<int>(i);
  }
  return best;
}

RouteTable Compile(const std::vector<Spec>& specs) {
  std::map<std::string, std::vector<RouteEntry>> hosts;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Spec& spec = specs[i];
    Draft draft = spec.type == PathMatch::Type::kExact   ? Draft::Exact(spec.path)
                  : spec.type == PathMatch::Type::kRegex ? Draft::Regex(spec.path)
                                                         : Draft::Prefix(spec.path);
    draft.Method(spec.method).Route(spec.created, "team", spec.name).At(spec.rule, static_cast<std::uint32_t>(i));
    for (const Parameter& header : spec.headers) draft.Header(header.name, header.value);
    for (const Parameter& parameter : spec.query) draft.Query(parameter.name, parameter.value);
    hosts[spec.hostname].push_back(draft.Build(static_cast<int>(i)));
  }
  RouteTable table;
  for (auto& [hostname, entries] : hosts) table = table.With(hostname, HostRoutes::Build(std::move(entries)));
  return table;
}

// match_index is the position in the list, which is also what breaks the last tie.
void Compare(std::uint32_t seed, std::size_t size, int requests) {
  Dice dice(seed);
  std::vector<Spec> specs;
  for (std::size_t i = 0; i < size; ++i) specs.push_back(RandomSpec(dice));
  const RouteTable table = Compile(specs);
  Asked asked;
  for (int i = 0; i < requests; ++i) {
    RandomRequest(dice, asked);
    const RouteMatch match = table.Match(asked.head);
    const int wanted = Reference(specs, asked);
    if (RuleOf(match) == wanted && (wanted < 0 || match.hostname == specs[static_cast<std::size_t>(wanted)].hostname)) {
      continue;
    }
    CAPTURE(seed, i, asked.head.host, asked.path, asked.query, asked.head.method, RuleOf(match), wanted);
    FAIL("Match and the reference differ");
  }
}

TEST_CASE("thousands of small random tables") {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) Compare(seed, 1 + seed % 24, 20);
}

TEST_CASE("big random tables") {
  for (std::uint32_t seed = 0; seed < 5; ++seed) Compare(100000 + seed, 4000, 200);
}

}  // namespace
}  // namespace portreeve::route
