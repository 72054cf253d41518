#include "controller/kube/elector.h"

#include <absl/time/time.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/log.h"
#include "controller/kube/fault_api_server.h"

namespace portreeve::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Seen = FaultApiServer::Seen;
using Fault = FaultApiServer::Fault;

const std::string kLeases = "/apis/coordination.k8s.io/v1/leases";

const std::string kEarlier = "2024-01-31T12:00:00Z";
const std::string kLater = "2024-01-31T12:00:01Z";

absl::Time TimeOf(const std::string& text) {
  absl::Time time;
  REQUIRE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr));
  return time;
}

nanoseconds Now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

// A replica. Its requests carry its name as token.
class Replica {
 public:
  Replica(const FaultApiServer& server, const std::string& name) {
    log::SetLevel(log::Level::kError);
    ServerOptions client = server.Client();
    client.token = SecretBytes(name);
    ElectorOptions options;
    options.namespace_ = "ns";
    options.name = "lease";
    options.identity = name;
    options.lease_duration = milliseconds(1'000);
    options.renew_deadline = milliseconds(600);
    options.retry_period = milliseconds(60);
    options.address = name + ":18000";
    options.clock = [this] { return Now() + nanoseconds(ahead.load()); };
    options.on_change = [this](bool leads) {
      const std::lock_guard lock(mutex_);
      changes_.push_back(leads);
    };
    auto http = HttpApiClient::Create(client);
    REQUIRE(http.ok());
    elector = std::make_unique<Elector>(*std::move(http), std::move(options));
    elector->Start();
  }
  // The last change is told to what goes before the elector does.
  ~Replica() { elector->Stop(); }
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  bool Leads() const {
    return Eventually([&] { return elector->leader(); });
  }
  std::vector<bool> Changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

  std::atomic<std::int64_t> ahead = 0;  // of the true clock, in nanoseconds
  std::unique_ptr<Elector> elector;

 private:
  mutable std::mutex mutex_;
  std::vector<bool> changes_;
};

json Lease(const std::string& holder, int transitions, const std::string& renewed) {
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata", {{"name", "lease"}, {"namespace", "ns"}, {"labels", {{"app", "x"}}}}},
          {"spec",
           {{"holderIdentity", holder},
            {"leaseDurationSeconds", 1},
            {"leaseTransitions", transitions},
            {"renewTime", renewed},
            {"strategy", "later"}}}};
}

TEST_CASE("Alone, a replica makes the Lease and leads") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 1);
  CHECK(one.elector->holder() == "one");
  const json lease = server.Get(kLeases, "ns", "lease");
  CHECK(lease["spec"]["holderIdentity"] == "one");
  CHECK(lease["spec"]["leaseDurationSeconds"] == 1);
  CHECK(lease["spec"]["leaseTransitions"] == 1);
  CHECK(lease["spec"]["renewTime"].get<std::string>().size() == std::string("2024-01-31T12:00:00.000000Z").size());
  // It is renewed and stays.
  REQUIRE(Eventually(
      [&] { return server.Get(kLeases, "ns", "lease")["spec"]["renewTime"] != lease["spec"]["renewTime"]; }));
  CHECK(one.elector->leader());
  CHECK(one.Changes() == std::vector<bool>{true});
}

TEST_CASE("A leader that stops gives the lease back, and another one leads at once") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  Replica two(server, "two");
  REQUIRE(Eventually([&] { return two.elector->holder() == "one"; }));
  REQUIRE(Eventually([&] { return server.Watches(kLeases) == 1; }));
  CHECK_FALSE(two.elector->leader());
  CHECK(two.elector->epoch() == 1);
  const nanoseconds before = Now();
  one.elector->Stop();
  CHECK_FALSE(one.elector->leader());
  CHECK(one.Changes() == std::vector<bool>{true, false});
  REQUIRE(two.Leads());
  CHECK(Now() - before < milliseconds(900));  // sooner than the lease would have ended
  CHECK(two.elector->epoch() == 2);
  CHECK(server.Get(kLeases, "ns", "lease")["spec"]["leaseTransitions"] == 2);
}

