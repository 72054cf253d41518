// The listeners in force, and which port each has: no two that can't live side by side.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/config/compile_listener.h"
#include "dataplane/config/refusal.h"
#include "dataplane/config/runtime_config.h"
#include "dataplane/config/stable_indexes.h"

namespace portreeve::config {

// All listeners of a port speak one protocol and have distinct hostnames. One Gateway's are like that; several Gateways
// on one data plane may not be. Who is in force stays; of two that come at once the lower key wins. The other is
// refused, and tried again whenever listeners change.
class ListenerTable {
 public:
  struct Version {
    CompiledListener compiled;
    std::string version;
    std::string origin;
    // Serialised v1::Resource.
    std::string bytes;
  };

  // Takes part in the next Settle.
  void Put(const std::string& key, Version version);
  void Remove(const std::string& key);

  struct Outcome {
    // Came into force.
    std::vector<std::string> in_force;
    // The place is taken.
    std::vector<Refusal> conflicts;
  };
  // Decides who is in force. Empty when nothing has changed since the last time: who lost keeps losing.
  Outcome Settle();

  // In force; null if there is none.
  const Version* Find(const std::string& key) const;
  template <typename F>
  void ForEach(F&& f) const {
    for (const auto& [key, slot] : slots_) {
      if (slot.active) f(key, *slot.active);
    }
  }

  // The runtime form is kept by key until Invalidate; ports until one of their listeners changes.
  void Invalidate(const std::string& key);
  using Ports = absl::btree_map<std::uint16_t, std::shared_ptr<const Port>>;
  // `make` turns a listener in force into its runtime form: make(key, compiled, metrics_index).
  template <typename Make>
  const Ports& Build(Make&& make) {
    for (auto& [key, slot] : slots_) {
      if (!slot.active || slot.runtime != nullptr) continue;
      slot.runtime = make(key, slot.active->compiled, indexes_.Take(key));
      dirty_ports_.insert(slot.active->compiled.port);
    }
    indexes_.Release();
    RebuildPorts();
    return ports_;
  }

 private:
  struct Slot {
    std::optional<Version> active;
    // Newer than `active`, and not in force (yet).
    std::optional<Version> wanted;
    std::shared_ptr<const Listener> runtime;
  };

  void Activate(Slot& slot, std::optional<Version> version);
  void RebuildPorts();

  absl::btree_map<std::string, Slot> slots_;
  bool changed_ = false;
  StableIndexes indexes_;
  absl::flat_hash_set<std::uint16_t> dirty_ports_;
  Ports ports_;
};

}  // namespace portreeve::config
