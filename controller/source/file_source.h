// FileSource: a folder of YAML and JSON files as a source of objects. It is watched, not polled: when a writer has
// closed a file, or put it in place by rename or link, the next Read() has it. Belongs to one thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/source/file_set.h"
#include "controller/source/folder_watch.h"
#include "controller/source/source.h"

namespace portreeve::source {

class FileSource final : public Source {
 public:
  // A file that goes may only be on its way to be replaced: editors rename the old one away before they write the new
  // one. Deletions wait this long for it to come back; nothing else waits.
  static constexpr std::chrono::milliseconds kDeletionGrace{25};
  static constexpr size_t kMaxFileBytes = 64 * 1024 * 1024;

  // Fails if the folder doesn't exist or can't be read. Files are *.yaml, *.yml and *.json at any depth; names that
  // begin with "." are skipped.
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(const std::string& folder);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  int fd() const override { return epoll_fd_; }
  // The first call reads every file; after it, only files whose bytes differ are decoded again.
  SourceBatch Read() override;
  bool complete() const override { return loaded_; }
  std::vector<gatewayapi::Problem> AllProblems() const override { return files_.AllProblems(); }
  std::optional<SourcePlace> PlaceOf(const gatewayapi::ObjectKey& key) const override { return files_.PlaceOf(key); }

  const std::string& folder() const { return folder_; }

 private:
  using Clock = std::chrono::steady_clock;

  FileSource(std::string folder, std::unique_ptr<FolderWatch> watch, int epoll_fd, int timer_fd);
  void Walk(const std::string& folder);
  void WalkBelow(const std::string& folder, int depth, std::set<std::string>* seen);
  void ReadFile(const std::string& file);
  void Settle(const std::string& file);
  void RemoveSoon(const std::string& name);
  void RemoveDue();
  void RemoveRenamed();
  void ArmTimer();
  std::string PathOf(const std::string& name) const { return JoinNames(folder_, name); }

  std::string folder_;
  std::unique_ptr<FolderWatch> watch_;
  bool loaded_ = false;
  int epoll_fd_;
  int timer_fd_;
  FileSet files_;
  std::map<std::string, Clock::time_point> going_;  // files that are gone, and when that becomes true
};

}  // namespace portreeve::source
