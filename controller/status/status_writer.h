// Writes statuses to the API server: a few threads, each with one request under way.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/status/event_recorder.h"
#include "controller/status/newest_copy.h"
#include "controller/status/write_queue.h"
#include "controller/translate/translator.h"

namespace portreeve::status {

// One merge patch of `status` for each object and change, with the resourceVersion that it is made from, so that
// nothing of anybody else is lost: on a conflict the object is read again, and the patch made anew. An object on which
// somebody else has conditions or entries is read before it is written, since only the API server's own text has all
// that may be in them. What is stored already isn't written again.
class StatusWriter {
 public:
  static constexpr int kTries = 5;  // in a row on conflicts; then others get their turn

  struct Options {
    // Asked before each write: false, and nothing is written.
    std::function<bool()> leader;
    std::size_t threads = 4;
    // Writes of all objects together.
    double per_second = 200;
    double burst = 200;
    std::function<absl::Time()> wall_clock = absl::Now;
  };

  struct Counts {
    std::uint64_t written = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t failures = 0;  // tried again later
  };

  // Both must outlive it.
  StatusWriter(kube::ApiClient& api, EventRecorder& events, Options options);
  // Waits for requests under way: Cancel the ApiClient first. What waits isn't written.
  ~StatusWriter();
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  // All three: any thread, don't block.
  //
  // The status that an object should have takes the place of what was wanted before. `stored`: the object as the watch
  // has it, of the same key. Nothing happens if that has the status already.
  void Want(translate::ObjectStatus desired, gatewayapi::Object stored);
  // It is gone, or isn't ours any more.
  void Forget(const gatewayapi::ObjectKey& key);
  // Everything, as before the first call.
  void Clear();

  Counts counts() const;
  // Objects that wait for their write.
  std::size_t waiting() const;

 private:
  using Json = nlohmann::ordered_json;
  using Clock = WriteQueue::Clock;

  struct Item {
    translate::ObjectStatus desired;
    gatewayapi::Object stored;
    NewestCopy copy;
  };
  // What a patch is made from.
  struct Base;
  struct Outcome;
  struct Totals {
    std::atomic<std::uint64_t> written{0};
    std::atomic<std::uint64_t> conflicts{0};
    std::atomic<std::uint64_t> failures{0};
  };

  void Run();
  void Release(const gatewayapi::ObjectKey& key);
  static Base BaseOf(const Item& item);
  Outcome Write(const Item& item);
  std::optional<Outcome> Read(const Item& item, Base* base);
  std::optional<Outcome> TryOnce(const Item& item, Base* base);
  Outcome Failed(const gatewayapi::ObjectKey& key, const char* what, const absl::StatusOr<kube::ApiResponse>& response);
  void Succeeded(gatewayapi::Kind kind);
  std::string Timestamp() const;

  kube::ApiClient& api_;
  EventRecorder& events_;
  const Options options_;
  Totals totals_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  WriteQueue queue_;                                    // guarded by mutex_
  absl::btree_map<gatewayapi::ObjectKey, Item> items_;  // guarded by mutex_
  std::set<std::pair<gatewayapi::Kind, int>> failing_;  // how writes of a kind fail; guarded by mutex_
  bool stopping_ = false;                               // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace portreeve::status
