#include "dataplane/observe/access_logger.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace portreeve::observe {

absl::StatusOr<std::unique_ptr<AccessLogger>> AccessLogger::Open(std::string_view path, unsigned workers) {
  int fd = -1;
  bool owned = false;
  if (path == "-") {
    fd = STDOUT_FILENO;
  } else if (path != "off" && !path.empty()) {
    const std::string name(path);
    fd = open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
      return absl::InvalidArgumentError(absl::StrCat("--access-log: ", name, " can't be opened: ", std::strerror(errno),
                                                     "; name a file in a folder that exists"));
    }
    owned = true;
  }
  return std::unique_ptr<AccessLogger>(new AccessLogger(fd, owned, workers));
}

AccessLogger::AccessLogger(int fd, bool owned, unsigned workers) : fd_(fd), owned_(owned) {
  struct stat info{};
  is_file_ = enabled() && fstat(fd_, &info) == 0 && S_ISREG(info.st_mode);
  for (unsigned i = 0; i < workers; ++i) channels_.push_back(std::make_unique<Channel>());
  if (enabled()) writer_ = std::thread([this] { WriteLoop(); });
}

AccessLogger::~AccessLogger() {
  if (writer_.joinable()) {
    // The workers have ended: their buffers are ours.
    for (unsigned i = 0; i < channels_.size(); ++i) Flush(i);
    {
      std::lock_guard lock(wake_mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    writer_.join();
  }
  if (owned_) close(fd_);
}

void AccessLogger::Log(unsigned worker, const AccessLogEntry& entry) {
  if (!enabled()) return;
  Channel& channel = *channels_[worker];
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  AppendJsonLine(entry, std::chrono::duration_cast<std::chrono::microseconds>(wall).count(), channel.local);
  if (channel.local.size() >= kHandOver) Flush(worker);
}

void AccessLogger::Flush(unsigned worker) {
  Channel& channel = *channels_[worker];
  if (channel.local.empty()) return;
  bool full = false;
  {
    std::lock_guard lock(channel.mutex);
    if (channel.pending.empty()) {
      channel.pending.swap(channel.local);
    } else if (channel.pending.size() + channel.local.size() <= kMaxPending) {
      channel.pending.append(channel.local);
    } else {
      full = true;
    }
  }
  if (full) {
    for (char c : channel.local) dropped_.fetch_add(c == '\n' ? 1 : 0, std::memory_order_relaxed);
  }
  channel.local.clear();
  {
    std::lock_guard lock(wake_mutex_);
    work_ = true;
  }
  wake_.notify_one();
}

void AccessLogger::WriteLoop() {
  std::string text;
  for (;;) {
    {
      std::unique_lock lock(wake_mutex_);
      wake_.wait(lock, [this] { return work_ || stop_; });
      if (!work_) return;
      work_ = false;
    }
    for (auto& channel : channels_) {
      {
        std::lock_guard lock(channel->mutex);
        text.swap(channel->pending);
      }
      if (!text.empty() && !WriteOut(text)) {
        for (char c : text) dropped_.fetch_add(c == '\n' ? 1 : 0, std::memory_order_relaxed);
      }
      text.clear();
    }
  }
}

// A file takes all that it is given.
bool AccessLogger::WriteFile(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool AccessLogger::WriteOut(std::string_view text) {
  if (is_file_) return WriteFile(text);
  auto give_up = std::chrono::steady_clock::time_point::max();
  while (!text.empty()) {
    // poll first: the descriptor may be a pipe whose reader has stopped, and stop must still work.
    pollfd ready{fd_, POLLOUT, 0};
    const int polled = poll(&ready, 1, 100);
    if (polled <= 0) {
      if (polled < 0 && errno != EINTR) return false;
      if (stop_ && give_up == std::chrono::steady_clock::time_point::max()) {
        give_up = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      }
      if (std::chrono::steady_clock::now() >= give_up) return false;
      continue;
    }
    // At most PIPE_BUF at once: a pipe that polls writable takes that much without blocking.
    const ssize_t written = write(fd_, text.data(), text.size() < 4096 ? text.size() : 4096);
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace portreeve::observe
