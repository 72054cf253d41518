// The resources in force, as they were received: in memory for /config, and on disk as the last good configuration.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/config/compiler.h"

namespace portreeve::config::v1 {
class Delta;
}

namespace portreeve::config {

// The file is FOLDER/last-good: magic, format version, length and CRC-64 of the content, then a v1::Delta that holds
// everything. It is written beside, synced and renamed over, so that whoever dies at any moment leaves the old or the
// new one. It holds private keys: mode 0600.
//
// Update returns at once; a thread writes. While that is busy, updates coalesce. A disk that is full costs a log line
// and a later try. Any thread.
class ConfigStore {
 public:
  static constexpr std::string_view kFileName = "last-good";

  // `folder` empty: in memory only.
  explicit ConfigStore(std::string folder);
  // Writes what is still to be written.
  ~ConfigStore();
  ConfigStore(const ConfigStore&) = delete;
  ConfigStore& operator=(const ConfigStore&) = delete;

  // What the file holds, as one full delta. NotFound if there is none; DataLoss for a file that is cut off, changed or
  // not ours, which stays where it is until the next good configuration takes its place.
  absl::StatusOr<std::unique_ptr<v1::Delta>> Load() const;

  // Puts and removes resources (serialised, by key), under the snapshot and epoch that they now make. `persist` false:
  // they come from the file.
  void Update(std::vector<std::pair<std::string, std::string>> in_force, const std::vector<std::string>& gone,
              std::string snapshot, std::uint64_t epoch, bool persist);

  // Serialised v1::Resource by key.
  using Resources = absl::btree_map<std::string, std::shared_ptr<const std::string>>;
  Resources Copy() const;

  // Whether everything is on disk by then.
  bool Flush(std::chrono::milliseconds deadline);

 private:
  using Clock = std::chrono::steady_clock;

  struct Content {
    Resources resources;
    std::string snapshot;
    std::uint64_t epoch = 0;
  };

  void Run();
  absl::Status Write(const Content& content) const;

  const std::string folder_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Content content_;
  // Counts updates; what is on disk is those up to `written_`.
  std::uint64_t updates_ = 0;
  std::uint64_t written_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace portreeve::config
