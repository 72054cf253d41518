#include "controller/kube/kube_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/log.h"
#include "controller/kube/fault_api_server.h"

namespace portreeve::kube {
namespace {

using gatewayapi::Kind;
using gatewayapi::ObjectKey;
using nlohmann::json;
using std::chrono::milliseconds;
using Seen = FaultApiServer::Seen;
using Fault = FaultApiServer::Fault;

const std::string kRoutes = "/apis/gateway.networking.k8s.io/v1/httproutes";
const std::string kSecrets = "/api/v1/secrets";
const std::string kMaps = "/api/v1/configmaps";
const std::string kCrds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

json Route(const std::string& name, const std::string& path = "/", const std::string& space = "ns") {
  return {{"metadata", {{"name", name}, {"namespace", space}}},
          {"spec", {{"rules", {{{"matches", {{{"path", {{"value", path}}}}}}}}}}}};
}

json Secret(const std::string& name, const std::string& base64 = "c2VjcmV0") {
  return {{"metadata", {{"name", name}, {"namespace", "ns"}}}, {"type", "Opaque"}, {"data", {{"key", base64}}}};
}

ObjectKey SecretKey(const std::string& name) {
  return {Kind::kSecret, "ns", name};
}

json Crd(const std::string& name, const std::string& bundle) {
  return {
      {"metadata",
       {{"name", name},
        {"annotations",
         {{"gateway.networking.k8s.io/bundle-version", bundle}, {"gateway.networking.k8s.io/channel", "standard"}}}}},
      {"spec", {{"versions", {{{"name", "v1"}, {"served", true}}}}}}};
}

KubeSourceOptions Quick() {
  KubeSourceOptions options;
  options.reflector.first_wait = milliseconds(5);
  options.reflector.longest_wait = milliseconds(80);
  options.reflector.shortest_watch = milliseconds(20);
  options.reflector.missing_wait = milliseconds(60'000);
  options.reflector.grace = milliseconds(100);
  options.settle_time = milliseconds(200);
  return options;
}

// The loop that reads a source, step by step.
class Rig {
 public:
  Rig() { server.ServeAll(); }

  void Start(const KubeSourceOptions& options = Quick()) {
    probe = std::make_unique<ServerProbe>(server.NewClient(), milliseconds(20));
    source = std::make_unique<KubeSource>(*probe, server.NewClient(), options);
  }
  // One turn, when there is something to read. It says what it wants as soon as it can know.
  void Turn() {
    pollfd ready{source->fd(), POLLIN, 0};
    if (poll(&ready, 1, 5) == 0) return;
    batches.push_back(source->Read());
    for (const source::ResourceEvent& event : batches.back().events) {
      if (event.type == source::ResourceEvent::Type::kApplied) {
        objects[event.key] = event.object;
      } else {
        objects.erase(event.key);
      }
    }
    if (source->listed()) source->SetWanted(wanted);
  }
  bool Until(const std::function<bool()>& holds) {
    return Eventually([&] {
      if (holds()) return true;
      Turn();
      return holds();
    });
  }
  bool Complete() {
    return Until([&] { return source->complete(); });
  }
  bool Has(const ObjectKey& key) const { return objects.contains(key); }
  KindReport Report(std::string_view kind) const {
    for (const KindReport& report : source->Report()) {
      if (report.kind == kind) return report;
    }
    return {};
  }

  FaultApiServer server;
  std::unique_ptr<ServerProbe> probe;
  std::unique_ptr<KubeSource> source;
  std::set<ObjectKey> wanted;
  std::map<ObjectKey, gatewayapi::Object> objects;
  std::vector<source::SourceBatch> batches;
};

// What is logged while it lives.
class LogLines {
 public:
  LogLines() {
    const int fd = mkostemp(path_, O_CLOEXEC);
    REQUIRE(fd >= 0);
    fd_ = fd;
    log::SetLevel(log::Level::kInfo);
    log::SetOutput(fd_);
  }
  ~LogLines() {
    log::Flush();
    log::SetOutput(STDERR_FILENO);
    close(fd_);
    unlink(path_);
  }
  // The lines with this text.
  std::vector<std::string> With(const std::string& text) const {
    log::Flush();
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      if (line.find(text) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

 private:
  char path_[40] = "/tmp/kube-source-test-XXXXXX";
  int fd_ = -1;
};

// --- the start ------------------------------------------------------------------------------------------------------

TEST_CASE("Before everything has been read there is no word that it has, whatever kind is late") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.server.SetFault([](const Seen& seen) {
    return Fault{.hang = seen.list() && seen.collection == "/apis/discovery.k8s.io/v1/endpointslices"};
  });
  rig.Start();
  REQUIRE(rig.Until([&] { return rig.Has({Kind::kHTTPRoute, "ns", "a"}); }));
  const auto others = [&] {
    return std::ranges::count_if(rig.source->Report(), [](const KindReport& report) { return report.status.read; });
  };
  REQUIRE(rig.Until([&] { return others() == 10; }));
  CHECK_FALSE(rig.source->listed());
  CHECK_FALSE(rig.source->complete());
  rig.server.SetFault(nullptr);
  rig.server.EndHangs();
  CHECK(rig.Complete());
}

TEST_CASE("Without a server there is nothing, and all of it when the server comes") {
  LogLines lines;
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.server.Down();
  KubeSourceOptions options = Quick();
  options.reflector.first_wait = milliseconds(60'000);
  options.reflector.longest_wait = milliseconds(60'000);
  rig.Start(options);
  REQUIRE(rig.Until([&] {
    return std::ranges::all_of(rig.source->Report(),
                               [](const KindReport& report) { return report.status.unreachable; });
  }));
  CHECK_FALSE(rig.source->complete());
  CHECK(rig.objects.empty());
  rig.server.Up();
  // Their own waits are long: it is the probe that wakes them.
  CHECK(rig.Complete());
  CHECK(rig.Has({Kind::kHTTPRoute, "ns", "a"}));
  CHECK(lines.With("the API server can't be reached; what is known stays in service").size() == 1);
  CHECK(lines.With("the API server is reached again").size() == 1);
}

TEST_CASE("What is told with complete() holds everything that there was") {
  for (int round = 0; round < 8; ++round) {
    Rig rig;
    for (int i = 0; i < 30; ++i) {
      rig.server.Put(kRoutes, Route("r" + std::to_string(i)));
      rig.server.Put(kSecrets, Secret("s" + std::to_string(i)));
      rig.wanted.insert(SecretKey("s" + std::to_string(i)));
    }
    rig.Start();
    REQUIRE(rig.Complete());
    CHECK(rig.objects.size() == 60);
    CHECK(rig.source->settled());
  }
}

TEST_CASE("Who never says what is wanted is never told that it is complete") {
  Rig rig;
  rig.Start();
  REQUIRE(Eventually([&] {
    rig.source->Read();
    return rig.source->listed();
  }));
  rig.source->Read();
  CHECK_FALSE(rig.source->complete());
  rig.source->SetWanted({});
  pollfd ready{rig.source->fd(), POLLIN, 0};
  CHECK(poll(&ready, 1, 10'000) == 1);
  rig.source->Read();
  CHECK(rig.source->complete());
}

TEST_CASE("A server that is away while wanted objects are fetched holds the word back") {
  Rig rig;
  rig.server.Put(kSecrets, Secret("s"));
  rig.wanted = {SecretKey("s")};
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.name.empty()) return std::nullopt;
    return Fault{.status = 500};
  });
  rig.Start();
  const auto fetches = [&] { return rig.server.Count([](const Seen& seen) { return !seen.name.empty(); }); };
  REQUIRE(rig.Until([&] { return fetches() >= 3; }));
  CHECK_FALSE(rig.source->complete());
  rig.server.SetFault(nullptr);
  REQUIRE(rig.Complete());
  CHECK(rig.Has(SecretKey("s")));
}

// --- Secrets and ConfigMaps -----------------------------------------------------------------------------------------

TEST_CASE("Only what is wanted is kept, fetched singly, and followed") {
  Rig rig;
  for (int i = 0; i < 700; ++i) rig.server.Put(kSecrets, Secret("other" + std::to_string(i)));
  rig.server.Put(kSecrets, Secret("tls"));
  rig.wanted = {SecretKey("tls"), SecretKey("ghost")};
  rig.Start();
  REQUIRE(rig.Complete());
  CHECK(rig.Has(SecretKey("tls")));
  CHECK(rig.Report("Secret").objects == 701);
  CHECK(rig.Report("Secret").kept == 1);
  CHECK(rig.server.Count([](const Seen& seen) { return seen.collection == kSecrets && !seen.name.empty(); }) == 1);

  rig.server.Put(kSecrets, Secret("tls", "bmV3"));
  CHECK(rig.Until([&] {
    return std::get<gatewayapi::Ptr<gatewayapi::Secret>>(rig.objects.at(SecretKey("tls")))->data.at("key").Reveal() ==
           "new";
  }));
  rig.server.Put(kSecrets, Secret("ghost"));
  CHECK(rig.Until([&] { return rig.Has(SecretKey("ghost")); }));
  rig.server.Delete(kSecrets, "ns", "tls");
  CHECK(rig.Until([&] { return !rig.Has(SecretKey("tls")); }));
  rig.source->SetWanted({});
  rig.wanted = {};
  CHECK(rig.Until([&] { return !rig.Has(SecretKey("ghost")); }));
  CHECK(rig.Report("Secret").kept == 0);
}

TEST_CASE("What becomes wanted later isn't settled until it is there, or has taken too long") {
  Rig rig;
  rig.server.Put(kSecrets, Secret("tls"));
  rig.Start();
  REQUIRE(rig.Complete());
  CHECK(rig.source->settled());
  const bool late = GENERATE(false, true);
  rig.server.SetFault([late](const Seen& seen) {
    return Fault{.status = late && !seen.name.empty() ? 500 : 0, .hang = !late && !seen.name.empty()};
  });
  rig.wanted = {SecretKey("tls")};
  rig.source->SetWanted(rig.wanted);
  rig.source->Read();
  CHECK_FALSE(rig.source->settled());
  CHECK(rig.source->complete());
  if (!late) {
    rig.server.SetFault(nullptr);
    rig.server.EndHangs();
  }
  CHECK(rig.Until([&] { return rig.source->settled(); }));
  CHECK(rig.Has(SecretKey("tls")) == !late);
}

TEST_CASE("An object that may be listed but not read is said, and waited for no longer") {
  LogLines lines;
  Rig rig;
  rig.server.Put(kMaps, {{"metadata", {{"name", "ca"}, {"namespace", "ns"}}}, {"data", {{"ca.crt", "x"}}}});
  rig.wanted = {{Kind::kConfigMap, "ns", "ca"}};
  rig.server.SetFault([](const Seen& seen) { return Fault{.status = seen.name.empty() ? 0 : 403}; });
  rig.Start();
  CHECK(rig.Complete());
  CHECK_FALSE(rig.Has({Kind::kConfigMap, "ns", "ca"}));
  const auto said = lines.With("RBAC forbids to read an object that is referred to");
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("ConfigMap ns/ca") != std::string::npos);
}

// --- one kind is not like the others --------------------------------------------------------------------------------

TEST_CASE("A kind without rights stops no other, and says once which rule is missing") {
  LogLines lines;
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection != kSecrets) return std::nullopt;
    return Fault{.status = 403, .message = "secrets is forbidden"};
  });
  rig.Start();
  REQUIRE(rig.Complete());
  CHECK(rig.Has({Kind::kHTTPRoute, "ns", "a"}));
  CHECK(rig.Report("Secret").status.state == WatchState::kForbidden);
  REQUIRE(Eventually([&] { return rig.Report("Secret").status.failures > 8; }));
  const auto said = lines.With("RBAC forbids to read a kind");
  REQUIRE(said.size() == 1);
  const json line = json::parse(said[0]);
  CHECK(line["kind"] == "Secret");
  CHECK(line["remedy"].get<std::string>().find(
            R"({apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"]})") != std::string::npos);
  rig.server.SetFault(nullptr);
  rig.server.Put(kSecrets, Secret("s"));
  rig.wanted = {SecretKey("s")};
  rig.source->SetWanted(rig.wanted);
  CHECK(rig.Until([&] { return rig.Has(SecretKey("s")); }));
}

