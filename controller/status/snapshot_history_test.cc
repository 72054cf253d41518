#include "controller/status/snapshot_history.h"

#include <catch2/catch.hpp>
#include <memory>

#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::status {
namespace {

using Listening = std::vector<std::string>;
using Current = std::set<std::string>;

constexpr const char* kGateway = "ns/gw";
const std::vector<std::string> kListeners = {"listener/ns/gw/a", "listener/ns/gw/b"};

// Versions of resources by key make a snapshot.
std::shared_ptr<const serve::Snapshot> Snapshot(const std::string& version,
                                                const std::map<std::string, std::string>& resources) {
  auto snapshot = std::make_shared<serve::Snapshot>();
  snapshot->version = version;
  for (const auto& [key, resource_version] : resources) {
    auto resource = std::make_shared<config::v1::Resource>();
    resource->set_key(key);
    resource->set_version(resource_version);
    snapshot->resources.Put(key, std::move(resource));
  }
  return snapshot;
}

serve::DataPlaneReport Report(const std::string& instance, const std::string& snapshot, Listening listening) {
  serve::DataPlaneReport report;
  report.gateway = kGateway;
  report.instance = instance;
  report.snapshot = snapshot;
  report.listening = std::move(listening);
  return report;
}

TEST_CASE("a data plane is current once it runs the listeners as they are wanted") {
  SnapshotHistory history;
  CHECK(history.Progress(kGateway, {Report("x", "1", kListeners)}).empty());
  CHECK(history.Record(kGateway, Snapshot("1", {{kListeners[0], "a1"}, {kListeners[1], "b1"}}), kListeners));
  history.Record(kGateway, Snapshot("2", {{kListeners[0], "a2"}, {kListeners[1], "b1"}, {"rule/ns/r/0", "r1"}}),
                 kListeners);
  // A route only.
  const auto third = Snapshot("3", {{kListeners[0], "a2"}, {kListeners[1], "b1"}, {"rule/ns/r/0", "r2"}});
  history.Record(kGateway, third, kListeners);
  CHECK_FALSE(history.Record(kGateway, third, kListeners));

  CHECK(history.Progress(kGateway, {Report("x", "1", kListeners)})[0].current == Current{kListeners[1]});
  CHECK(history.Progress(kGateway, {Report("x", "2", kListeners)})[0].current.size() == 2);
  CHECK(history.Progress(kGateway, {Report("x", "3", kListeners)})[0].current.size() == 2);
  CHECK(history.Progress(kGateway, {Report("x", "unheard of", kListeners)})[0].current.empty());
  CHECK(history.Progress(kGateway, {Report("x", "3", {kListeners[0]})})[0].current == Current{kListeners[0]});
  history.Forget(kGateway);
  CHECK(history.Progress(kGateway, {Report("x", "3", kListeners)}).empty());
}

TEST_CASE("the same content again is the newest again") {
  SnapshotHistory history;
  history.Record(kGateway, Snapshot("1", {{kListeners[0], "a1"}}), kListeners);
  history.Record(kGateway, Snapshot("2", {{kListeners[0], "a2"}}), kListeners);
  history.Record(kGateway, Snapshot("1", {{kListeners[0], "a1"}}), kListeners);
  CHECK(history.Progress(kGateway, {Report("x", "1", kListeners)})[0].current == Current{kListeners[0]});
  CHECK(history.Progress(kGateway, {Report("x", "2", kListeners)})[0].current.empty());
}

TEST_CASE("refusals count while they are about what is wanted") {
  SnapshotHistory history;
  history.Record(kGateway, Snapshot("1", {{kListeners[0], "a1"}, {"rule/ns/r/0", "r2"}}), kListeners);
  serve::DataPlaneReport report = Report("x", "1", kListeners);
  const serve::Refusal old{"rule/ns/r/0", "r1", "HTTPRoute ns/r", "", "old"};
  const serve::Refusal now{"rule/ns/r/0", "r2", "HTTPRoute ns/r", "", "now"};
  const serve::Refusal gone{"rule/ns/gone/0", "g1", "HTTPRoute ns/gone", "", "gone"};
  const serve::Refusal listener{kListeners[0], "", "Gateway ns/gw", "port", "in use"};
  report.refused = {old, now, gone, listener};
  const DataPlaneProgress progress = history.Progress(kGateway, {report})[0];
  CHECK(progress.refused == std::vector<serve::Refusal>{now, listener});
  CHECK(progress.current.empty());
}

TEST_CASE("of two streams of one data plane the newer counts, and who is gone doesn't") {
  SnapshotHistory history;
  history.Record(kGateway, Snapshot("1", {{kListeners[0], "a1"}}), kListeners);
  history.Record(kGateway, Snapshot("2", {{kListeners[0], "a2"}}), kListeners);
  serve::DataPlaneReport gone = Report("y", "1", kListeners);
  gone.connected = false;
  for (const bool swapped : {false, true}) {
    std::vector<serve::DataPlaneReport> reports = {Report("x", "1", kListeners), Report("x", "2", kListeners), gone};
    if (swapped) std::swap(reports[0], reports[1]);
    const auto progress = history.Progress(kGateway, reports);
    REQUIRE(progress.size() == 1);
    CHECK(progress[0].current == Current{kListeners[0]});
  }
}

TEST_CASE("what fell out of the history is old") {
  SnapshotHistory history;
  for (std::size_t i = 0; i <= SnapshotHistory::kKept; ++i) {
    history.Record(kGateway, Snapshot(std::to_string(i), {{kListeners[0], "a1"}}), kListeners);
  }
  CHECK(history.Progress(kGateway, {Report("x", "0", kListeners)})[0].current.empty());
  CHECK(history.Progress(kGateway, {Report("x", "1", kListeners)})[0].current == Current{kListeners[0]});
}

}  // namespace
}  // namespace portreeve::status
