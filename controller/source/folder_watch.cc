#include "controller/source/folder_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace portreeve::source {
namespace {

constexpr unsigned kFolderMask =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string ErrnoText() {
  return std::error_code(errno, std::generic_category()).message();
}

bool IsHidden(const std::string& name) {
  return name.starts_with('.');
}

}  // namespace

std::string JoinNames(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return name.empty() ? folder : folder + "/" + name;
}

absl::StatusOr<std::unique_ptr<FolderWatch>> FolderWatch::Open(std::string root) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    return absl::ResourceExhaustedError("can't watch " + root + ": " + ErrnoText() +
                                        "; raise the sysctl fs.inotify.max_user_instances");
  }
  std::unique_ptr<FolderWatch> watch(new FolderWatch(fd, std::move(root)));
  watch->AddParent();
  return watch;
}

FolderWatch::FolderWatch(int fd, std::string root) : fd_(fd), root_(std::move(root)) {}

FolderWatch::~FolderWatch() {
  close(fd_);
}

// The folder may be a link that is swapped, or be made again after it went: only its parent sees that.
void FolderWatch::AddParent() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(root_, error).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (!path.has_filename()) return;
  root_name_ = path.filename();
  parent_watch_ = inotify_add_watch(fd_, path.parent_path().c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

absl::Status FolderWatch::Add(const std::string& folder) {
  const std::string path = JoinNames(root_, folder);
  const int watch = inotify_add_watch(fd_, path.c_str(), kFolderMask);
  if (watch >= 0) {
    folders_[watch] = folder;
    outside_.erase(watch);
    return absl::OkStatus();
  }
  if (errno == ENOSPC) {
    return absl::ResourceExhaustedError(
        "can't be watched: too many watches; raise the sysctl fs.inotify.max_user_watches");
  }
  return absl::NotFoundError("can't be watched: " + ErrnoText());
}

void FolderWatch::AddOutside(const std::string& absolute_folder) {
  const int watch = inotify_add_watch(fd_, absolute_folder.c_str(), kFolderMask);
  if (watch >= 0 && !folders_.contains(watch)) outside_.insert(watch);
}

void FolderWatch::Forget(const std::string& folder) {
  for (auto it = folders_.begin(); it != folders_.end();) {
    const std::string& name = it->second;
    const bool below = name == folder || (name.starts_with(folder) && name[folder.size()] == '/');
    if (!below || folder.empty()) {
      ++it;
      continue;
    }
    inotify_rm_watch(fd_, it->first);
    it = folders_.erase(it);
  }
}

FolderWatch::Changes FolderWatch::Read() {
  Changes changes;
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t size = read(fd_, buffer.data(), buffer.size());
    if (size <= 0) {
      if (size < 0 && errno == EINTR) continue;
      return changes;
    }
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* name = at + sizeof event;
      Note(event.wd, event.mask, event.len > 0 ? std::string(name) : std::string(), &changes);
      at += sizeof event + event.len;
    }
  }
}

void FolderWatch::Note(int watch, unsigned mask, const std::string& name, Changes* changes) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    changes->folders.insert("");
    return;
  }
  const bool root_came = watch == parent_watch_ && name == root_name_ && (mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  if (root_came || outside_.contains(watch)) changes->folders.insert("");
  if ((mask & IN_IGNORED) != 0) outside_.erase(watch);
  auto found = folders_.find(watch);
  if (found == folders_.end()) return;
  if ((mask & IN_IGNORED) != 0) {
    folders_.erase(found);
  } else if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
    if (found->second.empty()) changes->root_gone = true;  // of others the parent tells
  } else {
    NoteInside(std::string(found->second), mask, name, changes);
  }
}

void FolderWatch::NoteInside(const std::string& folder, unsigned mask, const std::string& name, Changes* changes) {
  const std::string path = JoinNames(folder, name);
  const bool came = (mask & (IN_MOVED_TO | IN_CREATE)) != 0;
  if (IsHidden(name)) {
    // "..data" of a mounted ConfigMap: a link to a hidden folder, swapped to change all files at once.
    if (name.starts_with("..") && came) changes->folders.insert(folder);
    return;
  }
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) {
    changes->gone.insert(path);
    changes->files.erase(path);
    changes->folders.erase(path);
    return;
  }
  changes->gone.erase(path);
  if ((mask & IN_ISDIR) != 0) {
    changes->folders.insert(path);
    return;
  }
  if ((mask & IN_CREATE) != 0) {
    // A new file is read when its writer closes it; a link has no writer.
    struct stat info{};
    if (lstat(JoinNames(root_, path).c_str(), &info) != 0) return;
    const bool link = S_ISLNK(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink > 1);
    if (!link) return;
    changes->folders.insert(path);  // it may lead to a folder
  }
  changes->files.insert(path);
}

}  // namespace portreeve::source
