// The access log: one JSON line per request, written by a thread of its own.
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dataplane/observe/access_log_entry.h"

namespace portreeve::observe {

// Appends the line of an entry, with its newline, to `out`. `wall_us`: microseconds since the epoch. Bytes that aren't
// UTF-8 or are control characters are escaped as \u00XX, so that each line is valid JSON whatever a client sent.
void AppendJsonLine(const AccessLogEntry& entry, std::int64_t wall_us, std::string& out);

// A worker that logs never waits: it appends to a buffer of its own and hands it over when it has 16 KiB or at the
// next Flush. When the reader of the log is slower than that, lines are dropped and counted.
class AccessLogger {
 public:
  // What one worker may have waiting for the writer, in bytes.
  static constexpr std::size_t kMaxPending = 4U << 20;
  static constexpr std::size_t kHandOver = 64U << 10;

  // `path`: "-" standard output, "off" nothing, else a file that is appended to (and opened again by Reopen).
  static absl::StatusOr<std::unique_ptr<AccessLogger>> Open(std::string_view path, unsigned workers);
  // Writes what is pending, for one second at most.
  ~AccessLogger();
  AccessLogger(const AccessLogger&) = delete;
  AccessLogger& operator=(const AccessLogger&) = delete;

  bool enabled() const { return fd_ >= 0; }
  // From worker `worker`'s thread only.
  void Log(unsigned worker, const AccessLogEntry& entry);
  // From worker `worker`'s thread only: hands over what it has. Cheap when it has nothing.
  void Flush(unsigned worker);

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Channel {
    std::string local;  // the worker's own
    std::mutex mutex;
    std::string pending;  // guarded by mutex
  };

  AccessLogger(int fd, bool owned, unsigned workers);
  void WriteLoop();
  // False: stop was asked and the time is over, or the descriptor is broken.
  bool WriteFile(std::string_view text);
  bool WriteOut(std::string_view text);

  int fd_;
  bool owned_;
  bool is_file_ = false;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool work_ = false;  // guarded by wake_mutex_
  std::atomic<bool> stop_{false};
  std::thread writer_;
};

}  // namespace portreeve::observe
