// Two or three replicas of a controller in one process: what a leader knows of the data planes of the others.
#include "controller/serve/report_relay.h"

#include <absl/strings/str_cat.h>
#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/log.h"
#include "controller/serve/relay_testing.h"

namespace portreeve::serve {
namespace {

using config::v1::RelayAnswer;
using config::v1::RelayMessage;
using testing::Cluster;
using testing::FakeDataPlane;
using testing::Prepare;
using testing::Replica;

// The log, in a file as long as this lives.
class LogFile {
 public:
  LogFile() : fd_(mkstemp(path_)) {
    REQUIRE(fd_ >= 0);
    log::Flush();
    log::SetOutput(fd_);
  }
  ~LogFile() {
    log::Flush();
    log::SetOutput(2);
    close(fd_);
    unlink(path_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  std::string text() const {
    log::Flush();
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  bool Contains(const std::string& part) const { return text().find(part) != std::string::npos; }

 private:
  char path_[40] = "/tmp/portreeve-relay-log-XXXXXX";
  int fd_;
};

// A report as a local listener is told it.
DataPlaneReport ReportOf(const std::string& instance, const std::string& snapshot) {
  DataPlaneReport report;
  report.gateway = "ns/gw";
  report.instance = instance;
  report.snapshot = snapshot;
  return report;
}

DataPlaneReport GoneOf(const std::string& instance) {
  DataPlaneReport report = ReportOf(instance, "");
  report.connected = false;
  return report;
}

std::vector<std::string> Instances(const Replica& replica) {
  std::vector<std::string> instances;
  for (const DataPlaneReport& report : replica.service->DataPlanes("ns/gw")) instances.push_back(report.instance);
  return instances;
}

using Names = std::vector<std::string>;

TEST_CASE("What a data plane reports to one replica arrives at the leader") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetLeader(leader.address());
  const Refusal refusal = {"rule/ns/r/0", "7", "HTTPRoute ns/r", "matches[0]", "it can't be"};
  std::optional<FakeDataPlane> data_plane;
  data_plane.emplace(cluster, follower, "dp");
  data_plane->Install({refusal});
  DataPlaneReport report = leader.reports.WaitConnected("dp");
  CHECK(report.gateway == "ns/gw");
  CHECK(report.pod == "pod-1");
  CHECK(report.snapshot == follower.cache.Latest("ns/gw")->version);
  CHECK(report.refused == std::vector<Refusal>{refusal});
  CHECK(report.listening == Names{"listener/ns/gw/http"});
  REQUIRE(leader.service->DataPlanes("ns/gw").size() == 1);
  CHECK(leader.service->DataPlanes("ns/gw")[0].refused == std::vector<Refusal>{refusal});
  CHECK(leader.service->DataPlanes("ns/other").empty());
  CHECK(follower.relay->status().ok());

  // Each change of it.
  data_plane->Say({}, {"a", "b"});
  report = leader.reports.WaitFor([](const DataPlaneReport& one) { return one.refused.empty(); });
  CHECK(report.listening == Names{"a", "b"});
  const std::string snapshot = follower.Publish("2");
  data_plane->Install();
  leader.reports.WaitFor([&](const DataPlaneReport& one) { return one.snapshot == snapshot; });

  // And that it has gone, with the relay still there.
  data_plane.reset();
  report = leader.reports.WaitGone("dp");
  CHECK(report.refused.empty());
  CHECK(Instances(leader).empty());
  CHECK(follower.relay->status().ok());
  // What is relayed isn't relayed again.
  CHECK(leader.local.all().empty());
}

TEST_CASE("When the follower stops, the leader knows its data planes no more, after it has known them") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetLeader(leader.address());
  for (const char* name : {"a", "b"}) follower.relay->Report(ReportOf(name, "1"));
  leader.reports.WaitConnected("a");
  leader.reports.WaitConnected("b");
  CHECK(Instances(leader) == Names{"a", "b"});
  FakeDataPlane own(cluster, leader, "own");
  own.Install();
  leader.reports.WaitConnected("own");
  follower.StopRelay();
  leader.reports.WaitGone("a");
  leader.reports.WaitGone("b");
  CHECK(Instances(leader) == Names{"own"});
}

TEST_CASE("When the leader's service ends, its listener has heard of the end of all") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetLeader(leader.address());
  follower.relay->Report(ReportOf("a", "1"));
  leader.reports.WaitConnected("a");
  leader.service.reset();
  CHECK_FALSE(leader.reports.all().back().connected);
}

TEST_CASE("A new leader is told everything, and the old one that it no longer is") {
  Cluster cluster;
  Replica one(cluster, "one");
  Replica two(cluster, "two");
  Replica follower(cluster, "follower");
  FakeDataPlane data_plane(cluster, follower, "dp");
  data_plane.Install();
  follower.local.WaitConnected("dp");
  follower.relay->Report(ReportOf("other", "1"));
  follower.SetLeader(one.address());
  one.reports.WaitConnected("dp");
  one.reports.WaitConnected("other");
  follower.SetLeader(two.address());
  two.reports.WaitConnected("dp");
  two.reports.WaitConnected("other");
  one.reports.WaitGone("dp");
  one.reports.WaitGone("other");
  CHECK(Instances(one).empty());
  CHECK(Instances(two) == Names{"dp", "other"});
  // The follower leads itself: nobody is told.
  follower.SetLeader("");
  two.reports.WaitGone("dp");
  two.reports.WaitGone("other");
  CHECK(follower.relay->status().ok());
  CHECK(Instances(follower) == Names{"dp"});
}

TEST_CASE("After the leader was away, it is told everything again") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetLeader(leader.address());
  for (const char* name : {"a", "b", "c"}) follower.relay->Report(ReportOf(name, "1"));
  for (const char* name : {"a", "b", "c"}) leader.reports.WaitConnected(name);
  for (int i = 0; i < 3; ++i) {
    leader.service.reset();
    // Nobody hears of this one's end.
    follower.relay->Report(GoneOf(absl::StrCat("late", i - 1)));
    follower.relay->Report(ReportOf(absl::StrCat("late", i), "1"));
    leader.StartService();
    leader.reports.WaitConnected(absl::StrCat("late", i));
    CHECK(Instances(leader) == Names{"a", "b", "c", absl::StrCat("late", i)});
  }
}

TEST_CASE("While the leader can't be told, only the latest report of each data plane is kept") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  for (int i = 0; i < 100; ++i) {
    follower.relay->Report(ReportOf("a", absl::StrCat(i)));
    follower.relay->Report(ReportOf(absl::StrCat("short", i), "1"));
    follower.relay->Report(GoneOf(absl::StrCat("short", i)));
  }
  follower.relay->Report(ReportOf("b", "1"));
  follower.SetLeader(leader.address());
  CHECK(leader.reports.WaitConnected("a").snapshot == "99");
  leader.reports.WaitConnected("b");
  CHECK(leader.reports.all().size() == 2);
}

