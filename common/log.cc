#include "common/log.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

namespace portreeve::log {
namespace {

constexpr std::size_t kQueueLines = 8192;
// Writes of up to this size don't block on a pipe that polls writable.
constexpr std::size_t kChunkBytes = 4096;
constexpr int kWriteWaitMs = 1000;

constexpr const char* kLevelNames[] = {"debug", "info", "warning", "error"};

// Works on the thread of the queue only, so that a reader who doesn't read stops nobody else.
class BoundedSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  void SetFd(int fd) { fd_.store(fd, std::memory_order_relaxed); }
  void set_pool(std::weak_ptr<spdlog::details::thread_pool> pool) { pool_ = std::move(pool); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // False when `deadline` has passed before `mark` flushes were done.
  bool WaitFlushed(std::uint64_t mark, std::chrono::milliseconds deadline) {
    std::unique_lock lock(mutex_);
    return flushed_changed_.wait_for(lock, deadline, [&] { return flushed_ >= mark; });
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    ReportOverrun();
    Put({message.payload.data(), message.payload.size()});
  }

  void flush_() override {
    std::lock_guard lock(mutex_);
    ++flushed_;
    flushed_changed_.notify_all();
  }

 private:
  void ReportOverrun() {
    auto pool = pool_.lock();
    if (!pool) return;
    const std::uint64_t overrun = pool->overrun_counter();
    if (overrun == overrun_reported_) return;
    const std::uint64_t lines = overrun - overrun_reported_;
    overrun_reported_ = overrun;
    dropped_.fetch_add(lines, std::memory_order_relaxed);
    Put(absl::StrCat(R"({"level":"warning","msg":"log lines were dropped: whoever reads stderr is too slow","lines":)",
                     lines, "}\n"));
  }

  void Put(std::string_view line) {
    const int fd = fd_.load(std::memory_order_relaxed);
    while (!line.empty()) {
      pollfd writable{fd, POLLOUT, 0};
      if (poll(&writable, 1, kWriteWaitMs) <= 0) break;
      const ssize_t done = write(fd, line.data(), std::min(line.size(), kChunkBytes));
      if (done < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (done <= 0) break;
      line.remove_prefix(static_cast<std::size_t>(done));
    }
    if (!line.empty()) dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  std::atomic<int> fd_{STDERR_FILENO};
  std::weak_ptr<spdlog::details::thread_pool> pool_;
  std::uint64_t overrun_reported_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable flushed_changed_;
  std::uint64_t flushed_ = 0;
};

// Never destroyed: threads may write until the process is gone.
struct Queue {
  Queue() {
    sink->set_pool(pool);
    logger->set_level(spdlog::level::trace);
  }

  static Queue& Get() {
    static Queue* const queue = new Queue;
    return *queue;
  }

  std::shared_ptr<spdlog::details::thread_pool> pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  std::shared_ptr<BoundedSink> sink = std::make_shared<BoundedSink>();
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("", sink, pool, spdlog::async_overflow_policy::overrun_oldest);
  std::atomic<std::uint64_t> flushes{0};
};

std::atomic<Level> lowest_level{Level::kInfo};

std::string JsonText(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string LineOf(Level level, std::string_view message, Fields fields) {
  std::string line =
      absl::StrCat(R"({"time":")", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()),
                   R"(","level":")", kLevelNames[static_cast<std::size_t>(level)], R"(","msg":)", JsonText(message));
  for (const Field& field : fields) {
    absl::StrAppend(&line, ",", JsonText(field.name), ":");
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      line += JsonText(*text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      absl::StrAppend(&line, *number);
    } else if (const auto* fraction = std::get_if<double>(&field.value)) {
      line += nlohmann::json(*fraction).dump();
    } else {
      line += std::get<bool>(field.value) ? "true" : "false";
    }
  }
  line += "}\n";
  return line;
}

}  // namespace

std::optional<Level> LevelFromName(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (name == kLevelNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void Write(Level level, std::string_view message, Fields fields) {
  if (!Enabled(level)) return;
  const std::string line = LineOf(level, message, fields);
  Queue::Get().logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

void SetLevel(Level level) {
  lowest_level.store(level, std::memory_order_relaxed);
}

bool Enabled(Level level) {
  return level >= lowest_level.load(std::memory_order_relaxed);
}

void SetOutput(int fd) {
  Queue::Get().sink->SetFd(fd);
}

std::uint64_t Dropped() {
  return Queue::Get().sink->dropped();
}

void Flush(std::chrono::milliseconds deadline) {
  Queue& queue = Queue::Get();
  const std::uint64_t mark = queue.flushes.fetch_add(1) + 1;
  queue.logger->flush();
  queue.sink->WaitFlushed(mark, deadline);
}

}  // namespace portreeve::log
