#include "dataplane/route/route_entry.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/http/arena.h"
#include "dataplane/http/path.h"
#include "dataplane/route/precedence.h"

namespace portreeve::route {
namespace {

// Smaller is better.
int PathRank(PathMatch::Type type) {
  switch (type) {
    case PathMatch::Type::kExact:
      return 0;
    case PathMatch::Type::kRegex:
      return 1;
    case PathMatch::Type::kPrefix:
      return 2;
  }
  return 3;
}

// Compares "namespace/name" as one text: "a-b/x" goes before "a/x", since "-" is less than "/".
int CompareNames(const RuleOrder& a, const RuleOrder& b) {
  const auto at = [](const RuleOrder& order, std::size_t i) -> int {
    const std::size_t head = order.route_namespace.size();
    if (i < head) return static_cast<unsigned char>(order.route_namespace[i]);
    if (i == head) return '/';
    i -= head + 1;
    return i < order.route_name.size() ? static_cast<unsigned char>(order.route_name[i]) : -1;
  };
  for (std::size_t i = 0;; ++i) {
    const int x = at(a, i);
    const int y = at(b, i);
    if (x != y) return x < y ? -1 : 1;
    if (x < 0) return 0;
  }
}

Comparison CompareOrders(const RuleOrder& a, const RuleOrder& b) {
  if (a.created != b.created) return {a.created < b.created, Precedence::kAge};
  const int names = CompareNames(a, b);
  if (names != 0) return {names < 0, Precedence::kName};
  if (a.rule_index != b.rule_index) return {a.rule_index < b.rule_index, Precedence::kRule};
  if (a.match_index != b.match_index) return {a.match_index < b.match_index, Precedence::kMatch};
  return {};
}

absl::Status CompileValue(ValueMatch::Type type, std::string_view value, ValueMatch& match) {
  match.type = type;
  match.value = std::string(value);
  if (type == ValueMatch::Type::kExact) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<const Regex>> regex = Regex::Compile(value);
  if (!regex.ok()) return regex.status();
  match.regex = *std::move(regex);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PathMatch> PathMatch::Create(Type type, std::string_view value) {
  PathMatch result;
  result.type = type;
  if (type == Type::kRegex) {
    absl::StatusOr<std::shared_ptr<const Regex>> regex = Regex::Compile(value);
    if (!regex.ok()) return regex.status();
    result.value = std::string(value);
    result.regex = *std::move(regex);
    return result;
  }
  http::Arena arena;
  const std::optional<std::string_view> path = http::NormalizePath(value, arena);
  if (!path.has_value()) {
    return absl::InvalidArgumentError("must begin with \"/\" and hold only what a URI path may (RFC 3986 section 3.3)");
  }
  result.value = std::string(*path);
  if (type == Type::kPrefix) {
    while (!result.value.empty() && result.value.back() == '/') result.value.pop_back();
  }
  return result;
}

absl::StatusOr<ValueMatch> ValueMatch::Header(Type type, std::string_view name, std::string_view value) {
  if (name.empty()) return absl::InvalidArgumentError("a header match needs a name");
  ValueMatch result;
  result.name = std::string(name);
  absl::AsciiStrToLower(&result.name);
  result.id = http::HeaderIdOf(result.name);
  const absl::Status status = CompileValue(type, value, result);
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<ValueMatch> ValueMatch::Query(Type type, std::string_view name, std::string_view value) {
  if (name.empty()) return absl::InvalidArgumentError("a query parameter match needs a name");
  ValueMatch result;
  result.name = std::string(name);
  const absl::Status status = CompileValue(type, value, result);
  if (!status.ok()) return status;
  return result;
}

bool operator<(const RuleOrder& a, const RuleOrder& b) {
  return CompareOrders(a, b).first;
}

Comparison Compare(const RouteEntry& a, const RouteEntry& b) {
  const Match& x = a.match;
  const Match& y = b.match;
  const int rank_x = PathRank(x.path.type);
  const int rank_y = PathRank(y.path.type);
  if (rank_x != rank_y) return {rank_x < rank_y, Precedence::kPathType};
  if (x.path.type == PathMatch::Type::kPrefix && x.path.value.size() != y.path.value.size()) {
    return {x.path.value.size() > y.path.value.size(), Precedence::kPrefixLength};
  }
  if (x.method.empty() != y.method.empty()) return {y.method.empty(), Precedence::kMethod};
  if (x.headers.size() != y.headers.size()) return {x.headers.size() > y.headers.size(), Precedence::kHeaders};
  if (x.query.size() != y.query.size()) return {x.query.size() > y.query.size(), Precedence::kQuery};
  return CompareOrders(a.order, b.order);
}

bool Precedes(const RouteEntry& a, const RouteEntry& b) {
  return Compare(a, b).first;
}

}  // namespace portreeve::route
