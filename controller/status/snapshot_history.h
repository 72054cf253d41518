// Which listeners the snapshots of the last while had, so that a data plane's word about one of them can be judged.
#pragma once

#include <absl/container/btree_map.h>

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/serve/config_service.h"
#include "controller/serve/snapshot_cache.h"

namespace portreeve::status {

// How far one data plane is.
struct DataPlaneProgress {
  std::string instance;
  // False: it runs a snapshot that isn't recorded. It may be newer than all that are: another thread records it in a
  // moment, or another replica, which serves it, was quicker.
  bool known = true;
  // Keys of the listeners that accept connections there as they are wanted now.
  std::set<std::string> current;
  // What it refuses of that which is wanted now: a complaint about an older version is over.
  std::vector<serve::Refusal> refused;

  bool operator==(const DataPlaneProgress&) const = default;
};

// Any thread.
class SnapshotHistory {
 public:
  // Of one Gateway. A data plane that runs an older one is behind, whatever was in it: the next will be sent to it.
  static constexpr std::size_t kKept = 1024;

  // What was published for a Gateway ("NS/NAME"), each time, in order. `listeners`: keys of the Gateway's listeners.
  // False: it is what was recorded last.
  bool Record(const std::string& gateway, const std::shared_ptr<const serve::Snapshot>& snapshot,
              const std::vector<std::string>& listeners);
  void Forget(const std::string& gateway);

  // Of the data planes that are connected, by instance. One that has reported in two streams, the older of which hasn't
  // ended yet, counts once, with what it said last.
  std::vector<DataPlaneProgress> Progress(const std::string& gateway,
                                          const std::vector<serve::DataPlaneReport>& reports) const;

 private:
  using Versions = std::map<std::string, std::string>;  // of listeners, by key
  struct Entry {
    std::string version;
    std::shared_ptr<const Versions> listeners;
  };
  struct Gateway {
    std::shared_ptr<const serve::Snapshot> latest;
    std::deque<Entry> entries;  // oldest first, the latest among them
  };

  static DataPlaneProgress Judge(const Gateway& gateway, const serve::DataPlaneReport& report, const Entry* running);

  mutable std::mutex mutex_;
  absl::btree_map<std::string, Gateway> gateways_;  // guarded by mutex_
};

}  // namespace portreeve::status
