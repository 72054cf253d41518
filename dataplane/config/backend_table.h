// The backends in force, with their endpoints, under numbers that stay.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/config/compile_backend.h"
#include "dataplane/config/stable_indexes.h"

namespace portreeve::config {

// Endpoints need not be there: a backend without them has none that is ready.
class BackendTable {
 public:
  void PutBackend(const std::string& key, CompiledBackend backend);
  void RemoveBackend(const std::string& key);
  void PutEndpoints(const std::string& key, CompiledEndpoints endpoints);
  void RemoveEndpoints(const std::string& key);

  // Index in Build(), or WeightedBackend::kUnresolved.
  std::uint32_t IndexOf(const std::string& key) const;

  // Keys that have got an index, and those that have lost one, since the last call. One that was removed and put again
  // is in both.
  absl::flat_hash_set<std::string> TakeAppeared() { return std::exchange(appeared_, {}); }
  absl::flat_hash_set<std::string> TakeVanished() { return std::exchange(vanished_, {}); }

  // Makes those that were touched.
  const std::vector<std::shared_ptr<const upstream::Backend>>& Build();

 private:
  struct Entry {
    CompiledBackend compiled;
    std::uint32_t index = 0;
  };

  void Unlink(const std::string& key, const Entry& entry);

  absl::flat_hash_map<std::string, Entry> backends_;
  absl::flat_hash_map<std::string, CompiledEndpoints> endpoints_;
  // Keys of backends by key of endpoints.
  absl::flat_hash_map<std::string, absl::btree_set<std::string>> users_;
  StableIndexes indexes_;
  absl::flat_hash_set<std::string> touched_;
  absl::flat_hash_set<std::string> appeared_;
  absl::flat_hash_set<std::string> vanished_;
  std::vector<std::shared_ptr<const upstream::Backend>> built_;
};

}  // namespace portreeve::config
