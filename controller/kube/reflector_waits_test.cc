// When a reflector waits, for how long, and what it says of it.
#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/kube/reflector_rig.h"

namespace portreeve::kube::reflector_test {
namespace {

using nlohmann::json;
using Rig = ReflectorRig;

// RBAC, which leaves /readyz to everybody.
std::optional<Fault> Forbid(const Seen& seen) {
  if (seen.collection.empty()) return std::nullopt;
  return Fault{.status = 403, .message = "no such right"};
}

TEST_CASE("While the server is away or fails, waits grow up to the longest, and what is known stays") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  const std::size_t before = rig.server.Requests().size();
  rig.server.SetFault([](const Seen&) { return Fault{.status = 500}; });
  rig.server.EndWatches(false);
  REQUIRE(Eventually([&] { return rig.server.Requests().size() >= before + 9; }));
  std::vector<milliseconds> waits;
  const std::vector<Seen> seen = rig.server.Requests();
  for (std::size_t i = before + 1; i < seen.size(); ++i) {
    waits.push_back(std::chrono::duration_cast<milliseconds>(seen[i].at - seen[i - 1].at));
  }
  // 5, 10, 20, 40, 80, 80: each with a quarter off at most.
  for (std::size_t i = 0; i < waits.size(); ++i) {
    const milliseconds least = milliseconds(std::min(10 << i, 80)) * 3 / 4;
    INFO("wait " << i << " " << waits[i].count() << " ms");
    CHECK(waits[i] >= least - milliseconds(1));
  }
  CHECK(rig.reflector->status().unreachable);
  CHECK(rig.Told().empty());
  rig.server.SetFault(nullptr);
  rig.server.Put(kRoutes, Route("b"));
  CHECK(rig.Knows({"ns/a", "ns/b"}));
  CHECK(rig.Is(WatchState::kWatching));
}

TEST_CASE("Who is woken tries at once") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.first_wait = milliseconds(60'000);
  options.longest_wait = milliseconds(60'000);
  rig.server.SetFault([](const Seen&) { return Fault{.status = 500}; });
  rig.Start(options);
  REQUIRE(rig.Is(WatchState::kRetrying));
  rig.server.SetFault(nullptr);
  rig.server.Put(kRoutes, Route("a"));
  rig.reflector->Wake();
  CHECK(rig.Knows({"ns/a"}));
}

TEST_CASE("A server that asks for time gets it, and keeps its watch's place") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  const int status = GENERATE(429, 503);
  rig.server.SetFault([status](const Seen&) { return Fault{.status = status, .retry_after = "1"}; });
  rig.server.EndWatches(true);
  REQUIRE(Eventually([&] { return rig.reflector->status().failures >= 2; }));
  const std::size_t asked = rig.server.Requests().size();
  const auto since = rig.server.Requests().back().at;
  rig.server.SetFault(nullptr);
  rig.server.Put(kRoutes, Route("b"));
  REQUIRE(rig.Knows({"ns/a", "ns/b"}));
  CHECK(rig.server.Requests().at(asked).at - since >= seconds(1));
  CHECK(rig.Lists() == 1);
}

TEST_CASE("A server that ends watches as soon as they begin isn't asked without a pause") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.shortest_watch = milliseconds(1'000);
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (!seen.watch) return std::nullopt;
    return Fault{.raw_body = "\n"};
  });
  rig.Start(options);
  REQUIRE(Eventually([&] { return rig.reflector->status().watches >= 8; }));
  const auto requests = rig.server.Requests();
  CHECK(requests.back().at - requests.front().at >= milliseconds(150));  // 5 + 10 + 20 + 40 + 80 + 80, less a quarter
  CHECK(rig.Lists() == 1);
}

TEST_CASE("A history that is forgotten again and again leads to no storm of lists") {
  Rig rig;
  rig.server.SetGoneAsEvent(GENERATE(false, true));
  rig.server.SetFault([&](const Seen& seen) -> std::optional<Fault> {
    if (seen.watch) rig.server.Compact();
    return std::nullopt;
  });
  rig.Start();
  REQUIRE(Eventually([&] { return rig.Lists() >= 8; }));
  const auto requests = rig.server.Requests();
  CHECK(requests.back().at - requests.front().at >= milliseconds(150));
}

