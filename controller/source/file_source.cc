#include "controller/source/file_source.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace portreeve::source {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 32;  // of folders; links may make circles

bool IsResourceFile(std::string_view name) {
  const size_t slash = name.rfind('/');
  const std::string_view base = slash == std::string_view::npos ? name : name.substr(slash + 1);
  return !base.starts_with('.') && (base.ends_with(".yaml") || base.ends_with(".yml") || base.ends_with(".json"));
}

std::string ErrnoText() {
  return std::error_code(errno, std::generic_category()).message();
}

struct FileText {
  std::optional<std::string> text;
  std::string problem;  // why there is none
  bool missing = false;
};

// Never blocks: a FIFO opened so reads as empty and is refused before that.
FileText ReadText(const std::string& path, size_t max_bytes) {
  FileText result;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    result.missing = errno == ENOENT || errno == ENOTDIR;
    result.problem = "can't be read: " + ErrnoText();
    return result;
  }
  struct stat info{};
  std::string text;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    result.problem = "can't be read: it is not a file";
  } else if (static_cast<size_t>(info.st_size) > max_bytes) {
    result.problem = "is larger than " + std::to_string(max_bytes / (1024 * 1024)) + " MiB";
  } else {
    text.resize(static_cast<size_t>(info.st_size) + 1);
    size_t size = 0;
    ssize_t got = 0;
    while (size < max_bytes && (got = read(fd, text.data() + size, text.size() - size)) > 0) {
      size += static_cast<size_t>(got);
      if (size == text.size()) text.resize(size * 2);
    }
    if (got < 0) result.problem = "can't be read: " + ErrnoText();
    text.resize(size);
  }
  close(fd);
  if (result.problem.empty()) result.text = std::move(text);
  return result;
}

std::string WithSlash(std::string folder) {
  if (!folder.ends_with('/')) folder += '/';
  return folder;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(const std::string& folder) {
  struct stat info{};
  if (stat(folder.c_str(), &info) != 0) {
    return absl::NotFoundError("folder " + folder + ": " + ErrnoText() + "; create it or give another one");
  }
  if (!S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(folder + " is a file, not a folder; give the folder that holds it");
  }
  if (access(folder.c_str(), R_OK | X_OK) != 0) {
    return absl::PermissionDeniedError("folder " + folder + ": " + ErrnoText() +
                                       "; give this user the right to read it");
  }
  absl::StatusOr<std::unique_ptr<FolderWatch>> watch = FolderWatch::Open(folder);
  if (!watch.ok()) return watch.status();
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  const int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  std::unique_ptr<FileSource> source(new FileSource(folder, *std::move(watch), epoll_fd, timer_fd));
  for (const int fd : {source->watch_->fd(), timer_fd}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
      return absl::ResourceExhaustedError("can't watch folder " + folder + ": " + ErrnoText() +
                                          "; raise the limit of open files");
    }
  }
  if (absl::Status status = source->watch_->Add(""); !status.ok()) {
    return absl::Status(status.code(), "folder " + folder + " " + std::string(status.message()));
  }
  return source;
}

FileSource::FileSource(std::string folder, std::unique_ptr<FolderWatch> watch, int epoll_fd, int timer_fd)
    : folder_(std::move(folder)),
      watch_(std::move(watch)),
      epoll_fd_(epoll_fd),
      timer_fd_(timer_fd),
      files_(WithSlash(folder_)) {}

FileSource::~FileSource() {
  close(timer_fd_);
  close(epoll_fd_);
}

SourceBatch FileSource::Read() {
  if (!std::exchange(loaded_, true)) Walk("");
  uint64_t expirations = 0;
  while (read(timer_fd_, &expirations, sizeof expirations) > 0) {
  }
  const FolderWatch::Changes changes = watch_->Read();
  for (const std::string& name : changes.gone) {
    watch_->Forget(name);
    RemoveSoon(name);
  }
  for (const std::string& folder : changes.folders) Walk(folder);
  for (const std::string& file : changes.files) {
    if (IsResourceFile(file)) ReadFile(file);
  }
  if (changes.root_gone) {
    struct stat info{};
    if (stat(folder_.c_str(), &info) != 0) {
      files_.Fail("", "the folder is gone; what was read last stays in service", "create the folder again");
    }
  }
  RemoveRenamed();
  RemoveDue();
  ArmTimer();
  return files_.Take();
}

