// Hostnames of listeners and routes: which of them can mean the same host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace portreeve::translate {

// Both lower case: "" is any host, "*.x" any number of labels to the left of x, never x itself.
bool HostnamesIntersect(std::string_view a, std::string_view b);

// What a listener of hostname `listener` serves of a route.
struct HostnameMatch {
  bool intersects = false;
  // As written in the route, lower case, sorted, unique, those only that intersect; empty: any host of the listener.
  std::vector<std::string> hostnames;
};
HostnameMatch MatchHostnames(std::string_view listener, const std::vector<std::string>& route);

}  // namespace portreeve::translate
