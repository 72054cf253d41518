// Both ends of the config stream over TLS: who is served, and what happens while certificates and tokens change.
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "cli/stream_testing.h"
#include "cli/stream_tls_testing.h"
#include "controller/serve/authority.h"
#include "controller/serve/config_service.h"
#include "controller/serve/test_api_server.h"
#include "controller/serve/token_reviewer.h"
#include "dataplane/config/config_client.h"

namespace portreeve {
namespace {

using cli::testing::Basics;
using cli::testing::FakeInstaller;
using cli::testing::kUnfollowed;
using cli::testing::NewAuthority;
using cli::testing::OptionsOf;
using cli::testing::Rotated;
using cli::testing::TlsRig;
using config::ConfigClient;
using serve::Authority;
using serve::ConfigService;
using serve::DataPlaneReport;
using serve::Identity;
using serve::SnapshotCache;

TEST_CASE("Over TLS, a data plane that proves whose it is gets its Gateway") {
  TlsRig rig;
  rig.StartDataPlane();
  const DataPlaneReport report = rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  CHECK(report.gateway == "ns/gw");
  CHECK(report.pod == "pod-1");
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK(rig.installer.Ask("/", 99) == "no port");
  CHECK(rig.client->connected());
  CHECK(rig.service->DataPlanes("ns/gw").size() == 1);
  rig.Change();
  CHECK_FALSE(rig.log.Contains("token-1"));
}

TEST_CASE("The token is reviewed by the API server") {
  TlsRig rig;
  serve::testing::TestApiServer api;
  serve::TokenReviewer reviewer(api, {[](std::string_view ns, std::string_view account) {
                                  return ns == "ns" && account == "gw-sa" ? std::optional<std::string>("ns/gw")
                                                                          : std::nullopt;
                                }});
  rig.authenticator = [&](std::string_view token) { return reviewer.Authenticate(token); };
  rig.StartController();
  const std::string snapshot = rig.Publish(Basics());
  rig.StartDataPlane();
  rig.ExpectRefused("the token is refused");
  api.SetToken("token-2", serve::testing::TestApiServer::BoundToken("ns", "gw-sa", "gw-7"));
  rig.WriteToken("token-2");
  CHECK(rig.reports.WaitForSnapshot(snapshot).pod == "gw-7");
  // The review of it goes before the API server does.
  rig.client.reset();
  rig.service.reset();
}

TEST_CASE("A data plane whose token proves nothing gets nothing, and is let in once it has a good one") {
  TlsRig rig;
  const std::string snapshot = rig.Publish(Basics());
  rig.WriteToken("unknown");
  rig.StartDataPlane();
  rig.tokens.WaitAsked("unknown", 3);
  rig.ExpectRefused("the token is refused: it has expired");
  rig.WriteToken("token-1");
  rig.reports.WaitForSnapshot(snapshot);
  CHECK_FALSE(rig.log.Contains("unknown"));
}

TEST_CASE("A data plane that asks for another Gateway than its own gets nothing") {
  TlsRig rig;
  const std::string snapshot = rig.Publish(Basics());
  rig.tokens.Set("other", "ns/other", "pod-of-other");
  rig.WriteToken("other");
  const std::string gateway = GENERATE("ns/gw", "");
  config::ClientOptions options = rig.Options();
  options.gateway = gateway;
  rig.StartDataPlane(options);
  rig.tokens.WaitAsked("other", 3);
  rig.ExpectRefused("is of Gateway 'ns/other'");
  rig.log.WaitFor(kUnfollowed, gateway.empty() ? "asks for all Gateways" : "asks for Gateway 'ns/gw'");
  rig.log.WaitFor("stream of a data plane ends", "ns/other");
  CHECK(rig.reports.size() == 0);
  CHECK(rig.service->DataPlanes("ns/gw").empty());
}

TEST_CASE("Without a token nobody is served, but through the socket") {
  TlsRig rig;
  const std::string snapshot = rig.Publish(Basics());
  config::ClientOptions options = rig.Options();
  options.token_file.clear();
  rig.StartDataPlane(options);
  rig.ExpectRefused("start it with --controller-token");
  rig.client.reset();
  // Its mode is its proof.
  rig.StartDataPlane(OptionsOf(rig.folder.address(), "ns/gw", ""));
  CHECK(rig.reports.WaitForSnapshot(snapshot).pod.empty());
}

TEST_CASE("A file that isn't there yet is waited for") {
  TlsRig rig;
  const std::string snapshot = rig.Publish(Basics());
  const std::string name = GENERATE("token", "ca.crt");
  std::filesystem::rename(rig.folder.path() + "/" + name, rig.folder.path() + "/later");
  rig.StartDataPlane();
  rig.ExpectRefused(rig.folder.path() + "/" + name);
  std::filesystem::rename(rig.folder.path() + "/later", rig.folder.path() + "/" + name);
  rig.reports.WaitForSnapshot(snapshot);
}

TEST_CASE("Who can't be believed is told nothing, and it is said what to mend") {
  TlsRig rig;
  const std::string snapshot = rig.Publish(Basics());
  const Authority other = NewAuthority();
  struct Case {
    const char* what;
    const char* says;
  };
  const Case one = GENERATE(Case{"unknown CA", "from an unknown CA"}, Case{"name", "is for other.svc, and"},
                            Case{"expired", "expired at"}, Case{"early", "isn't valid before"},
                            Case{"no bundle", "no certificate of a CA"});
  const std::string what = one.what;
  INFO(what);
  if (what == "unknown CA") rig.Issue(other);
  if (what == "name") rig.Issue(rig.authority, absl::Now(), "other.svc");
  if (what == "early") rig.Issue(rig.authority, absl::Now() + absl::Hours(48));
  if (what == "no bundle") rig.WriteBundle("rubbish");
  if (what == "expired") {
    const Authority old = NewAuthority(absl::Now() - absl::Hours(48));
    rig.WriteBundle(old.bundle());
    rig.Issue(old, absl::Now() - absl::Hours(48));
  }
  rig.StartDataPlane();
  rig.ExpectRefused(one.says);
  CHECK(rig.tokens.asked("token-1") == 0);
  rig.WriteBundle(rig.authority.bundle());
  rig.Issue(rig.authority);
  rig.reports.WaitForSnapshot(snapshot);
}

TEST_CASE("What runs goes on when the certificate has expired, and is followed again when it is renewed") {
  TlsRig rig;
  rig.authority = NewAuthority(absl::Now() - absl::Hours(48));
  rig.WriteBundle(rig.authority.bundle());
  rig.Issue(rig.authority);
  rig.StartDataPlane();
  rig.reports.WaitForSnapshot(rig.Publish(Basics()));
  // Its end doesn't end a stream that stands.
  rig.Issue(rig.authority, absl::Now() - absl::Hours(47));
  rig.Change();
  rig.StartController();
  rig.log.WaitFor(kUnfollowed, "expired at");
  CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  CHECK_FALSE(rig.client->connected());
  rig.Issue(rig.authority);
  rig.Change();
  CHECK(rig.client->connected());
}

TEST_CASE("A renewed server certificate ends no stream") {
  TlsRig rig;
  rig.StartDataPlane();
  rig.Change();
  const auto before = rig.reports.size();
  const Authority other = NewAuthority();
  // Of another CA, so that whoever comes from now on shows that it is in use.
  rig.Issue(other);
  rig.WriteBundle(other.bundle());
  FakeInstaller second_installer;
  const auto second = ConfigClient::Start(rig.Options(), second_installer);
  CHECK(second_installer.WaitInstalls(1));
  for (int i = 0; i < 10; ++i) {
    rig.Issue(other);
    rig.Change();
  }
  CHECK(rig.reports.size() >= before + 11);
  CHECK(rig.service->DataPlanes("ns/gw").size() == 2);
  CHECK_FALSE(rig.log.Contains("data plane disconnected"));
  CHECK_FALSE(rig.log.Contains(kUnfollowed));
}

TEST_CASE("While the CA is rotated, everybody finds everybody, and no stream ends") {
  TlsRig rig;
  rig.StartDataPlane();
  rig.Change();
  const Authority next = Rotated(rig.authority);
  // Half of the fleet has the new bundle, half of the controllers the new CA.
  for (const std::string& bundle : {rig.authority.bundle(), next.bundle()}) {
    for (const Authority& issuer : {rig.authority, next}) {
      rig.WriteBundle(bundle);
      rig.Issue(issuer);
      FakeInstaller installer;
      const auto late = ConfigClient::Start(rig.Options(), installer);
      CHECK(installer.WaitInstalls(1));
      rig.Change();
    }
  }
  CHECK_FALSE(rig.log.Contains(kUnfollowed));
  CHECK(rig.client->connected());
  const std::vector<std::string> followed = rig.log.Lines("following the controller");
  CHECK(followed.size() == 5);
}

TEST_CASE("A stream outlives its token by what the file holds later") {
  TlsRig rig;
  config::ClientOptions options = rig.Options();
  options.proof_period = std::chrono::milliseconds(20);
  rig.StartDataPlane(options);
  rig.Change();
  rig.tokens.WaitAsked("token-1", 3);
  rig.tokens.Set("token-2", "ns/gw");
  rig.WriteToken("token-2");
  rig.tokens.WaitAsked("token-2", 2);
  rig.tokens.Revoke("token-1");
  rig.tokens.WaitAsked("token-2", rig.tokens.asked("token-2") + 2);
  rig.Change();
  CHECK_FALSE(rig.log.Contains("data plane disconnected"));

  SECTION("An API server that is down revokes nobody") {
    rig.tokens.SetDown(true);
    rig.tokens.WaitAsked("token-2", rig.tokens.asked("token-2") + 2);
    rig.Change();
    CHECK_FALSE(rig.log.Contains("data plane disconnected"));
    CHECK(rig.log.Contains("its stream goes on"));
  }
  SECTION("A pod that is gone takes its stream with it") {
    rig.tokens.Revoke("token-2");
    rig.reports.WaitFor([](const DataPlaneReport& report) { return !report.connected; });
    rig.log.WaitFor(kUnfollowed, "the token is refused");
    CHECK(rig.installer.Ask("/") == "ns/r/0 -> ns/b[127.0.0.1:1]");
  }
  SECTION("A token of another Gateway is none") {
    rig.tokens.Set("token-2", "ns/other");
    rig.reports.WaitFor([](const DataPlaneReport& report) { return !report.connected; });
    rig.log.WaitFor(kUnfollowed, "ns/other");
  }
}

TEST_CASE("A stream that doesn't prove itself again ends") {
  TlsRig rig;
  rig.StartController(std::chrono::milliseconds(50));
  rig.StartDataPlane();
  const std::string snapshot = rig.Publish(Basics());
  rig.reports.WaitForSnapshot(snapshot);
  rig.reports.WaitFor([](const DataPlaneReport& report) { return !report.connected; });
  // It comes back with what the file holds.
  rig.reports.WaitForSnapshot(snapshot);
}

TEST_CASE("One whose token takes long to review keeps no other waiting") {
  TlsRig rig;
  rig.StartDataPlane();
  rig.Change();
  rig.tokens.Set("slow", "ns/gw", "slow-pod");
  rig.tokens.Hold("slow");
  rig.WriteToken("slow");
  FakeInstaller slow_installer;
  auto slow = ConfigClient::Start(rig.Options(), slow_installer);
  rig.tokens.WaitAsked("slow", 1);
  rig.WriteToken("token-1");
  FakeInstaller quick_installer;
  auto quick = ConfigClient::Start(rig.Options(), quick_installer);
  CHECK(quick_installer.WaitInstalls(1));
  rig.Change();
  CHECK(slow_installer.installs() == 0);
  rig.tokens.Hold("");
  CHECK(slow_installer.WaitInstalls(1));
}

TEST_CASE("A controller without a certificate doesn't start") {
  SnapshotCache cache;
  ConfigService::Options options;
  options.addresses = {"127.0.0.1:0"};
  options.tls = ConfigService::Tls{[] { return nullptr; }, [](std::string_view) { return Identity(); }};
  const auto started = ConfigService::Start(std::move(options), cache);
  CHECK(absl::IsFailedPrecondition(started.status()));
}

}  // namespace
}  // namespace portreeve