TEST_CASE("A server that is slow is waited for, one that hangs is not") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.list_deadline = milliseconds(100);
  rig.server.Put(kRoutes, Route("a"));
  rig.server.SetFault([](const Seen& seen) { return Fault{.hang = seen.list()}; });
  rig.Start(options);
  REQUIRE(Eventually([&] { return rig.reflector->status().failures >= 2; }));
  CHECK(rig.reflector->status().unreachable);
  rig.server.SetFault(nullptr);
  rig.server.EndHangs();
  CHECK(rig.Knows({"ns/a"}));
}

// --- kinds that may not be read, or aren't there --------------------------------------------------------------------

TEST_CASE("A kind that may not be read counts as read after a while, unless nothing is right without it") {
  const bool essential = GENERATE(true, false);
  Rig rig(essential ? Kind::kHTTPRoute : Kind::kSecret);
  rig.server.SetFault(Forbid);
  rig.Start();
  REQUIRE(rig.Is(WatchState::kForbidden));
  CHECK_FALSE(rig.reflector->status().read);
  const std::string full = essential ? "httproutes.gateway.networking.k8s.io" : "secrets";
  CHECK(rig.reflector->status().reason == "may not list " + full + ": no such right");
  if (essential) {
    REQUIRE(Eventually([&] { return rig.reflector->status().failures > 8; }));
    CHECK_FALSE(rig.reflector->status().read);
  } else {
    CHECK(Eventually([&] { return rig.reflector->status().read; }));
  }
  rig.server.SetFault(nullptr);
  CHECK(rig.Is(WatchState::kWatching));
  CHECK(rig.reflector->status().read);
}

TEST_CASE("A right that is given back is used before long, however long it was missing") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.longest_wait = milliseconds(60'000);
  options.longest_forbidden_wait = milliseconds(40);
  rig.server.SetFault(Forbid);
  rig.Start(options);
  REQUIRE(Eventually([&] { return rig.reflector->status().failures >= 16; }));
  rig.server.SetFault(nullptr);
  rig.server.Put(kRoutes, Route("a"));
  CHECK(rig.Knows({"ns/a"}));
}

TEST_CASE("A server that has just started refuses everything, and nothing is made of it") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.grace = milliseconds(60'000);
  rig.server.Put(kRoutes, Route("a"));
  rig.server.SetFault([](const Seen&) { return Fault{.status = 403, .message = "no such right"}; });
  rig.Start(options);
  REQUIRE(Eventually([&] { return rig.reflector->status().failures >= 4; }));
  for (const ReflectorStatus& status : rig.Statuses()) CHECK(status.state != WatchState::kForbidden);
  CHECK(rig.reflector->status().unreachable);
  CHECK(rig.reflector->status().reason ==
        "the API server isn't ready yet, and says: may not list httproutes.gateway.networking.k8s.io: no such right");
  rig.server.SetFault(nullptr);
  CHECK(rig.Knows({"ns/a"}));
}

TEST_CASE("A server that never shows whether it is ready is believed after a while") {
  Rig rig;
  rig.server.SetFault([](const Seen&) { return Fault{.status = 403, .message = "no such right"}; });
  rig.Start();
  CHECK(rig.Is(WatchState::kForbidden));
}

TEST_CASE("What has become too old while the server was away is listed at once when it is back") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  ReflectorOptions options = Quick();
  options.first_wait = milliseconds(60'000);
  options.longest_wait = milliseconds(60'000);
  options.shortest_watch = milliseconds(0);
  rig.Start(options);
  REQUIRE(rig.Watching());
  rig.server.Put(kRoutes, Route("b"));
  REQUIRE(rig.Knows({"ns/a", "ns/b"}));
  rig.server.Compact();
  rig.server.DeleteUnseen(kRoutes, "ns", "a");
  rig.server.EndWatches(true);
  CHECK(rig.Knows({"ns/b"}));
}

TEST_CASE("Rights that are taken away leave what is known as it is") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  rig.server.SetFault([](const Seen& seen) { return seen.watch ? Forbid(seen) : std::nullopt; });
  rig.server.EndWatches(true);
  REQUIRE(rig.Is(WatchState::kForbidden));
  CHECK(rig.reflector->status().reason.starts_with("may not watch httproutes"));
  CHECK(rig.Told().empty());
  CHECK(rig.reflector->status().read);
}

