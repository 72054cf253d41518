#include "controller/translate/hostnames.h"

#include <absl/strings/ascii.h>

#include <algorithm>

namespace portreeve::translate {
namespace {

bool IsWildcard(std::string_view hostname) {
  return hostname.starts_with("*.");
}

// "*.example.com" takes "a.example.com" and "*.a.example.com", not "example.com".
bool WildcardTakes(std::string_view wildcard, std::string_view hostname) {
  const std::string_view suffix = wildcard.substr(1);
  return hostname.size() > suffix.size() && hostname.ends_with(suffix);
}

}  // namespace

bool HostnamesIntersect(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty() || a == b) return true;
  return (IsWildcard(a) && WildcardTakes(a, b)) || (IsWildcard(b) && WildcardTakes(b, a));
}

HostnameMatch MatchHostnames(std::string_view listener, const std::vector<std::string>& route) {
  HostnameMatch match;
  if (route.empty()) {
    match.intersects = true;
    return match;
  }
  for (const std::string& written : route) {
    std::string hostname = absl::AsciiStrToLower(written);
    if (HostnamesIntersect(listener, hostname)) match.hostnames.push_back(std::move(hostname));
  }
  std::ranges::sort(match.hostnames);
  match.hostnames.erase(std::unique(match.hostnames.begin(), match.hostnames.end()), match.hostnames.end());
  match.intersects = !match.hostnames.empty();
  return match;
}

}  // namespace portreeve::translate
