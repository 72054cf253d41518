// From a request head to the rule that serves it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/http/message.h"
#include "dataplane/route/host_map.h"
#include "dataplane/route/route_entry.h"

namespace portreeve::route {

// The rule that serves a request. Pointers and views live as long as the table and the head do.
struct RouteMatch {
  // Null: nothing matches (404).
  const config::Rule* rule = nullptr;
  // Which of the rule's matches it was.
  std::uint32_t match_index = 0;
  PathMatch::Type path_type = PathMatch::Type::kPrefix;
  // The part of head.path that a kPrefix match covers, without "/" at its end ("" for the prefix "/"): what
  // ReplacePrefixMatch replaces. Empty for the other types.
  std::string_view matched_prefix;
  // As written in the route ("*.example.com"; "" for any): whose entries it was found among.
  std::string_view hostname;

  explicit operator bool() const { return rule != nullptr; }
};

class PathTrie;
class RequestValues;

// All entries of one hostname of one listener. Immutable; any thread.
class HostRoutes {
 public:
  // In any order; they are sorted by Precedes. Time and memory grow in step with the number of entries.
  static std::shared_ptr<const HostRoutes> Build(std::vector<RouteEntry> entries);

  ~HostRoutes();
  HostRoutes(const HostRoutes&) = delete;
  HostRoutes& operator=(const HostRoutes&) = delete;

  // The first entry by precedence that holds; RouteMatch::hostname stays empty.
  RouteMatch Match(const http::RequestHead& head) const;
  // The same for a caller that asks several hostnames about one request.
  RouteMatch Match(RequestValues& request) const;

  std::size_t size() const { return size_; }

 private:
  HostRoutes(std::unique_ptr<const PathTrie> trie, std::size_t size);

  std::unique_ptr<const PathTrie> trie_;
  std::size_t size_;
};

// The routes of one listener: hostnames as written in the routes, and the entries of each. A value; immutable but by
// With, and cheap to copy (HostMap).
class RouteTable {
 public:
  using Hosts = HostMap<std::shared_ptr<const HostRoutes>>;

  RouteTable() = default;
  explicit RouteTable(Hosts hosts) : hosts_(std::move(hosts)) {}

  // A copy in which that hostname has those routes; null: none.
  RouteTable With(std::string_view hostname, std::shared_ptr<const HostRoutes> routes) const;

  // By hostname, most specific first, whatever the rest says; under it by Precedes. Where no entry of a hostname holds,
  // the next less specific one is asked (GatewayRouteHostnameIntersectionPrecedence). Takes no lock, makes no virtual
  // call, and allocates nothing once the thread has seen a request of that size.
  RouteMatch Match(const http::RequestHead& head) const;

  const Hosts& hosts() const { return hosts_; }

 private:
  Hosts hosts_;
};

}  // namespace portreeve::route