TEST_CASE("A token that isn't taken is said") {
  Rig rig;
  rig.server.SetFault([](const Seen&) { return Fault{.status = 401, .message = "Unauthorized"}; });
  rig.Start();
  REQUIRE(rig.Is(WatchState::kRefused));
  CHECK(rig.reflector->status().reason.starts_with("the API server doesn't know who we are (Unauthorized)"));
  CHECK_FALSE(rig.reflector->status().read);
}

TEST_CASE("A kind without its CRD is off, and on when it comes; when it goes its objects go with it") {
  Rig rig;
  rig.server.Withdraw(kRoutes);
  rig.Start();
  REQUIRE(rig.Is(WatchState::kMissing));
  CHECK(rig.reflector->status().read);
  CHECK(rig.reflector->status().reason == "the CRD httproutes.gateway.networking.k8s.io isn't installed");
  // The CRD is there a moment before its kind is served.
  rig.server.Put(kCrds, Crd("httproutes.gateway.networking.k8s.io", {"v1"}));
  rig.reflector->Wake();
  REQUIRE(rig.Is(WatchState::kRefused));
  rig.server.Serve(kRoutes);
  rig.server.Put(kRoutes, Route("a"));
  REQUIRE(rig.Knows({"ns/a"}));
  REQUIRE(rig.Watching());
  rig.Told();
  rig.server.Delete(kCrds, "", "httproutes.gateway.networking.k8s.io");
  rig.server.Withdraw(kRoutes);
  REQUIRE(rig.Is(WatchState::kMissing));
  CHECK(rig.Told() == Words{"-ns/a"});
}

TEST_CASE("A server that has forgotten a kind for a moment takes nothing away while the CRD is there") {
  Rig rig;
  rig.server.Put(kCrds, Crd("httproutes.gateway.networking.k8s.io", {"v1"}));
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection != kRoutes) return std::nullopt;
    return Fault{.status = 404};
  });
  rig.server.EndWatches(true);
  REQUIRE(rig.Is(WatchState::kRefused));
  REQUIRE(Eventually([&] { return rig.reflector->status().failures >= 4; }));
  CHECK(rig.Told().empty());
  rig.server.SetFault(nullptr);
  CHECK(rig.Is(WatchState::kWatching));
  CHECK(rig.Told().empty());
}

TEST_CASE("Where CRDs may not be read, a kind that stays away for a while is missing") {
  Rig rig;
  rig.server.Withdraw(kRoutes);
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection != kCrds) return std::nullopt;
    return Fault{.status = 403};
  });
  rig.Start();
  REQUIRE(rig.Is(WatchState::kRefused));
  CHECK_FALSE(rig.reflector->status().read);
  CHECK(rig.Is(WatchState::kMissing));
}

TEST_CASE("A kind that the server has in the older version only is read there") {
  Rig rig(Kind::kReferenceGrant);
  rig.server.Withdraw("/apis/gateway.networking.k8s.io/v1/referencegrants");
  rig.server.Serve(kGrants);
  const json grant = {{"apiVersion", "gateway.networking.k8s.io/v1beta1"},
                      {"kind", "ReferenceGrant"},
                      {"metadata", {{"name", "g"}, {"namespace", "ns"}}},
                      {"spec",
                       {{"from", {{{"group", "gateway.networking.k8s.io"}, {"kind", "HTTPRoute"}, {"namespace", "a"}}}},
                        {"to", {{{"group", ""}, {"kind", "Service"}}}}}}};
  rig.server.Put(kGrants, grant);
  rig.Start();
  REQUIRE(rig.Knows({"ns/g"}));
  CHECK(rig.reflector->version() == "v1beta1");
  REQUIRE(rig.Watching(kGrants));
}

TEST_CASE("A CRD of versions that this program doesn't know is said") {
  Rig rig;
  rig.server.Withdraw(kRoutes);
  rig.server.Put(kCrds, Crd("httproutes.gateway.networking.k8s.io", {"v2"}));
  rig.Start();
  REQUIRE(rig.Is(WatchState::kMissing));
  CHECK(rig.reflector->status().reason == "the CRD httproutes.gateway.networking.k8s.io doesn't serve version v1");
}

}  // namespace
}  // namespace portreeve::kube::reflector_test