TEST_CASE("The lease is given back whenever the leader stops, and whatever others put into it") {
  FaultApiServer server;
  server.ServeAll();
  // At whatever the elector's thread is just then: it may step down before Stop goes on.
  for (int i = 0; i < 30; ++i) {
    Replica one(server, "one");
    REQUIRE(one.Leads());
    if (i % 3 == 0) {
      json lease = server.Get(kLeases, "ns", "lease");
      lease["metadata"]["labels"] = {{"touched", std::to_string(i)}};
      server.Put(kLeases, lease);
    }
    one.elector->Stop();
    CHECK(server.Get(kLeases, "ns", "lease")["spec"]["holderIdentity"] == "");
  }
}

TEST_CASE("A leader that is cut off stops before anybody else leads") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  Replica two(server, "two");
  const bool watch = GENERATE(true, false);
  server.SetFault([watch](const Seen& seen) -> std::optional<Fault> {
    if (seen.token == "Bearer one") return Fault{.hang = true};
    // Where it may not watch, it looks again and again.
    if (seen.watch && !watch) return Fault{.status = 403};
    return std::nullopt;
  });
  bool both = false;
  REQUIRE(Eventually([&] {
    const bool second = two.elector->leader();
    both |= second && one.elector->leader();
    return second;
  }));
  CHECK_FALSE(both);
  CHECK(two.elector->epoch() == 2);
  server.SetFault(nullptr);
  server.EndHangs();
  CHECK(Eventually([&] { return one.elector->epoch() == 2; }));
  CHECK_FALSE(one.elector->leader());
  CHECK(Eventually([&] { return one.Changes() == std::vector<bool>{true, false}; }));
  CHECK(two.elector->leader());
}

TEST_CASE("A process that was paused knows that it no longer leads before anything else has run") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  server.SetFault([](const Seen&) { return Fault{.hang = true}; });
  one.ahead = nanoseconds(seconds(60)).count();
  CHECK_FALSE(one.elector->leader());
  CHECK(Eventually([&] { return one.Changes() == std::vector<bool>{true, false}; }));
  server.SetFault(nullptr);
  server.EndHangs();
  // Nobody took it meanwhile: no change of hands.
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 1);
}

TEST_CASE("A leader without its server stops leading at its deadline, and comes back with it") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  server.Down();
  CHECK(Eventually([&] { return !one.elector->leader(); }));
  server.Up();
  CHECK(one.Leads());
  CHECK(Eventually([&] { return one.Changes() == std::vector<bool>{true, false, true}; }));
}

TEST_CASE("Only time since a change was seen counts, not the times in the Lease") {
  FaultApiServer server;
  server.ServeAll();
  server.Put(kLeases, Lease("ghost", 6, GENERATE("1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z")));
  const nanoseconds before = Now();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(Now() - before >= milliseconds(1'000));
  CHECK(one.elector->epoch() == 7);
  const json lease = server.Get(kLeases, "ns", "lease");
  // What others have put there stays.
  CHECK(lease["metadata"]["labels"]["app"] == "x");
  CHECK(lease["spec"]["strategy"] == "later");
}

TEST_CASE("A holder that renews is never taken over from") {
  FaultApiServer server;
  server.ServeAll();
  server.Put(kLeases, Lease("ghost", 6, "0"));
  Replica one(server, "one");
  int renewals = 0;
  auto last = std::chrono::steady_clock::now();
  REQUIRE(Eventually([&] {
    if (std::chrono::steady_clock::now() - last < milliseconds(300)) return false;
    last = std::chrono::steady_clock::now();
    server.Put(kLeases, Lease("ghost", 6, std::to_string(++renewals)));
    return renewals == 8;
  }));
  CHECK_FALSE(one.elector->leader());
  CHECK(one.Changes().empty());
  CHECK(one.elector->holder() == "ghost");
}

TEST_CASE("A write that somebody else made in between costs no leadership, unless it says so") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  json lease = server.Get(kLeases, "ns", "lease");
  lease["metadata"]["labels"] = {{"touched", "yes"}};
  server.Put(kLeases, lease);
  const std::string renewed = lease["spec"]["renewTime"];
  REQUIRE(Eventually([&] { return server.Get(kLeases, "ns", "lease")["spec"]["renewTime"] != renewed; }));
  CHECK(server.Get(kLeases, "ns", "lease")["metadata"]["labels"]["touched"] == "yes");
  CHECK(one.elector->leader());
  CHECK(one.elector->epoch() == 1);
  server.Put(kLeases, Lease("thief", 9, "0"));
  REQUIRE(Eventually([&] { return !one.elector->leader(); }));
  CHECK(one.elector->epoch() == 9);
  // The thief doesn't renew.
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 10);
}

