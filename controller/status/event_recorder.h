// Events: what `kubectl describe` shows below an object.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "controller/gatewayapi/types.h"
#include "controller/kube/api_client.h"
#include "controller/status/merge.h"

namespace portreeve::status {

// Writes one event (events.k8s.io/v1, Warning) for each object and complaint. Its name is a hash of both, so that the
// same complaint again, after a restart or from another replica, is the same event: here its count grows, there nothing
// happens. Best effort: nothing waits for it, and when more is recorded than can be written, the oldest goes.
class EventRecorder {
 public:
  static constexpr std::size_t kMaxWaiting = 1000;
  static constexpr std::size_t kMaxKnown = 10'000;
  static constexpr int kTries = 5;

  struct Options {
    // Of this process, in `reportingInstance`: the name of its pod.
    std::string instance;
    double per_second = 10;
    double burst = 50;
    std::function<absl::Time()> wall_clock = absl::Now;
    std::chrono::milliseconds retry_after{1000};
  };

  // `api` must outlive it.
  EventRecorder(kube::ApiClient& api, Options options);
  // Waits for a request under way: Cancel the ApiClient first. What waits is lost.
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // Any thread; doesn't block. `uid`: of the object; without it `kubectl describe` doesn't find the event.
  void Record(const gatewayapi::ObjectKey& key, const std::string& uid, const Complaint& complaint);

  // Events made, and counts raised.
  std::uint64_t written() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Event {
    gatewayapi::ObjectKey key;
    std::string uid;
    Complaint complaint;
    std::string name;
    int tries = 0;
  };
  enum class Outcome { kWritten, kDropped, kRetry };

  void Run();
  // With mutex_ held by `lock`; false: stopping.
  bool AwaitToken(std::unique_lock<std::mutex>& lock);
  Outcome Write(const Event& event, std::chrono::milliseconds* patience);
  Outcome Create(const Event& event, std::chrono::milliseconds* patience);
  Outcome Raise(const Event& event, int count, std::chrono::milliseconds* patience);
  Outcome Judge(const Event& event, const absl::StatusOr<kube::ApiResponse>& response,
                std::chrono::milliseconds* patience);
  std::string Timestamp() const;

  kube::ApiClient& api_;
  const Options options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> waiting_;  // guarded by mutex_
  std::uint64_t dropped_ = 0;  // guarded by mutex_
  std::uint64_t written_ = 0;  // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
  // Of the thread: counts by name of the event.
  absl::flat_hash_map<std::string, int> counts_;
  bool refused_ = false;
  double tokens_;
  Clock::time_point refilled_ = Clock::now();
  std::thread thread_;
};

}  // namespace portreeve::status