TEST_CASE("A kind without its CRD is off with one line, and on as soon as the CRD is there") {
  LogLines lines;
  Rig rig;
  rig.server.Withdraw(kRoutes);
  rig.Start();
  REQUIRE(rig.Complete());
  CHECK(rig.Report("HTTPRoute").status.state == WatchState::kMissing);
  CHECK(lines.With("a kind is off until its CRD is there").size() == 1);
  rig.server.Serve(kRoutes);
  rig.server.Put(kRoutes, Route("a"));
  rig.server.Put(kCrds, Crd("httproutes.gateway.networking.k8s.io", "v1.7.0"));
  CHECK(rig.Until([&] { return rig.Has({Kind::kHTTPRoute, "ns", "a"}); }));
  CHECK(Eventually([&] { return lines.With("a kind is on: its CRD is there").size() == 1; }));
}

TEST_CASE("CRDs tell their bundle's version and channel, and wake the reader when they change") {
  Rig rig;
  rig.server.Put(kCrds, Crd("gateways.gateway.networking.k8s.io", "v1.6.0"));
  rig.server.Put(kCrds, Crd("widgets.example.com", "v9"));
  rig.Start();
  REQUIRE(rig.Complete());
  REQUIRE(rig.source->Crds().size() == 1);
  CHECK(rig.source->Crds()[0].bundle_version == "v1.6.0");
  CHECK(rig.source->VersionProblem().empty());
  rig.server.Put(kCrds, Crd("gateways.gateway.networking.k8s.io", "v1.9.1"));
  CHECK(rig.Until([&] { return !rig.source->VersionProblem().empty(); }));
  CHECK(rig.source->VersionProblem() ==
        "CustomResourceDefinition gateways.gateway.networking.k8s.io is of v1.9.1 of the Gateway API, and this release "
        "knows v1.1 to v1.7: what is new there may be ignored; install v1.7.0, or upgrade Portreeve");
  rig.server.Put(kCrds, Crd("gateways.gateway.networking.k8s.io", "v1.7.0"));
  CHECK(rig.Until([&] { return rig.source->Crds()[0].bundle_version == "v1.7.0"; }));
  rig.server.Delete(kCrds, "", "gateways.gateway.networking.k8s.io");
  CHECK(rig.Until([&] { return rig.source->Crds().empty(); }));
}

