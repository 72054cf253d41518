// The latest resources of every Gateway, and what differs between two states of them.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "controller/translate/translator.h"

namespace portreeve::serve {

using ResourcePtr = std::shared_ptr<const config::v1::Resource>;

// Immutable. Two of one version have the same keys and versions.
struct Snapshot {
  // Lower-case hexadecimal hash over all keys and versions, in whatever order they came: the same after a restart.
  std::string version;
  // What `version` is written from: a sum over the resources, so that a change costs its own size.
  std::array<std::uint64_t, 2> sum{};
  translate::ResourceMap resources;
};

// What makes one state of another. Sorted by key.
struct ResourceDelta {
  std::vector<ResourcePtr> changed;
  std::vector<std::string> removed;
  bool empty() const { return changed.empty() && removed.empty(); }
};

// Compares pointers first and versions where they differ.
ResourceDelta Diff(const translate::ResourceMap& from, const translate::ResourceMap& to);
// `held`: versions by key, as a data plane says in Hello.
ResourceDelta Diff(const absl::flat_hash_map<std::string, std::string>& held, const translate::ResourceMap& to);

// Any thread.
class SnapshotCache {
 public:
  // Called after each Publish that changed something, by the publishing thread, without a lock held.
  using Watcher = std::function<void()>;

  // Takes the place of all that was published before.
  void Publish(absl::btree_map<std::string, translate::ResourceMap> gateways);

  // The resources of one Gateway ("NS/NAME"), or of all of them (""). Null before the first Publish and for a Gateway
  // that never was; empty for one that is gone. The same pointer as long as nothing changed.
  std::shared_ptr<const Snapshot> Latest(std::string_view gateway) const;

  // One watcher, which must not call back into Publish; null: none. Returns when the old one isn't running any more.
  void SetWatcher(Watcher watcher);

 private:
  std::shared_ptr<const Snapshot> AllGateways() const;

  mutable std::mutex mutex_;
  bool published_ = false;
  absl::btree_map<std::string, std::shared_ptr<const Snapshot>> gateways_;
  // Made when somebody asks for it; the last one is where the next starts from.
  mutable std::shared_ptr<const Snapshot> all_;
  mutable bool all_is_latest_ = false;

  std::mutex watcher_mutex_;
  Watcher watcher_;
};

}  // namespace portreeve::serve
