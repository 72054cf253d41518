// What the streams of one service share: where snapshots come from, who is connected, what they reported.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/serve/config_service.h"
#include "controller/serve/snapshot_cache.h"
#include "controller/serve/token_gate.h"

namespace portreeve::serve {

class Stream;

// Any thread.
class StreamRegistry {
 public:
  StreamRegistry(SnapshotCache& cache, std::uint64_t epoch, VerdictListener listener)
      : cache_(cache), epoch_(epoch), listener_(std::move(listener)) {}

  // From now on, who doesn't come through a socket must prove who they are, and again before each deadline. Before the
  // first Add.
  void Require(Authenticator authenticator, std::chrono::milliseconds proof_deadline);

  SnapshotCache& cache() const { return cache_; }
  // Null: nobody has to prove anything.
  TokenGate* gate() const { return gate_.get(); }
  std::chrono::milliseconds proof_deadline() const { return proof_deadline_; }
  std::uint64_t epoch() const { return epoch_; }
  // False: it isn't higher than the last.
  bool RaiseEpoch(std::uint64_t epoch);

  // False once CloseAll was called.
  bool Add(std::shared_ptr<Stream> stream);
  // Takes the last hold on it.
  void Remove(std::shared_ptr<Stream> stream);

  // The state of that stream's data plane.
  void Report(const Stream* stream, DataPlaneReport report);

  // Logs why a stream was ended by us. A data plane that is refused comes back every other second, so the same is said
  // once in a minute.
  void ReportEnd(const std::string& gateway, const std::string& instance, const std::string& reason);

  // Something was published: each stream that is idle sends what is new to it.
  void WakeAll();
  void CloseAll();
  // Whether every stream that was added has been removed by then.
  bool WaitEmpty(std::chrono::milliseconds deadline);

  std::vector<DataPlaneReport> Reports(std::string_view gateway) const;
  std::vector<DataPlaneReport> AllReports() const;

 private:
  SnapshotCache& cache_;
  std::atomic<std::uint64_t> epoch_;
  const VerdictListener listener_;

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  bool closed_ = false;
  // Added, and not removed to the end.
  std::size_t active_ = 0;
  absl::flat_hash_set<std::shared_ptr<Stream>> streams_;
  absl::btree_map<const Stream*, DataPlaneReport> reports_;
  // When what was said last.
  absl::btree_map<std::string, std::chrono::steady_clock::time_point> said_;

  std::chrono::milliseconds proof_deadline_{};
  // Goes first: its threads may be in a stream.
  std::unique_ptr<TokenGate> gate_;
};

}  // namespace portreeve::serve