TEST_CASE("Only the namespaces that are named are read") {
  Rig rig;
  for (const char* space : {"one", "two", "three"}) rig.server.Put(kRoutes, Route("r", "/", space));
  KubeSourceOptions options = Quick();
  options.watch_namespaces = {"one", "two"};
  rig.Start(options);
  REQUIRE(rig.Complete());
  CHECK(rig.objects.size() == 2);
  rig.server.Put(kRoutes, Route("later", "/", "three"));
  rig.server.Put(kRoutes, Route("later", "/", "two"));
  CHECK(rig.Until([&] { return rig.Has({Kind::kHTTPRoute, "two", "later"}); }));
  CHECK(rig.objects.size() == 3);
  const auto all =
      rig.server.Count([](const Seen& seen) { return seen.collection == kRoutes && seen.namespace_.empty(); });
  CHECK(all == 0);
  // What has no namespace is read as ever.
  CHECK(rig.Report("GatewayClass").namespace_.empty());
}

// --- what a batch is ------------------------------------------------------------------------------------------------

TEST_CASE("In a batch deletions go first, then by key, and each object is there once") {
  Rig rig;
  for (const char* name : {"a", "b", "c"}) rig.server.Put(kRoutes, Route(name));
  rig.Start();
  REQUIRE(rig.Complete());
  rig.server.Put(kRoutes, Route("z", "/1"));
  rig.server.Put(kRoutes, Route("z", "/2"));
  rig.server.Put(kRoutes, Route("a", "/2"));
  rig.server.Delete(kRoutes, "ns", "c");
  rig.server.Delete(kRoutes, "ns", "b");
  REQUIRE(Eventually([&] { return rig.Report("HTTPRoute").status.events == 5; }));
  const source::SourceBatch batch = rig.source->Read();
  std::vector<std::string> told;
  for (const source::ResourceEvent& event : batch.events) {
    told.push_back((event.type == source::ResourceEvent::Type::kApplied ? "+" : "-") + event.key.name);
  }
  CHECK(told == std::vector<std::string>{"-b", "-c", "+a", "+z"});
  CHECK(rig.source->Read().events.empty());
  CHECK_FALSE(rig.source->PlaceOf({Kind::kHTTPRoute, "ns", "a"}));
}

