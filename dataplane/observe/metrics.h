// Counters of the data plane: cells that one worker writes and the scrape sums.
#pragma once

#include <absl/container/btree_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/http/reason.h"

namespace portreeve::observe {

// A number with one writer: no locked instruction to add to it.
class Cell {
 public:
  void Add(std::uint64_t amount) { value_.store(value() + amount, std::memory_order_relaxed); }
  void Subtract(std::uint64_t amount) { value_.store(value() - amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of the duration histogram, in microseconds.
inline constexpr std::array<std::uint64_t, 11> kDurationBounds = {
    500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 500'000, 2'500'000, 10'000'000};

// Of one listener on one worker.
struct ListenerCells {
  // By reason: answers that aren't the backend's own, and backends' own under kNone by class of status.
  std::array<Cell, http::kReasonCount> reasons;
  std::array<Cell, 6> status_classes;  // [1] 1xx … [5] 5xx, of all answers
  std::array<Cell, kDurationBounds.size() + 1> durations;
  Cell duration_sum_us;
  Cell bytes_in;
  Cell bytes_out;
};

// Of one backend on one worker.
struct BackendCells {
  Cell requests;
  Cell failures;  // connect failures, resets, timeouts, malformed answers
};

// Of one worker, whatever the listener.
struct WorkerCells {
  Cell connections;
  Cell connections_open;
  Cell tls_handshakes;
  Cell upstream_connects;
  Cell upstream_connections_open;
  Cell upstream_reused;
  Cell retries;
  Cell requests_open;
  // Connections that ended before a request, by reason.
  std::array<Cell, http::kReasonCount> connection_failures;
};

// All series. Bounded by listeners, backends (the first 100 by name's first use; the rest count as "other") and
// reasons, never by routes.
class Metrics {
 public:
  static constexpr std::uint32_t kMaxListeners = 256;
  static constexpr std::uint32_t kMaxBackends = 100;

  explicit Metrics(unsigned workers);
  ~Metrics();

  WorkerCells& worker(unsigned worker) { return *workers_[worker]; }
  // `index` as given by ListenerIndex; from that worker's thread.
  ListenerCells& listener(unsigned worker, std::uint32_t index);
  BackendCells& backend(unsigned worker, std::uint32_t index);

  // A stable number for a name ("NS/GATEWAY/LISTENER"), from any thread; beyond the bound, that of "other".
  std::uint32_t ListenerIndex(std::string_view name);
  std::uint32_t BackendIndex(std::string_view name);

  // Numbers that others own, shown as gauges: "portreeve_config_resources".
  void SetGauge(std::string name, std::string help, double value);

  // Prometheus text format 0.0.4. From any thread.
  std::string Expose() const;

 private:
  template <typename Cells, std::uint32_t kMax>
  struct Table {
    // [worker][index]; made at first use by the worker itself, published by release.
    std::vector<std::unique_ptr<std::array<std::atomic<Cells*>, kMax + 1>>> cells;
    absl::btree_map<std::string, std::uint32_t, std::less<>> names;  // guarded by mutex_
  };
  struct Gauge {
    std::string help;
    double value = 0;
  };

  std::vector<std::unique_ptr<WorkerCells>> workers_;
  Table<ListenerCells, kMaxListeners> listeners_;
  Table<BackendCells, kMaxBackends> backends_;
  mutable std::mutex mutex_;
  absl::btree_map<std::string, Gauge> gauges_;  // guarded by mutex_
};

}  // namespace portreeve::observe
