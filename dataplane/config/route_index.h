// Which rules stand under which hostname of which listener, and the route tables made from that.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/node_hash_map.h>

#include <memory>
#include <string>

#include "dataplane/config/compile_rule.h"
#include "dataplane/route/route_table.h"

namespace portreeve::config {

// Listeners need not be there: a rule may come before the listener that it is attached to.
class RouteIndex {
 public:
  void Put(const std::string& key, CompiledRule rule);
  void Remove(const std::string& key);
  const CompiledRule* Find(const std::string& key) const;

  // Takes another Rule for the same matches: its backends were looked up again.
  void SetRule(const std::string& key, std::shared_ptr<const Rule> rule);

  template <typename F>
  void ForEach(F&& f) const {
    for (const auto& [key, rule] : rules_) f(key, rule);
  }

  // Builds the hosts that were touched since the last call. Returns the listeners whose tables changed by it.
  absl::flat_hash_set<std::string> Rebuild();

  // As of the last Rebuild; an empty table for a listener without routes.
  std::shared_ptr<const route::RouteTable> TableOf(const std::string& listener) const;

 private:
  // In no order: HostRoutes sorts.
  using Rules = absl::flat_hash_set<const CompiledRule*>;
  struct ListenerRoutes {
    absl::flat_hash_map<std::string, Rules> hosts;
    absl::flat_hash_set<std::string> touched;
    std::shared_ptr<const route::RouteTable> table;
  };

  void Touch(const CompiledRule& rule);
  static std::shared_ptr<const route::HostRoutes> Build(const Rules& rules);

  // Nodes, since hosts point to them.
  absl::node_hash_map<std::string, CompiledRule> rules_;
  absl::btree_map<std::string, ListenerRoutes> listeners_;
};

}  // namespace portreeve::config
