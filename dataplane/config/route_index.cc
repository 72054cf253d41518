#include "dataplane/config/route_index.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace portreeve::config {

void RouteIndex::Put(const std::string& key, CompiledRule rule) {
  Remove(key);
  const CompiledRule& kept = rules_.insert_or_assign(key, std::move(rule)).first->second;
  for (const CompiledAttachment& attachment : kept.attachments) {
    ListenerRoutes& routes = listeners_[attachment.listener];
    for (const std::string& hostname : attachment.hostnames) routes.hosts[hostname].insert(&kept);
  }
  Touch(kept);
}

void RouteIndex::Remove(const std::string& key) {
  const auto found = rules_.find(key);
  if (found == rules_.end()) return;
  for (const CompiledAttachment& attachment : found->second.attachments) {
    ListenerRoutes& routes = listeners_[attachment.listener];
    for (const std::string& hostname : attachment.hostnames) routes.hosts[hostname].erase(&found->second);
  }
  Touch(found->second);
  rules_.erase(found);
}

const CompiledRule* RouteIndex::Find(const std::string& key) const {
  const auto found = rules_.find(key);
  return found == rules_.end() ? nullptr : &found->second;
}

void RouteIndex::SetRule(const std::string& key, std::shared_ptr<const Rule> rule) {
  CompiledRule& compiled = rules_.at(key);
  if (compiled.rule == rule) return;
  compiled.rule = std::move(rule);
  Touch(compiled);
}

absl::flat_hash_set<std::string> RouteIndex::Rebuild() {
  absl::flat_hash_set<std::string> changed;
  for (auto listener = listeners_.begin(); listener != listeners_.end();) {
    auto& [key, routes] = *listener;
    if (routes.touched.empty()) {
      ++listener;
      continue;
    }
    std::vector<route::RouteTable::Hosts::Change> changes;
    for (const std::string& hostname : routes.touched) {
      const auto host = routes.hosts.find(hostname);
      if (host == routes.hosts.end()) continue;
      if (host->second.empty()) {
        routes.hosts.erase(host);
        changes.push_back({hostname, std::nullopt});
      } else {
        changes.push_back({hostname, Build(host->second)});
      }
    }
    routes.touched.clear();
    const route::RouteTable::Hosts last = routes.table != nullptr ? routes.table->hosts() : route::RouteTable::Hosts();
    routes.table = std::make_shared<const route::RouteTable>(last.With(std::move(changes)));
    changed.insert(key);
    listener = routes.hosts.empty() ? listeners_.erase(listener) : std::next(listener);
  }
  return changed;
}

std::shared_ptr<const route::RouteTable> RouteIndex::TableOf(const std::string& listener) const {
  static const std::shared_ptr<const route::RouteTable> kEmpty = std::make_shared<const route::RouteTable>();
  const auto found = listeners_.find(listener);
  return found == listeners_.end() || found->second.table == nullptr ? kEmpty : found->second.table;
}

void RouteIndex::Touch(const CompiledRule& rule) {
  for (const CompiledAttachment& attachment : rule.attachments) {
    listeners_[attachment.listener].touched.insert(attachment.hostnames.begin(), attachment.hostnames.end());
  }
}

std::shared_ptr<const route::HostRoutes> RouteIndex::Build(const Rules& rules) {
  std::vector<route::RouteEntry> entries;
  entries.reserve(rules.size());
  for (const CompiledRule* rule : rules) {
    for (std::size_t i = 0; i < rule->matches.size(); ++i) {
      entries.push_back({rule->matches[i], rule->order, rule->rule});
      entries.back().order.match_index = static_cast<std::uint32_t>(i);
    }
  }
  return route::HostRoutes::Build(std::move(entries));
}

}  // namespace portreeve::config
