#include "controller/change_times.h"

#include <catch2/catch.hpp>

namespace portreeve {
namespace {

using std::chrono::milliseconds;

const ChangeTimes::Clock::time_point kStart = ChangeTimes::Clock::time_point() + std::chrono::hours(1);

serve::DataPlaneReport Report(const std::string& instance, const std::string& snapshot) {
  serve::DataPlaneReport report;
  report.gateway = "ns/edge";
  report.instance = instance;
  report.snapshot = snapshot;
  return report;
}

TEST_CASE("The time from an event to each data plane's acknowledgement is counted once") {
  ChangeTimes times;
  times.Published("ns/edge", "v1", kStart);
  times.Reported(Report("a", "v0"), kStart + milliseconds(1));
  CHECK(times.acknowledge().histogram.sample_count == 0);
  times.Reported(Report("a", "v1"), kStart + milliseconds(4));
  times.Reported(Report("a", "v1"), kStart + milliseconds(9));
  times.Reported(Report("b", "v1"), kStart + milliseconds(6));
  CHECK(times.acknowledge().histogram.sample_count == 2);
  CHECK(times.acknowledge().histogram.sample_sum == Approx(0.010));
}

TEST_CASE("A change that another overtakes counts from its own event") {
  ChangeTimes times;
  times.Published("ns/edge", "v1", kStart);
  times.Published("ns/edge", "v2", kStart + milliseconds(50));
  times.Reported(Report("a", "v2"), kStart + milliseconds(70));
  CHECK(times.acknowledge().histogram.sample_sum == Approx(0.070));
  times.Published("ns/edge", "v3", kStart + milliseconds(100));
  times.Published("ns/edge", "v3", kStart + milliseconds(200));
  times.Reported(Report("a", "v3"), kStart + milliseconds(105));
  CHECK(times.acknowledge().histogram.sample_sum == Approx(0.075));
}

TEST_CASE("Data planes of unknown Gateways and those that are gone count for nothing") {
  ChangeTimes times;
  times.Reported(Report("a", "v1"), kStart);
  times.Published("ns/edge", "v1", kStart);
  serve::DataPlaneReport gone = Report("a", "v1");
  gone.connected = false;
  times.Reported(gone, kStart);
  CHECK(times.acknowledge().histogram.sample_count == 0);
}

}  // namespace
}  // namespace portreeve