TEST_CASE("Many reports in one go arrive, of each data plane the last one last") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetLeader(leader.address());
  follower.relay->Report(ReportOf("first", "1"));
  leader.reports.WaitConnected("first");
  for (int i = 0; i < 200; ++i) {
    for (int j = 0; j < 10; ++j) follower.relay->Report(ReportOf(absl::StrCat("dp", j), absl::StrCat(i)));
  }
  for (int j = 0; j < 10; ++j) follower.relay->Report(GoneOf(absl::StrCat("dp", j)));
  follower.relay->Report(ReportOf("last", "1"));
  leader.reports.WaitConnected("last");
  CHECK(Instances(leader) == Names{"first", "last"});
}

TEST_CASE("A data plane that moves to another replica isn't reported gone by the end of its old stream") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  const std::string newer = leader.Publish("2");
  follower.SetLeader(leader.address());
  std::optional<FakeDataPlane> before;
  before.emplace(cluster, follower, "dp");
  before->Install();
  leader.reports.WaitConnected("dp");
  FakeDataPlane after(cluster, leader, "dp");
  after.Install();
  leader.reports.WaitFor([&](const DataPlaneReport& one) { return one.snapshot == newer; });
  CHECK(Instances(leader) == Names{"dp"});
  const std::size_t heard = leader.reports.all().size();

  SECTION("When it comes late") {
    before.reset();
    follower.local.WaitGone("dp");
    // Whatever comes after this has come after that.
    follower.relay->Report(ReportOf("mark", "1"));
    leader.reports.WaitConnected("mark");
  }
  SECTION("When the follower tells everything again, as it knows it") {
    follower.relay->Report(ReportOf("mark", "1"));
    leader.reports.WaitConnected("mark");
    follower.SetLeader("");
    leader.reports.WaitGone("mark");
    follower.SetLeader(leader.address());
    leader.reports.WaitConnected("mark");
    CHECK(Instances(leader) == Names{"dp", "mark"});
  }
  SECTION("When the whole follower goes") {
    follower.relay->Report(ReportOf("mark", "1"));
    leader.reports.WaitConnected("mark");
    follower.StopRelay();
    leader.reports.WaitGone("mark");
  }
  const std::vector<DataPlaneReport> all = leader.reports.all();
  for (std::size_t i = heard; i < all.size(); ++i) {
    if (all[i].instance == "dp") CHECK((all[i].connected && all[i].snapshot == newer));
  }
  CHECK(leader.service->DataPlanes("ns/gw")[0].snapshot == newer);
}

