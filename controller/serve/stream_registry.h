// What the streams of one service share: where snapshots come from, who is connected, what they reported.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <atomic>
#include <chrono>
#include <compare>
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

class ServedStream;

// Any thread.
class StreamRegistry {
 public:
  using Clock = std::chrono::steady_clock;

  // The listeners are as in ConfigService::Options.
  StreamRegistry(SnapshotCache& cache, std::uint64_t epoch, VerdictListener listener, VerdictListener local_listener)
      : cache_(cache), epoch_(epoch), listener_(std::move(listener)), local_listener_(std::move(local_listener)) {}

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
  bool Add(std::shared_ptr<ServedStream> stream);
  // Takes the last hold on it. What was reported through it and isn't known by another stream is told as gone.
  void Remove(std::shared_ptr<ServedStream> stream);

  // The state of that stream's data plane.
  void Report(const ServedStream* stream, DataPlaneReport report);
  // The state of a data plane of another replica, which heard it at that time. Of all that is known of a data plane the
  // latest counts, by these times.
  void ReportRelayed(const ServedStream* stream, DataPlaneReport report, Clock::time_point heard);

  // Logs why a stream was ended by us; `kind`: "data plane". Who is refused comes back every other second, so the same
  // is said once in a minute.
  void ReportEnd(const char* kind, const std::string& gateway, const std::string& instance, const std::string& reason);

  // Something was published: each stream that is idle sends what is new to it.
  void WakeAll();
  void CloseAll();
  // Whether every stream that was added has been removed by then.
  bool WaitEmpty(std::chrono::milliseconds deadline);

  // One for each data plane.
  std::vector<DataPlaneReport> Reports(std::string_view gateway) const;
  std::vector<DataPlaneReport> AllReports() const;

 private:
  // Which data plane, and from which stream that is known.
  struct Source {
    std::string gateway;
    std::string instance;
    const ServedStream* stream = nullptr;
    auto operator<=>(const Source&) const = default;
  };
  // Connected, always.
  struct Heard {
    DataPlaneReport report;
    Clock::time_point at;
    bool relayed = false;
  };
  using Heards = absl::btree_map<Source, Heard>;

  // Of each data plane what it said last, whichever streams it came by.
  static std::vector<DataPlaneReport> LatestOfEach(Heards::const_iterator begin, Heards::const_iterator end);

  // What counts of the data plane of `said`; one that is gone if it isn't known any more. With mutex_ held.
  DataPlaneReport Latest(const DataPlaneReport& said, bool local_only) const;
  // With telling_ held.
  void Tell(const DataPlaneReport& said, bool relayed);

  SnapshotCache& cache_;
  std::atomic<std::uint64_t> epoch_;
  const VerdictListener listener_;
  const VerdictListener local_listener_;

  // Held while reports change and the listeners are told, so that they hear in the order in which it happened. Taken
  // before mutex_.
  std::mutex telling_;

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  bool closed_ = false;
  // Added, and not removed to the end.
  std::size_t active_ = 0;
  absl::flat_hash_set<std::shared_ptr<ServedStream>> streams_;
  // The sources of one data plane side by side.
  Heards reports_;
  // When what was said last.
  absl::btree_map<std::string, Clock::time_point> said_;

  std::chrono::milliseconds proof_deadline_{};
  // Goes first: its threads may be in a stream.
  std::unique_ptr<TokenGate> gate_;
};

}  // namespace portreeve::serve
