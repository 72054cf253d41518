// Both ends of the config stream over a real socket, with a fake in place of the listeners.
#include <absl/strings/str_cat.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "cli/stream_testing.h"
#include "controller/serve/config_service.h"
#include "dataplane/config/config_client.h"
#include "dataplane/config/test_resources.h"

// gRPC's library isn't instrumented, but its templates in our sources are: ThreadSanitizer sees them hand an operation
// from thread to thread, and not the locks by which that is ordered. What touches gRPC's own objects is left out, by
// the innermost frame. But for the two that call OnDone, none of the other names stands above one of our callbacks in a
// stack, so races of ours still show.
extern "C" const char* __tsan_default_suppressions() {
  return "race_top:/usr/include/grpcpp/\n"
         "race:CallOpSet\n"
         "race:CallOpSendMessage\n"
         "race:CallOpRecvMessage\n"
         "race:CallOpServerSendStatus\n"
         "race:^Set$\n"
         "race:CallOnDone\n"
         "race:MaybeFinish\n"
         "race:grpc::GenericSerialize\n"
         "race:grpc::GenericDeserialize\n"
         "race:portreeve::serve::Stream::Expect\n";
}

namespace portreeve {
namespace {

using cli::testing::Basics;
using cli::testing::FakeInstaller;
using cli::testing::Folder;
using cli::testing::MapOf;
using cli::testing::OptionsOf;
using cli::testing::Reports;
using cli::testing::RuleAt;
using config::ConfigClient;
using config::testing::Named;
using serve::ConfigService;
using serve::DataPlaneReport;
using serve::SnapshotCache;
namespace testing = config::testing;

// A controller and a data plane. Either can go and come back.
struct Rig {
  Rig() { StartController(); }

  void StartController(std::uint64_t epoch = 1) {
    service.reset();
    cache = std::make_unique<SnapshotCache>();
    ConfigService::Options options;
    options.addresses = {folder.address()};
    options.epoch = epoch;
    options.listener = reports.Listener();
    auto started = ConfigService::Start(std::move(options), *cache);
    REQUIRE(started.ok());
    service = *std::move(started);
  }
  void StopController() { service.reset(); }
  void StartDataPlane(const std::string& gateway = "", const std::string& state = "") {
    client.reset();
    client = ConfigClient::Start(OptionsOf(folder.address(), gateway, state), installer);
  }
  // Returns the version of the snapshot.
  std::string Publish(const std::vector<Named>& resources) {
    cache->Publish({{"ns/gw", MapOf(resources)}});
    return cache->Latest("")->version;
  }

