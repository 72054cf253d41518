// How long changes take: to translate, and from the event to the data planes' acknowledgement.
#pragma once

#include <prometheus/histogram.h>

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "controller/serve/config_service.h"

namespace portreeve {

// Any thread.
class ChangeTimes {
 public:
  using Clock = std::chrono::steady_clock;

  ChangeTimes();

  void Translated(Clock::duration time);
  // The latest snapshot of a Gateway ("NS/NAME"). `since`: when the first event was read that it follows from. Nothing
  // happens if it is the latest already.
  void Published(const std::string& gateway, const std::string& version, Clock::time_point since);
  // Counts the first report of each data plane that runs the latest snapshot.
  void Reported(const serve::DataPlaneReport& report, Clock::time_point now = Clock::now());

  // Seconds.
  prometheus::ClientMetric translate() const { return translate_.Collect(); }
  prometheus::ClientMetric acknowledge() const { return acknowledge_.Collect(); }

 private:
  struct Latest {
    std::string version;
    Clock::time_point since;
    std::set<std::string> acknowledged;  // instances
  };

  prometheus::Histogram translate_;
  prometheus::Histogram acknowledge_;
  std::mutex mutex_;
  std::map<std::string, Latest> latest_;  // by Gateway; guarded by mutex_
};

}  // namespace portreeve
