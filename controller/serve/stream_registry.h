// What the streams of one service share: where snapshots come from, who is connected, what they reported.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/serve/config_service.h"
#include "controller/serve/snapshot_cache.h"

namespace portreeve::serve {

class Stream;

// Any thread.
class StreamRegistry {
 public:
  StreamRegistry(SnapshotCache& cache, std::uint64_t epoch, VerdictListener listener)
      : cache_(cache), epoch_(epoch), listener_(std::move(listener)) {}

  SnapshotCache& cache() const { return cache_; }
  std::uint64_t epoch() const { return epoch_; }

  // False once CloseAll was called.
  bool Add(std::shared_ptr<Stream> stream);
  // Takes the last hold on it.
  void Remove(std::shared_ptr<Stream> stream);

  // The state of that stream's data plane.
  void Report(const Stream* stream, DataPlaneReport report);

  // Something was published: each stream that is idle sends what is new to it.
  void WakeAll();
  void CloseAll();
  // Whether every stream that was added has been removed by then.
  bool WaitEmpty(std::chrono::milliseconds deadline);

  std::vector<DataPlaneReport> Reports(std::string_view gateway) const;

 private:
  SnapshotCache& cache_;
  const std::uint64_t epoch_;
  const VerdictListener listener_;

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  bool closed_ = false;
  // Added, and not removed to the end.
  std::size_t active_ = 0;
  absl::flat_hash_set<std::shared_ptr<Stream>> streams_;
  absl::btree_map<const Stream*, DataPlaneReport> reports_;
};

}  // namespace portreeve::serve
