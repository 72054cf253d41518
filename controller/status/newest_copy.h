// Which copy of an object is the newest: the watch's, or the one that our own last write gave back.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace portreeve::status {

// A write is answered before the watch tells of it: what is built on the watch's copy right after would conflict.
// resourceVersions are compared for equality only.
class NewestCopy {
 public:
  // The watch has this version.
  void Watched(const std::string& version) {
    if (version == watched_) return;
    watched_ = version;
    const auto own = std::ranges::find(written_, version);
    // Somebody else's write came after ours, or ours is what it tells of now.
    if (own == written_.end() || own + 1 == written_.end()) {
      Clear();
    } else {
      written_.erase(written_.begin(), own + 1);
    }
  }

  // Our write has made this version, with this `status` (JSON). `watched`: what the watch had when it was begun.
  void Wrote(std::string version, std::string status, const std::string& watched) {
    if (version == watched_) return Clear();
    // Which of the two came first isn't known.
    if (watched != watched_) return Distrust();
    written_.push_back(std::move(version));
    status_ = std::move(status);
    unknown_ = false;
  }

  // Neither is the newest, until the watch tells of another.
  void Distrust() {
    Clear();
    unknown_ = true;
  }

  // The newest has to be read.
  bool unknown() const { return unknown_; }
  // The copy of our own last write; empty if the watch's is as new.
  const std::string& status() const { return status_; }
  std::string version() const { return written_.empty() ? std::string() : written_.back(); }
  const std::string& watched() const { return watched_; }

 private:
  void Clear() {
    written_.clear();
    status_.clear();
    unknown_ = false;
  }

  std::string watched_;
  std::vector<std::string> written_;  // since the watch's copy, oldest first
  std::string status_;
  bool unknown_ = false;
};

}  // namespace portreeve::status