TEST_CASE("An object that is refused stays as it was, and its problem is told until it is right") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a", "/good"));
  rig.Start();
  REQUIRE(rig.Complete());
  rig.batches.clear();
  rig.server.Put(kRoutes, Route("a", "bad"));
  REQUIRE(rig.Until([&] { return !rig.source->AllProblems().empty(); }));
  rig.Turn();
  CHECK(rig.Has({Kind::kHTTPRoute, "ns", "a"}));
  const std::vector<gatewayapi::Problem> problems = rig.source->AllProblems();
  REQUIRE(problems.size() == 1);
  CHECK(
      problems[0].ToString().starts_with("cluster: error: HTTPRoute ns/a: spec.rules[0].matches[0].path.value: must "));
  std::size_t fresh = 0;
  for (const source::SourceBatch& batch : rig.batches) fresh += batch.problems.size();
  CHECK(fresh == 1);
  rig.server.Put(kRoutes, Route("a", "/better"));
  CHECK(rig.Until([&] { return rig.source->AllProblems().empty(); }));
}

TEST_CASE("Where the server answers probes but fails lists, they are tried once more, and then in their own time") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  KubeSourceOptions options = Quick();
  options.reflector.first_wait = milliseconds(60'000);
  options.reflector.longest_wait = milliseconds(60'000);
  const auto failing = [](const Seen& seen) -> std::optional<Fault> {
    if (seen.collection != kRoutes) return std::nullopt;
    return Fault{.status = 500};
  };
  rig.server.SetFault(failing);
  rig.Start(options);
  const auto probes = [&] { return rig.server.Count([](const Seen& seen) { return seen.collection.empty(); }); };
  REQUIRE(Eventually([&] { return probes() > 5; }));
  CHECK(rig.server.Count([](const Seen& seen) { return seen.collection == kRoutes; }) == 2);
}

TEST_CASE("A source goes while everything hangs, without a word of complaint") {
  LogLines lines;
  Rig rig;
  rig.server.SetFault([](const Seen&) { return Fault{.hang = true}; });
  rig.Start();
  REQUIRE(Eventually([&] { return rig.server.Requests().size() >= 11; }));
  const auto before = std::chrono::steady_clock::now();
  rig.source.reset();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
  CHECK(lines.With("\"warning\"").empty());
}

}  // namespace
}  // namespace portreeve::kube