TEST_CASE("A data plane that comes again to the same replica isn't told to be gone by the end of its old stream") {
  Cluster cluster;
  Replica replica(cluster, "replica");
  std::optional<FakeDataPlane> before;
  before.emplace(cluster, replica, "dp");
  before->Install();
  replica.local.WaitConnected("dp");
  std::optional<FakeDataPlane> after;
  after.emplace(cluster, replica, "dp");
  after->Install();
  replica.local.WaitConnected("dp");
  CHECK(replica.service->DataPlanes("ns/gw").size() == 1);
  before.reset();
  CHECK(replica.local.WaitFor([](const DataPlaneReport&) { return true; }).connected);
  after.reset();
  replica.local.WaitGone("dp");
  CHECK(Instances(replica).empty());
}

TEST_CASE("Without a good token nobody relays, and no log holds it") {
  Cluster cluster;
  const LogFile log;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  struct Case {
    std::string token;
    absl::StatusCode code;
    std::string says;
  };
  const Case one = GENERATE(Case{"stolen-token", absl::StatusCode::kUnauthenticated, "it has expired"},
                            Case{"gateway-token", absl::StatusCode::kPermissionDenied, "only replicas"});
  follower.SetToken(one.token);
  follower.relay->Report(ReportOf("a", "1"));
  follower.SetLeader(leader.address());
  // The first answer has come when it is asked again.
  cluster.tokens.WaitAsked(one.token, 3);
  const absl::Status status = follower.relay->status();
  INFO(status);
  CHECK(status.code() == one.code);
  CHECK(std::string(status.message()).find(one.says) != std::string::npos);
  CHECK(std::string(status.message()).find(leader.address()) != std::string::npos);
  CHECK(leader.reports.all().empty());
  // One with a good one is let in.
  follower.SetToken("replica-token");
  leader.reports.WaitConnected("a");
  CHECK(follower.relay->status().ok());
  CHECK(log.Contains(one.says));
  CHECK(log.Contains("stream of a replica of the controller ends"));
  CHECK_FALSE(log.Contains(one.token));
  CHECK_FALSE(log.Contains("replica-token"));
}

