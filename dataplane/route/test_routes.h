// For the tests of this folder: entries and requests in one line.
#pragma once

#include <catch2/catch.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/http/message.h"
#include "dataplane/route/route_entry.h"
#include "dataplane/route/route_table.h"

namespace portreeve::config {
struct Rule {
  int number = 0;
};
}  // namespace portreeve::config

namespace portreeve::route {

// One entry; each call adds a demand or says where it comes from.
class Draft {
 public:
  static Draft Exact(std::string_view path) { return Draft(PathMatch::Type::kExact, path); }
  static Draft Prefix(std::string_view path) { return Draft(PathMatch::Type::kPrefix, path); }
  static Draft Regex(std::string_view pattern) { return Draft(PathMatch::Type::kRegex, pattern); }

  Draft& Method(std::string method) {
    entry_.match.method = std::move(method);
    return *this;
  }
  Draft& Header(std::string_view name, std::string_view value, ValueMatch::Type type = ValueMatch::Type::kExact) {
    entry_.match.headers.push_back(Checked(ValueMatch::Header(type, name, value)));
    return *this;
  }
  Draft& Query(std::string_view name, std::string_view value, ValueMatch::Type type = ValueMatch::Type::kExact) {
    entry_.match.query.push_back(Checked(ValueMatch::Query(type, name, value)));
    return *this;
  }
  Draft& Route(std::int64_t created, std::string route_namespace, std::string name) {
    entry_.order.created = created;
    entry_.order.route_namespace = std::move(route_namespace);
    entry_.order.route_name = std::move(name);
    return *this;
  }
  Draft& At(std::uint32_t rule_index, std::uint32_t match_index) {
    entry_.order.rule_index = rule_index;
    entry_.order.match_index = match_index;
    return *this;
  }

  // `number` is what RuleOf gives back.
  RouteEntry Build(int number) const {
    RouteEntry entry = entry_;
    entry.rule = std::make_shared<const config::Rule>(config::Rule{number});
    return entry;
  }

 private:
  Draft(PathMatch::Type type, std::string_view value) {
    entry_.match.path = Checked(PathMatch::Create(type, value));
    entry_.order.route_namespace = "team";
    entry_.order.route_name = "route";
  }

  template <typename T>
  static T Checked(absl::StatusOr<T> result) {
    INFO(result.status().ToString());
    REQUIRE(result.ok());
    return *std::move(result);
  }

  RouteEntry entry_;
};

// Numbers of the drafts are their positions.
inline std::shared_ptr<const HostRoutes> Routes(std::initializer_list<Draft> drafts) {
  std::vector<RouteEntry> entries;
  for (const Draft& draft : drafts) entries.push_back(draft.Build(static_cast<int>(entries.size())));
  return HostRoutes::Build(std::move(entries));
}

// Texts are literals, or outlive the head.
inline http::RequestHead Request(std::string_view target,
                                 std::initializer_list<std::pair<std::string_view, std::string_view>> headers = {},
                                 std::string_view method = "GET", std::string_view host = "a.example.com") {
  http::RequestHead head;
  head.method = method;
  const std::size_t question = target.find('?');
  head.path = target.substr(0, question);
  head.has_query = question != std::string_view::npos;
  if (head.has_query) head.query = target.substr(question + 1);
  head.authority = host;
  head.host = host;
  for (const auto& [name, value] : headers) head.headers.Add(name, value);
  return head;
}

// -1: nothing matched.
inline int RuleOf(const RouteMatch& match) {
  return match.rule != nullptr ? match.rule->number : -1;
}

inline int Match(const std::shared_ptr<const HostRoutes>& routes, std::string_view target,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> headers = {},
                 std::string_view method = "GET") {
  return RuleOf(routes->Match(Request(target, headers, method)));
}

}  // namespace portreeve::route