// Reads everything at and below `folder` and forgets what isn't there any more.
void FileSource::Walk(const std::string& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(PathOf(folder), error);
  if (folder.empty() && !fs::is_directory(status)) return;  // gone: keep all
  std::set<std::string> seen;
  if (fs::is_directory(status)) WalkBelow(folder, 0, &seen);
  for (const std::string& file : files_.FilesBelow(folder)) {
    if (!seen.contains(file) && !(file == folder && fs::is_regular_file(status))) RemoveSoon(file);
  }
}

void FileSource::WalkBelow(const std::string& folder, int depth, std::set<std::string>* seen) {
  const absl::Status status = watch_->Add(folder);
  if (status.ok()) {
    files_.Remove(folder);  // an earlier complaint
  } else {
    files_.Fail(folder, std::string(status.message()), "correct that, then restart");
    seen->insert(folder);
  }
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(PathOf(folder), error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  for (const std::string& base : names) {
    const std::string name = JoinNames(folder, base);
    const fs::path path = PathOf(name);
    if (fs::is_directory(path, error)) {
      if (depth < kMaxDepth) WalkBelow(name, depth + 1, seen);
      continue;
    }
    if (!IsResourceFile(name)) continue;
    ReadFile(name);
    if (!going_.contains(name)) seen->insert(name);
  }
}

void FileSource::ReadFile(const std::string& file) {
  std::error_code error;
  if (const fs::path path = PathOf(file); fs::is_symlink(path, error)) {
    const fs::path real = fs::canonical(path, error);
    if (!error) watch_->AddOutside(real.parent_path());
  }
  FileText read = ReadText(PathOf(file), kMaxFileBytes);
  if (read.missing) {
    RemoveSoon(file);
    return;
  }
  if (!read.text) {
    going_.erase(file);
    files_.Fail(file, read.problem, "correct that; what was read last stays in service");
    return;
  }
  // Emptied, most likely by a writer that opened it again and will write now.
  if (read.text->empty() && files_.Has(file)) {
    RemoveSoon(file);
    return;
  }
  going_.erase(file);
  files_.Put(file, *read.text);
}

void FileSource::RemoveSoon(const std::string& name) {
  const Clock::time_point due = Clock::now() + kDeletionGrace;
  for (const std::string& file : files_.FilesBelow(name)) going_.emplace(file, due);
}

void FileSource::RemoveDue() {
  const Clock::time_point now = Clock::now();
  for (auto it = going_.begin(); it != going_.end();) {
    if (it->second > now) {
      ++it;
      continue;
    }
    const std::string file = it->first;
    it = going_.erase(it);
    Settle(file);
  }
}

// A file that is gone, and whose objects another one has now, was renamed: there is nothing to wait for.
void FileSource::RemoveRenamed() {
  if (going_.empty()) return;
  for (const std::string& file : files_.NewRivals()) {
    if (going_.erase(file) > 0) Settle(file);
  }
}

// The grace is over: what is there counts.
void FileSource::Settle(const std::string& file) {
  FileText read = ReadText(PathOf(file), kMaxFileBytes);
  if (read.missing) {
    files_.Remove(file);
  } else if (read.text) {
    files_.Put(file, *read.text);
  } else {
    files_.Fail(file, read.problem, "correct that; what was read last stays in service");
  }
}

void FileSource::ArmTimer() {
  itimerspec spec{};
  if (!going_.empty()) {
    Clock::time_point first = Clock::time_point::max();
    for (const auto& [file, due] : going_) first = std::min(first, due);
    const auto wait = std::max<std::chrono::nanoseconds>(first - Clock::now(), std::chrono::nanoseconds(1));
    spec.it_value.tv_sec = wait.count() / 1'000'000'000;
    spec.it_value.tv_nsec = wait.count() % 1'000'000'000;
  }
  timerfd_settime(timer_fd_, 0, &spec, nullptr);
}

}  // namespace portreeve::source