TEST_CASE("Who isn't the leader is shown no token") {
  Cluster cluster;
  const LogFile log;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  // Both are told which leader that is in the end.
  const std::string bundle = GENERATE("", "another CA");
  follower.SetCa(bundle.empty() ? "" : Cluster::NewAuthority().bundle());
  follower.relay->Report(ReportOf("a", "1"));
  follower.SetLeader(leader.address());
  const auto deadline = std::chrono::steady_clock::now() + testing::kDeadline;
  while (follower.relay->status().ok() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  INFO(follower.relay->status());
  CHECK_FALSE(follower.relay->status().ok());
  CHECK(cluster.tokens.asked("replica-token") == 0);
  follower.SetCa(cluster.authority.bundle());
  leader.reports.WaitConnected("a");
  CHECK(log.Contains("the leader can't be told"));
}

TEST_CASE("While the CA is rotated, replicas find the leader whichever of the two each has") {
  Cluster cluster;
  absl::StatusOr<Authority> next = cluster.authority.Rotated(absl::Now());
  REQUIRE(next.ok());
  const bool late = GENERATE(true, false);
  if (late) cluster.Issue(*next);
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  follower.SetCa(late ? cluster.authority.bundle() : next->bundle());
  follower.relay->Report(ReportOf("a", "1"));
  follower.SetLeader(leader.address());
  leader.reports.WaitConnected("a");
}

TEST_CASE("A relay outlives its token by what it is given later, and not its pod") {
  Cluster cluster;
  Replica::Options options;
  options.proof_deadline = std::chrono::milliseconds(3000);
  options.proof_period = std::chrono::milliseconds(100);
  Replica leader(cluster, "leader", options);
  Replica follower(cluster, "follower", options);
  follower.relay->Report(ReportOf("a", "1"));
  follower.SetLeader(leader.address());
  leader.reports.WaitConnected("a");
  cluster.tokens.Set("second-token", Identity{.gateway = "", .pod = "controller-1", .controller = true});
  follower.SetToken("second-token");
  cluster.tokens.WaitAsked("second-token", 2);
  cluster.tokens.Revoke("replica-token");
  cluster.tokens.WaitAsked("second-token", 2);
  CHECK(leader.reports.all().size() == 1);

  SECTION("Revoked") {
    cluster.tokens.Revoke("second-token");
  }
  SECTION("Of somebody else now") {
    cluster.tokens.Set("second-token", Identity{.gateway = "ns/gw", .pod = "pod-1", .controller = false});
  }
  SECTION("Not to be had any more") {
    follower.SetToken("");
  }
  leader.reports.WaitGone("a");
}

TEST_CASE("A controller's token gets no configuration") {
  Cluster cluster;
  Replica replica(cluster, "replica");
  const auto stub = cluster.Connect(replica.port);
  const std::string gateway = GENERATE("", "ns/gw");
  grpc::ClientContext context;
  Prepare(context, "replica-token");
  auto stream = stub->Stream(&context);
  config::v1::DataPlaneMessage message;
  message.mutable_hello()->set_gateway(gateway);
  stream->Write(message);
  config::v1::Delta delta;
  CHECK_FALSE(stream->Read(&delta));
  const grpc::Status status = stream->Finish();
  CHECK(status.error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(status.error_message().find("configuration is for data planes") != std::string::npos);
}

// What a replica gets that says this.
grpc::Status Tell(const Cluster& cluster, int port, const std::vector<RelayMessage>& messages) {
  const auto stub = cluster.Connect(port);
  grpc::ClientContext context;
  Prepare(context, "replica-token");
  auto stream = stub->Relay(&context);
  for (const RelayMessage& message : messages) stream->Write(message);
  RelayAnswer answer;
  while (stream->Read(&answer)) continue;
  return stream->Finish();
}

TEST_CASE("Whoever doesn't keep to the protocol is told so") {
  Cluster cluster;
  Replica replica(cluster, "replica");
  RelayMessage hello;
  hello.mutable_hello()->set_instance("other");
  RelayMessage report;
  report.mutable_report()->set_instance("dp");
  report.mutable_report()->set_connected(true);
  RelayMessage large = report;
  large.mutable_report()->add_refused()->set_message(std::string(4 << 20, 'x'));
  RelayMessage long_name = report;
  long_name.mutable_report()->set_gateway(std::string(2000, 'x'));
  const std::vector<std::vector<RelayMessage>> all = {
      {report}, {hello, hello}, {hello, RelayMessage()}, {hello, report, large}, {hello, long_name}};
  for (const auto& messages : all) {
    const grpc::Status status = Tell(cluster, replica.port, messages);
    INFO(status.error_message());
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  replica.reports.WaitGone("dp");
  CHECK(replica.service->DataPlanes("").empty());
}

TEST_CASE("There is no relay without TLS") {
  Cluster cluster;
  char folder[] = "/tmp/portreeve-relay-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string socket = absl::StrCat(folder, "/config.sock");
  std::string address = "unix:" + socket;
  SnapshotCache cache;
  std::unique_ptr<ConfigService> plain;
  Replica::Options options;
  options.socket = socket;
  {
    Replica replica(cluster, "replica", options);
    if (GENERATE(false, true)) {
      ConfigService::Options serving;
      serving.addresses = {"127.0.0.1:0"};
      auto started = ConfigService::Start(std::move(serving), cache);
      REQUIRE(started.ok());
      plain = *std::move(started);
      address = absl::StrCat("127.0.0.1:", plain->ports()[0]);
    }
    const auto stub =
        config::v1::ConfigService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    Prepare(context, "replica-token");
    auto stream = stub->Relay(&context);
    RelayAnswer answer;
    CHECK_FALSE(stream->Read(&answer));
    CHECK(stream->Finish().error_code() == grpc::StatusCode::UNIMPLEMENTED);
  }
  unlink(socket.c_str());
  rmdir(folder);
}

TEST_CASE("The end of a relay is prompt, whatever it is at") {
  Cluster cluster;
  Replica leader(cluster, "leader");
  Replica follower(cluster, "follower");
  const std::string at = GENERATE("nobody", "a leader", "a port that nobody serves");
  INFO(at);
  if (at == "a leader") follower.SetLeader(leader.address());
  if (at == "a port that nobody serves") follower.SetLeader("127.0.0.1:1");
  follower.relay->Report(ReportOf("a", "1"));
  if (at == "a leader") leader.reports.WaitConnected("a");
  const auto before = std::chrono::steady_clock::now();
  follower.StopRelay();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(2));
}

}  // namespace
}  // namespace portreeve::serve