  Folder folder;
  FakeInstaller installer;
  Reports reports;
  std::unique_ptr<SnapshotCache> cache;
  std::unique_ptr<ConfigService> service;
  std::unique_ptr<ConfigClient> client;
};

TEST_CASE("The socket is for its owner only, and isn't taken from another controller") {
  Rig rig;
  struct stat info{};
  REQUIRE(stat((rig.folder.path() + "/config.sock").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  SnapshotCache cache;
  ConfigService::Options options;
  options.addresses = {rig.folder.address()};
  const auto second = ConfigService::Start(std::move(options), cache);
  REQUIRE_FALSE(second.ok());
  CHECK(std::string(second.status().message()).find("in use") != std::string::npos);
}

TEST_CASE("First sync, a delta, a removal") {
  Rig rig;
  rig.StartDataPlane();
  CHECK_FALSE(rig.client->ready());
  std::string snapshot = rig.Publish(Basics());
  DataPlaneReport report = rig.reports.WaitForSnapshot(snapshot);
  CHECK(report.refused.empty());
  CHECK(report.listening == std::vector<std::string>{"listener/ns/gw/http"});
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.client->ready());
  CHECK(rig.client->connected());
  CHECK(rig.client->snapshot() == snapshot);
  CHECK(rig.client->epoch() == 1);

  auto resources = Basics();
  resources.push_back(RuleAt("more", "/more"));
  rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(rig.installer.Ask("/more") == "ns/more/0 -> ns/b[127.0.0.1:1]");

  resources.erase(resources.begin() + 1);
  rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(rig.installer.Ask("/") == "no route");
  CHECK(rig.installer.Ask("/more") == "ns/more/0 -> ns/b[127.0.0.1:1]");

  // The same again is no change: nothing is sent.
  const std::size_t reports = rig.reports.size();
  const int installs = rig.installer.installs();
  rig.Publish(resources);
  resources.push_back(testing::Backend("last"));
  rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(rig.reports.size() == reports + 1);
  CHECK(rig.installer.installs() == installs + 1);
  CHECK(rig.service->DataPlanes("").size() == 1);
  CHECK(rig.client->ConfigDump().find("backend/ns/last") != std::string::npos);
}

TEST_CASE("A data plane gets its own Gateway only") {
  Rig rig;
  rig.StartDataPlane("ns/mine");
  rig.cache->Publish({{"ns/mine", MapOf(Basics())}, {"ns/other", MapOf({testing::Listener("x", 99)})}});
  rig.reports.WaitForSnapshot(rig.cache->Latest("ns/mine")->version);
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.installer.Ask("/", 99) == "no port");
  CHECK(rig.service->DataPlanes("ns/mine").size() == 1);
  CHECK(rig.service->DataPlanes("").empty());
  const std::vector<DataPlaneReport> all = rig.service->AllDataPlanes();
  REQUIRE(all.size() == 1);
  CHECK(all[0].gateway == "ns/mine");
  // A change of the other Gateway is none of this one.
  const std::size_t reports = rig.reports.size();
  rig.cache->Publish({{"ns/mine", MapOf(Basics())}, {"ns/other", {}}});
  rig.cache->Publish({{"ns/mine", MapOf({testing::Listener("http", 80)})}, {"ns/other", {}}});
  rig.reports.WaitForSnapshot(rig.cache->Latest("ns/mine")->version);
  CHECK(rig.reports.size() == reports + 1);
  // A Gateway that is gone serves nothing.
  rig.cache->Publish({{"ns/other", {}}});
  rig.reports.WaitForSnapshot(rig.cache->Latest("ns/mine")->version);
  CHECK(rig.installer.Ask("/") == "no port");
}

TEST_CASE("Nothing is sent before anything was published") {
  Rig rig;
  rig.StartDataPlane();
  REQUIRE(rig.cache->Latest("") == nullptr);
  const std::string snapshot = rig.Publish({});
  CHECK(rig.reports.WaitForSnapshot(snapshot).listening.empty());
  CHECK(rig.client->ready());
}

TEST_CASE("A refused resource is reported, keeps its last good version, and isn't sent again until it changes") {
  Rig rig;
  rig.StartDataPlane();
  rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  auto resources = Basics();
  const Named bad = RuleAt("r", "/", R"(matches { path { type: REGEX value: "(" } })");
  resources[1] = bad;
  resources.push_back(RuleAt("fine", "/fine"));
  DataPlaneReport report = rig.reports.WaitForSnapshot(rig.Publish(resources));
  REQUIRE(report.refused.size() == 1);
  CHECK(report.refused[0].key == "rule/ns/r/0");
  CHECK(report.refused[0].origin == "HTTPRoute ns/r");
  CHECK(report.refused[0].field == "matches[1].path.value");
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.installer.Ask("/fine") == "ns/fine/0 -> ns/b[127.0.0.1:1]");

  resources.push_back(RuleAt("finer", "/finer"));
  report = rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(report.refused.size() == 1);
  resources[1] = RuleAt("r", "/better");
  report = rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(report.refused.empty());
  CHECK(rig.installer.Ask("/better") == "ns/r/0 -> ns/b[127.0.0.1:1]");
}

TEST_CASE("A controller that comes back sends nothing that is held") {
  Rig rig;
  rig.StartDataPlane();
  const std::string snapshot = rig.Publish(Basics());
  rig.reports.WaitForSnapshot(snapshot);
  const int installs = rig.installer.installs();
  rig.StopController();
  rig.reports.WaitFor([](const DataPlaneReport& report) { return !report.connected; });
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  rig.StartController();
  CHECK(rig.Publish(Basics()) == snapshot);
  // The first delta is empty; its verdict says what listens.
  CHECK(rig.reports.WaitForSnapshot(snapshot).listening.size() == 1);
  CHECK(rig.installer.installs() == installs);

  SECTION("and only the difference when there is one") {
    rig.StopController();
    rig.StartController();
    auto resources = Basics();
    resources[1] = RuleAt("other", "/");
    rig.reports.WaitForSnapshot(rig.Publish(resources));
    CHECK(rig.installer.installs() == installs + 1);
    CHECK(rig.installer.Ask("/") == "ns/other/0 -> ns/b[127.0.0.1:1]");
  }
}

TEST_CASE("Changes made while a delta is unacknowledged go out as one") {
  Rig rig;
  rig.StartDataPlane();
  rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  const int installs = rig.installer.installs();
  const std::size_t reports = rig.reports.size();
  rig.installer.Hold(true);
  std::string snapshot;
  auto resources = Basics();
  resources.push_back(RuleAt("many", "/0"));
  rig.Publish(resources);
  REQUIRE(rig.installer.WaitInstalls(installs + 1));
  for (int i = 1; i <= 100; ++i) {
    resources.back() = RuleAt("many", absl::StrCat("/", i));
    snapshot = rig.Publish(resources);
  }
  rig.installer.Hold(false);
  rig.reports.WaitForSnapshot(snapshot);
  CHECK(rig.installer.installs() == installs + 2);
  CHECK(rig.reports.size() == reports + 2);
  CHECK(rig.installer.Ask("/100") == "ns/many/0 -> ns/b[127.0.0.1:1]");
}

TEST_CASE("A controller of an older epoch changes nothing") {
  Rig rig;
  rig.StartController(5);
  rig.StartDataPlane();
  rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  CHECK(rig.client->epoch() == 5);
  rig.StartController(4);
  rig.Publish({testing::Listener("http", 99)});
  const std::size_t reports = rig.reports.size();
  rig.StartController(6);
  const std::string snapshot = rig.Publish({testing::Listener("http", 98)});
  rig.reports.WaitForSnapshot(snapshot);
  CHECK(rig.client->epoch() == 6);
  CHECK(rig.installer.Ask("/", 98) == "no route");
  CHECK(rig.reports.size() == reports + 1);
}

TEST_CASE("A new epoch is told at once, changes nothing that runs, and shuts out who doesn't know of it") {
  Rig rig;
  rig.StartDataPlane();
  const std::string snapshot = rig.Publish(Basics());
  rig.reports.WaitForSnapshot(snapshot);
  const int installs = rig.installer.installs();
  CHECK(rig.service->epoch() == 1);
  rig.service->SetEpoch(7);
  // The verdict on a delta without a change.
  rig.reports.WaitForSnapshot(snapshot);
  CHECK(rig.client->epoch() == 7);
  CHECK(rig.installer.installs() == installs);
  // Lower ones and the same again are none.
  const std::size_t reports = rig.reports.size();
  rig.service->SetEpoch(6);
  rig.service->SetEpoch(7);
  CHECK(rig.service->epoch() == 7);

  // Another replica serves the same, and hasn't read the Lease yet.
  CHECK(rig.reports.size() == reports);
  rig.StartController(1);
  rig.Publish({testing::Listener("http", 99)});
  rig.Publish(Basics());
  rig.service->SetEpoch(7);
  CHECK(rig.reports.WaitForSnapshot(snapshot).listening.size() == 1);
  CHECK(rig.installer.installs() == installs);
  CHECK(rig.client->epoch() == 7);
}

TEST_CASE("A listener that can't be opened is reported, tried again, and reported when it can") {
  Rig rig;
  rig.installer.SetBusyPort(80);
  rig.StartDataPlane();
  auto resources = Basics();
  resources.push_back(testing::Listener("other", 81));
  const std::string snapshot = rig.Publish(resources);
  DataPlaneReport report = rig.reports.WaitForSnapshot(snapshot);
  REQUIRE(report.refused.size() == 1);
  CHECK(report.refused[0].key == "listener/ns/gw/http");
  CHECK(report.refused[0].origin == "Gateway ns/gw");
  CHECK(report.refused[0].message == "port 80 is in use");
  CHECK(report.listening == std::vector<std::string>{"listener/ns/gw/other"});
  CHECK(rig.client->ConfigDump().find("port 80 is in use") != std::string::npos);
  rig.installer.SetBusyPort(0);
  report = rig.reports.WaitFor([](const DataPlaneReport& one) { return one.listening.size() == 2; });
  CHECK(report.refused.empty());
}

TEST_CASE("The last good configuration serves without a controller, and the controller adds what is new") {
  Rig rig;
  const std::string state = rig.folder.path() + "/state";
  REQUIRE(mkdir(state.c_str(), 0700) == 0);
  rig.StartDataPlane("", state);
  auto resources = Basics();
  resources.push_back(RuleAt("bad", "/bad", "filters { }"));
  const std::string snapshot = rig.Publish(resources);
  rig.reports.WaitForSnapshot(snapshot);
  rig.client.reset();
  rig.StopController();

  FakeInstaller second;
  rig.client = ConfigClient::Start(OptionsOf(rig.folder.address(), "", state), second);
  REQUIRE(second.WaitInstalls(1));
  CHECK(second.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  rig.StartController();
  CHECK(rig.Publish(resources) == snapshot);
  const DataPlaneReport report = rig.reports.WaitForSnapshot(snapshot);
  CHECK(report.refused.size() == 1);
  CHECK(second.installs() == 2);  // the refused rule was sent again: the file doesn't hold it
  resources.pop_back();
  rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(second.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  rig.client.reset();
}

TEST_CASE("A damaged file is refused, and the controller is waited for") {
  Rig rig;
  std::ofstream(rig.folder.path() + "/last-good") << "damaged";
  rig.StartDataPlane("", rig.folder.path());
  CHECK_FALSE(rig.client->ready());
  rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  CHECK(rig.client->ready());
  rig.client.reset();
  FakeInstaller second;
  rig.client = ConfigClient::Start(OptionsOf("unix:/nowhere/socket", "", rig.folder.path()), second);
  CHECK(second.WaitInstalls(1));
  rig.client.reset();
}

TEST_CASE("A snapshot larger than a message of gRPC usually is goes through") {
  Rig rig;
  rig.StartDataPlane();
  std::vector<Named> resources = Basics();
  for (int i = 0; i < 3000; ++i) {
    resources.push_back(RuleAt(absl::StrCat("big", i), absl::StrCat("/", i, "/", std::string(2000, 'x'))));
  }
  rig.reports.WaitForSnapshot(rig.Publish(resources));
  CHECK(rig.installer.Ask("/").starts_with("ns/r/0"));
}

TEST_CASE("The hash of a snapshot depends on what is in it, not on how it came about") {
  const auto version_of = [](const std::vector<std::vector<Named>>& steps) {
    SnapshotCache cache;
    for (const auto& step : steps) cache.Publish({{"ns/gw", MapOf(step)}});
    return cache.Latest("")->version;
  };
  const std::vector<Named> some = {testing::Backend("a"), testing::Backend("b")};
  const std::string direct = version_of({some});
  CHECK(version_of({{testing::Backend("x")}, some}) == direct);
  CHECK(version_of({{testing::Endpoints("e", {1})}, {}, {testing::Backend("b")}, some}) == direct);
  CHECK(version_of({{testing::Backend("a")}}) != direct);
  CHECK(version_of({{}}) == version_of({some, {}}));
  CHECK(direct.size() == 32);
}

}  // namespace
}  // namespace portreeve