TEST_CASE("A Lease that is deleted is made again, and the epoch grows all the same") {
  FaultApiServer server;
  server.ServeAll();
  server.Put(kLeases, Lease("", 4, ""));
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 5);
  server.Delete(kLeases, "ns", "lease");
  REQUIRE(Eventually([&] { return server.Get(kLeases, "ns", "lease")["spec"]["leaseTransitions"] == 6; }));
  CHECK(one.Leads());
  CHECK(one.elector->epoch() == 6);
}

TEST_CASE("The epoch of a Lease rises with its transitions, and when it is made anew") {
  const absl::Time made = absl::FromUnixSeconds(1'700'000'000);
  CHECK(EpochOf(made, 0) < EpochOf(made, 1));
  CHECK(EpochOf(made, 4'000'000'000) < EpochOf(made + absl::Seconds(1), 0));
  CHECK(EpochOf(absl::InfinitePast(), 3) == 3);
}

TEST_CASE("The epoch counts from when the Lease was made") {
  FaultApiServer server;
  server.ServeAll();
  server.SetCreationTime(kEarlier);
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == EpochOf(TimeOf(kEarlier), 1));
  Replica two(server, "two");
  REQUIRE(Eventually([&] { return two.elector->epoch() == one.elector->epoch(); }));
  // Made anew, it is later whatever its count is.
  server.SetCreationTime(kLater);
  server.Delete(kLeases, "ns", "lease");
  REQUIRE(Eventually([&] { return two.elector->epoch() >= EpochOf(TimeOf(kLater), 1); }));
  REQUIRE(Eventually([&] { return one.elector->epoch() == two.elector->epoch(); }));
}

TEST_CASE("A Lease from a backup is raised beyond every epoch that was seen") {
  FaultApiServer server;
  server.ServeAll();
  json lease = Lease("", 4, "");
  lease["metadata"]["creationTimestamp"] = kEarlier;
  server.Put(kLeases, lease);
  const std::shared_ptr<const void> backup = server.Backup();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  REQUIRE(one.elector->epoch() == EpochOf(TimeOf(kEarlier), 5));

  SECTION("By its transitions, where it is the same Lease") {
    server.Restore(backup);
    REQUIRE(Eventually([&] { return one.elector->epoch() > EpochOf(TimeOf(kEarlier), 5); }));
    REQUIRE(one.Leads());
    const json now = server.Get(kLeases, "ns", "lease");
    CHECK(now["spec"]["leaseTransitions"] == 6);
    CHECK_FALSE(now["metadata"]["annotations"].contains(kLeaseEpoch));
    CHECK(one.elector->epoch() == EpochOf(TimeOf(kEarlier), 6));
  }
  SECTION("By its annotation, where it was made before one that was seen") {
    server.SetCreationTime(kLater);
    server.Delete(kLeases, "ns", "lease");
    REQUIRE(Eventually([&] { return one.elector->epoch() >= EpochOf(TimeOf(kLater), 1) && one.elector->leader(); }));
    const std::uint64_t seen = one.elector->epoch();
    server.Restore(backup);
    REQUIRE(Eventually([&] { return one.elector->epoch() > seen; }));
    REQUIRE(one.Leads());
    CHECK(server.Get(kLeases, "ns", "lease")["metadata"]["annotations"][kLeaseEpoch] == std::to_string(seen + 1));
    CHECK(one.elector->epoch() == seen + 1);
    // All others take it from there, and each change of hands raises it.
    Replica two(server, "two");
    REQUIRE(Eventually([&] { return two.elector->epoch() == seen + 1; }));
    one.elector->Stop();
    REQUIRE(two.Leads());
    CHECK(two.elector->epoch() == seen + 2);
  }
}

TEST_CASE("A leader that finds its own Lease set back goes on, with a higher epoch") {
  FaultApiServer server;
  server.ServeAll();
  server.Put(kLeases, Lease("", 7, ""));
  Replica one(server, "one");
  REQUIRE(one.Leads());
  REQUIRE(one.elector->epoch() == 8);
  json lease = server.Get(kLeases, "ns", "lease");
  lease["spec"]["leaseTransitions"] = 3;
  server.Put(kLeases, lease);
  REQUIRE(Eventually([&] { return one.elector->epoch() == 9; }));
  CHECK(server.Get(kLeases, "ns", "lease")["spec"]["leaseTransitions"] == 9);
  CHECK(one.Changes() == std::vector<bool>{true});
}

TEST_CASE("An annotation that is no number is none") {
  FaultApiServer server;
  server.ServeAll();
  json lease = Lease("", 4, "");
  lease["metadata"]["annotations"] = {{kLeaseEpoch, GENERATE("soon", "-1", "18446744073709551615")}};
  server.Put(kLeases, lease);
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 5);
}

TEST_CASE("Every replica knows where the leader is, but the leader itself") {
  FaultApiServer server;
  server.ServeAll();
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->leader_address().empty());
  Replica two(server, "two");
  REQUIRE(Eventually([&] { return two.elector->leader_address() == "one:18000"; }));
  json lease = server.Get(kLeases, "ns", "lease");
  lease["metadata"]["annotations"]["other"] = "stays";
  server.Put(kLeases, lease);
  one.elector->Stop();
  REQUIRE(two.Leads());
  CHECK(two.elector->leader_address().empty());
  lease = server.Get(kLeases, "ns", "lease");
  CHECK(lease["metadata"]["annotations"] == json({{kLeaseAddress, "two:18000"}, {"other", "stays"}}));
  two.elector->Stop();
  CHECK(two.elector->leader_address().empty());
  CHECK(server.Get(kLeases, "ns", "lease")["metadata"]["annotations"] == json({{"other", "stays"}}));
}

