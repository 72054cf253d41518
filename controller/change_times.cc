#include "controller/change_times.h"

#include <algorithm>
#include <utility>

namespace portreeve {
namespace {

double Seconds(ChangeTimes::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

const prometheus::Histogram::BucketBoundaries kBoundaries = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                             0.1,    0.2,   0.5,   1,     2,    5,    10};

}  // namespace

ChangeTimes::ChangeTimes() : translate_(kBoundaries), acknowledge_(kBoundaries) {}

void ChangeTimes::Translated(Clock::duration time) {
  translate_.Observe(Seconds(time));
}

void ChangeTimes::Published(const std::string& gateway, const std::string& version, Clock::time_point since) {
  const std::lock_guard lock(mutex_);
  Latest& latest = latest_[gateway];
  if (latest.version == version) return;
  // What nobody has acknowledged yet is still under way in the one that takes its place.
  const bool waiting = !latest.version.empty() && latest.acknowledged.empty();
  latest = {version, waiting ? std::min(latest.since, since) : since, {}};
}

void ChangeTimes::Reported(const serve::DataPlaneReport& report, Clock::time_point now) {
  if (!report.connected) return;
  const std::lock_guard lock(mutex_);
  const auto latest = latest_.find(report.gateway);
  if (latest == latest_.end() || latest->second.version != report.snapshot) return;
  if (latest->second.acknowledged.insert(report.instance).second)
    acknowledge_.Observe(Seconds(now - latest->second.since));
}

}  // namespace portreeve
