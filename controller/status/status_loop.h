// From translations, and from what data planes and the infrastructure say, to the statuses that are written.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controller/serve/config_service.h"
#include "controller/serve/snapshot_cache.h"
#include "controller/status/event_recorder.h"
#include "controller/status/overlay.h"
#include "controller/status/snapshot_history.h"
#include "controller/status/status_writer.h"

namespace portreeve::status {

// Lays one over the other whenever something changes, and hands what became of it to the writer: only objects of which
// the wanted or the stored status isn't what it was. While this replica doesn't lead, it only listens; when it begins
// to lead, it compares everything anew.
class StatusLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Statuses = translate::StatusSet;

  // So long after the start, and after the last data plane of a Gateway went, it isn't known who will connect: they
  // come back by themselves when a controller is replaced.
  static constexpr std::chrono::seconds kSettling{10};
  // So long after it began to lead, a replica hasn't heard yet from the others what is connected to them.
  static constexpr std::chrono::seconds kHearing{5};
  // So often leadership is asked for without LeadershipChanged.
  static constexpr std::chrono::seconds kLeaderPeriod{1};

  struct Options {
    std::function<bool()> leader;
    // Of the data planes of a Gateway ("NS/NAME") that are connected, to whichever replica. Any thread.
    std::function<std::vector<serve::DataPlaneReport>(const std::string& gateway)> data_planes;
    std::chrono::milliseconds settling = kSettling;
    std::chrono::milliseconds hearing = kHearing;
  };

  // All outlive it.
  StatusLoop(StatusWriter& writer, EventRecorder& events, const serve::SnapshotCache& cache, Options options);
  ~StatusLoop();
  StatusLoop(const StatusLoop&) = delete;
  StatusLoop& operator=(const StatusLoop&) = delete;

  // All of these return soon.
  //
  // What was translated from `state`, sorted by key, once it is published and before the next is. One thread.
  void Submit(std::shared_ptr<const store::ClusterState> state, std::shared_ptr<const Statuses> statuses);
  // A data plane of that Gateway has reported, or is gone. Any thread.
  void DataPlanesChanged(const std::string& gateway);
  // Where a Gateway is reached. Any thread.
  void SetPlacement(const std::string& gateway, Placement placement);
  void ForgetPlacement(const std::string& gateway);
  // Options::leader may answer something else now. Any thread.
  void LeadershipChanged();

 private:
  // All that goes into one round.
  struct Input {
    std::shared_ptr<const store::ClusterState> state;
    std::shared_ptr<const Statuses> statuses;
    absl::btree_map<std::string, Placement> placements;
  };

  void Run();
  void Round(const Input& input, const absl::btree_set<std::string>& moved);
  void UpdateProgress(const Input& input, const absl::btree_set<std::string>& moved);
  void HandOver(const Input& input, Overlaid overlaid);
  void RecordNotes(const Input& input, const std::vector<Note>& notes);

  StatusWriter& writer_;
  EventRecorder& events_;
  const serve::SnapshotCache& cache_;
  const Options options_;
  const Clock::time_point began_ = Clock::now();
  SnapshotHistory history_;
  absl::btree_set<std::string> recorded_;  // Gateways; of the thread that submits

  std::mutex mutex_;
  std::condition_variable changed_;
  Input input_;                         // guarded by mutex_
  absl::btree_set<std::string> moved_;  // Gateways whose data planes or snapshot changed; guarded by mutex_
  bool dirty_ = false;                  // guarded by mutex_
  bool stopping_ = false;               // guarded by mutex_

  // Of the loop's own thread: the last round.
  bool leading_ = false;
  Clock::time_point led_at_ = Clock::time_point::max();
  std::shared_ptr<const store::ClusterState> last_state_;
  std::shared_ptr<const Statuses> last_statuses_;
  Overlaid last_;
  absl::btree_map<std::string, GatewayProgress> progress_;
  absl::btree_map<std::string, Clock::time_point> gone_;  // when the last data plane went, by Gateway
  Clock::time_point next_settling_ = Clock::time_point::max();

  std::thread thread_;
};

}  // namespace portreeve::status
