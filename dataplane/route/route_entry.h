// What a route asks of a request, and its place among others.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/http/header_list.h"
#include "dataplane/route/regex.h"

namespace portreeve::config {
// What is done with a matched request. Defined by dataplane/config; carried here, never looked into.
struct Rule;
}  // namespace portreeve::config

namespace portreeve::route {

struct PathMatch {
  enum class Type : std::uint8_t {
    // The whole path, byte by byte.
    kExact,
    // Whole segments from the start; a "/" at the end of the value means nothing.
    kPrefix,
    // All of the path.
    kRegex,
  };
  Type type = Type::kPrefix;
  // In the form of http::NormalizePath, as request paths are; for kPrefix without "/" at its end ("" covers all).
  // For kRegex the pattern.
  std::string value;
  // kRegex only.
  std::shared_ptr<const Regex> regex;

  // Checks and normalises `value`; compiles a pattern. Errors are InvalidArgument without a field path.
  static absl::StatusOr<PathMatch> Create(Type type, std::string_view value);
};

// A demand on one header field or one query parameter.
struct ValueMatch {
  enum class Type : std::uint8_t { kExact, kRegex };
  Type type = Type::kExact;
  // Of a header: lower case. Of a query parameter: as it is, with case.
  std::string name;
  // kExact: the whole value, byte by byte; kRegex: the pattern.
  std::string value;
  // kRegex only.
  std::shared_ptr<const Regex> regex;
  // Of a header.
  http::HeaderId id = http::HeaderId::kOther;

  // Several lines of one field are compared as one value, joined by "," (RFC 9110 section 5.3; Cookie by "; ",
  // RFC 9113 section 8.2.3). "host" is the authority as received; of the fields that a codec takes out of the list,
  // "content-length", "expect" and "upgrade" can be matched, others never do.
  static absl::StatusOr<ValueMatch> Header(Type type, std::string_view name, std::string_view value);

  // Name and value of a parameter are percent-decoded once before they are compared, so `value` is written decoded; "+"
  // is no blank, since RFC 3986 gives it no such meaning and the Gateway API refers to URI comparison (RFC 9110 section
  // 4.2.3). Of a repeated parameter the first counts, as HTTPQueryParamMatch recommends. "?a" has the value "".
  static absl::StatusOr<ValueMatch> Query(Type type, std::string_view name, std::string_view value);
};

// All of it must hold. The controller leaves one demand for each name.
struct Match {
  PathMatch path;
  std::vector<ValueMatch> headers;
  std::vector<ValueMatch> query;
  // Empty: any. With case (RFC 9110 section 9.1).
  std::string method;
};

// Breaks ties, smaller first: age, then "namespace/name" as one text, then the position of rule and match.
struct RuleOrder {
  // metadata.creationTimestamp, seconds since the epoch.
  std::int64_t created = 0;
  std::string route_namespace;
  std::string route_name;
  std::uint32_t rule_index = 0;
  std::uint32_t match_index = 0;
};
bool operator<(const RuleOrder& a, const RuleOrder& b);

// One match of one rule, under one hostname of one listener.
struct RouteEntry {
  Match match;
  RuleOrder order;
  std::shared_ptr<const config::Rule> rule;
};

// Whether `a` goes before `b` under the same hostname (Gateway API HTTPRouteRule.matches): Exact, RegularExpression,
// longest PathPrefix; then one with a method, most headers, most query parameters, then RuleOrder. The API leaves the
// place of RegularExpression to us: above prefixes, since it says more.
bool Precedes(const RouteEntry& a, const RouteEntry& b);

}  // namespace portreeve::route
