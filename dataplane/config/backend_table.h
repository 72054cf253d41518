// The backends in force, with their endpoints, under numbers that stay.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/config/compile_backend.h"
#include "dataplane/config/stable_indexes.h"

namespace portreeve::config {

// Endpoints need not be there: a backend without them has none that is ready. There are thousands of both, so nothing
// is kept twice that needn't be.
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
  struct EndpointsEntry {
    // Null: only users are known.
    std::unique_ptr<const CompiledEndpoints> endpoints;
    // Indexes of the backends that name them.
    absl::InlinedVector<std::uint32_t, 2> users;
  };

  void Link(std::uint32_t backend, const std::string& endpoints);
  void Unlink(std::uint32_t backend);
  void ChangeEndpoints(const std::string& key, std::unique_ptr<const CompiledEndpoints> endpoints);

  StableIndexes indexes_;
  absl::flat_hash_map<std::string, EndpointsEntry> endpoints_;
  // By index. `built_` has the endpoints of the last Build.
  std::vector<std::string> endpoints_of_;
  std::vector<std::shared_ptr<const upstream::Backend>> built_;
  // Changed, and not built yet.
  absl::flat_hash_map<std::uint32_t, CompiledBackend> changed_;
  absl::flat_hash_set<std::uint32_t> touched_;
  absl::flat_hash_set<std::string> appeared_;
  absl::flat_hash_set<std::string> vanished_;
};

}  // namespace portreeve::config
