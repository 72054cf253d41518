// FolderWatch: a thin layer over inotify that says which names below a folder may have changed. It knows nothing about
// what the files mean, and never reads them.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace portreeve::source {

class FolderWatch {
 public:
  // Names are relative to the folder, "" is the folder itself.
  struct Changes {
    std::set<std::string> files;    // written, moved here or linked: read them
    std::set<std::string> gone;     // files and folders that were deleted or moved away
    std::set<std::string> folders;  // came, or may hold anything: walk them again
    bool root_gone = false;         // the folder itself was deleted or moved away
  };

  static absl::StatusOr<std::unique_ptr<FolderWatch>> Open(std::string root);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  int fd() const { return fd_; }

  // Watches one folder, not what is below it. Call it before the folder is walked, so that nothing falls in between.
  absl::Status Add(const std::string& folder);
  // A folder outside that a link leads to: any change in it asks for a walk of everything.
  void AddOutside(const std::string& absolute_folder);
  // After a folder was moved away: what happens there is no longer ours.
  void Forget(const std::string& folder);

  // All that has happened since the last call; doesn't wait.
  Changes Read();

 private:
  FolderWatch(int fd, std::string root);
  void AddParent();
  void Note(int watch, unsigned mask, const std::string& name, Changes* changes);
  void NoteInside(const std::string& folder, unsigned mask, const std::string& name, Changes* changes);

  int fd_;
  std::string root_;
  std::string root_name_;
  int parent_watch_ = -1;
  std::map<int, std::string> folders_;  // by watch descriptor
  std::set<int> outside_;
};

// "a" below "" is "a", below "b" it is "b/a".
std::string JoinNames(const std::string& folder, const std::string& name);

}  // namespace portreeve::source
