// Which object's status is written next, and when. No I/O, no thread, no clock of its own.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <tuple>

#include "controller/gatewayapi/types.h"

namespace portreeve::status {

// An object is in it once, however often it is put: what comes while its write waits or is under way is one write more.
//
// One object is written 10 times a second at most. Counts alone can wait longer: the first at once, and while they keep
// on changing each write waits twice as long as the one before, up to 5 seconds. All objects together share a bucket of
// tokens. Urgent ones come first, each kind in the order in which they fell due.
class WriteQueue {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  static constexpr Duration kInterval = std::chrono::milliseconds(100);
  static constexpr Duration kFirstCounts = std::chrono::milliseconds(250);
  static constexpr Duration kMaxCounts = std::chrono::seconds(5);
  static constexpr Duration kFirstRetry = std::chrono::milliseconds(500);
  static constexpr Duration kMaxRetry = std::chrono::seconds(30);

  struct Options {
    double per_second = 200;
    double burst = 200;
    // In [0, 1); a retry waits up to a quarter longer by it, so that not all come back at once.
    std::function<double()> random;
  };

  enum class Result {
    kWritten,
    kNothing,  // there was nothing to write, or not by us
    kRetry,
    kGone,  // the object doesn't exist
  };

  explicit WriteQueue(Options options, Clock::time_point now);

  void Put(const gatewayapi::ObjectKey& key, bool urgent, Clock::time_point now);
  // What is under way ends as it will, and is forgotten then.
  void Forget(const gatewayapi::ObjectKey& key);
  void Clear();

  // The next object that is due, which is under way from now on. Otherwise nothing, and `wake` is when to ask again
  // (max: when something was put or done).
  std::optional<gatewayapi::ObjectKey> Take(Clock::time_point now, Clock::time_point* wake);
  // How a write ended. `not_before`: the API server asks for that much patience.
  void Done(const gatewayapi::ObjectKey& key, Result result, Clock::time_point now, Duration not_before = {});

  // It waits, or is under way.
  bool Has(const gatewayapi::ObjectKey& key) const;
  bool InFlight(const gatewayapi::ObjectKey& key) const;
  std::size_t size() const { return due_.size(); }

 private:
  struct Entry {
    bool queued = false;
    bool urgent = false;
    bool paced = false;  // it waits because of what was written shortly before
    bool in_flight = false;
    bool again = false;
    bool again_urgent = false;
    bool forget = false;
    Clock::time_point due;
    Clock::time_point last_write;
    Clock::time_point not_before;
    Duration counts_interval = kFirstCounts;
    int failures = 0;
    std::uint64_t sequence = 0;
  };
  // Of one priority, by when they are due.
  using Place = std::tuple<bool, Clock::time_point, std::uint64_t, gatewayapi::ObjectKey>;

  Place PlaceOf(const gatewayapi::ObjectKey& key, const Entry& entry) const {
    return {!entry.urgent, entry.due, entry.sequence, key};
  }
  void Enqueue(const gatewayapi::ObjectKey& key, Entry& entry, bool urgent, Clock::time_point now);
  void Refill(Clock::time_point now);

  const Options options_;
  absl::flat_hash_map<gatewayapi::ObjectKey, Entry> entries_;
  std::set<Place> due_;
  std::uint64_t next_sequence_ = 0;
  double tokens_;
  Clock::time_point refilled_;
};

}  // namespace portreeve::status
