// From a request head to the rule that serves it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/http/message.h"
#include "dataplane/route/host_map.h"
#include "dataplane/route/path_trie.h"
#include "dataplane/route/route_entry.h"
#include "dataplane/route/route_match.h"

namespace portreeve::route {

// All entries of one hostname of one listener. Immutable; any thread.
class HostRoutes {
 public:
  // In any order; they are sorted by Precedes. Time and memory grow in step with the number of entries.
  static std::shared_ptr<const HostRoutes> Build(std::vector<RouteEntry> entries);

  // The first entry by precedence that holds; RouteMatch::hostname stays empty.
  RouteMatch Match(const http::RequestHead& head) const;
  // The same for a caller that asks several hostnames about one request.
  RouteMatch Match(RequestValues& request) const { return trie_.Match(request); }

  std::size_t size() const { return size_; }

 private:
  explicit HostRoutes(std::vector<RouteEntry> sorted) : size_(sorted.size()), trie_(std::move(sorted)) {}

  std::size_t size_;
  PathTrie trie_;
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
