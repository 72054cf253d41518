#include "dataplane/route/route_table.h"

#include <algorithm>

#include "dataplane/route/request_values.h"

namespace portreeve::route {

std::shared_ptr<const HostRoutes> HostRoutes::Build(std::vector<RouteEntry> entries) {
  std::sort(entries.begin(), entries.end(), Precedes);
  return std::shared_ptr<const HostRoutes>(new HostRoutes(std::move(entries)));
}

RouteMatch HostRoutes::Match(const http::RequestHead& head) const {
  RequestValues request(head);
  return Match(request);
}

RouteTable RouteTable::With(std::string_view hostname, std::shared_ptr<const HostRoutes> routes) const {
  if (routes == nullptr) return RouteTable(hosts_.With(hostname, std::nullopt));
  return RouteTable(hosts_.With(hostname, std::move(routes)));
}

RouteMatch RouteTable::Match(const http::RequestHead& head) const {
  RequestValues request(head);
  RouteMatch match;
  hosts_.Visit(head.host, [&](std::string_view hostname, const std::shared_ptr<const HostRoutes>& routes) {
    match = routes->Match(request);
    match.hostname = hostname;
    return match.rule != nullptr;
  });
  if (match.rule == nullptr) return {};
  return match;
}

}  // namespace portreeve::route