TEST_CASE("A lease that is ours already, by a write of which no answer came, is taken without a change of hands") {
  FaultApiServer server;
  server.ServeAll();
  server.Put(kLeases, Lease("one", 3, ""));
  Replica one(server, "one");
  REQUIRE(one.Leads());
  CHECK(one.elector->epoch() == 3);
}

TEST_CASE("Of many there is never more than one leader") {
  FaultApiServer server;
  server.ServeAll();
  std::vector<std::unique_ptr<Replica>> replicas;
  for (const char* name : {"a", "b", "c", "d"}) replicas.push_back(std::make_unique<Replica>(server, name));
  for (std::uint64_t round = 1; round <= 4; ++round) {
    Replica* leader = nullptr;
    REQUIRE(Eventually([&] {
      int leaders = 0;
      for (const auto& replica : replicas) {
        if (!replica->elector->leader()) continue;
        ++leaders;
        leader = replica.get();
      }
      CHECK(leaders <= 1);
      return leaders == 1;
    }));
    CHECK(leader->elector->epoch() == round);
    leader->elector->Stop();
  }
}

TEST_CASE("Names of processes are never the same") {
  CHECK(UniqueIdentity("pod").starts_with("pod_"));
  CHECK(UniqueIdentity("pod") != UniqueIdentity("pod"));
}

}  // namespace
}  // namespace portreeve::kube
