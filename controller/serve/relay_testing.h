// For tests of relayed reports: replicas of a controller that serve over TLS, their data planes, and what each is told.
#pragma once

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "controller/serve/authority.h"
#include "controller/serve/config_service.h"
#include "controller/serve/report_relay.h"
#include "portreeve/config/v1/service.grpc.pb.h"

namespace portreeve::serve::testing {

inline constexpr std::chrono::seconds kDeadline(20);
inline constexpr char kServerName[] = "portreeve.portreeve-system.svc";

// Whose tokens are whose.
class Tokens {
 public:
  absl::StatusOr<Identity> Ask(std::string_view token) {
    std::lock_guard lock(mutex_);
    ++asked_[std::string(token)];
    changed_.notify_all();
    const auto found = known_.find(std::string(token));
    if (found == known_.end()) return absl::UnauthenticatedError("the token is refused: it has expired");
    return found->second;
  }
  void Set(const std::string& token, const Identity& identity) {
    std::lock_guard lock(mutex_);
    known_[token] = identity;
  }
  void Revoke(const std::string& token) {
    std::lock_guard lock(mutex_);
    known_.erase(token);
  }
  int asked(const std::string& token) {
    std::lock_guard lock(mutex_);
    return asked_[token];
  }
  // So many times more than when this is called.
  void WaitAsked(const std::string& token, int times) {
    std::unique_lock lock(mutex_);
    const int enough = asked_[token] + times;
    CHECK(changed_.wait_for(lock, kDeadline, [&] { return asked_[token] >= enough; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Identity> known_;
  std::map<std::string, int> asked_;
};

// What a listener is told.
class Reports {
 public:
  VerdictListener Listener() {
    return [this](const DataPlaneReport& report) { Add(report); };
  }
  void Add(const DataPlaneReport& report) {
    std::lock_guard lock(mutex_);
    all_.push_back(report);
    changed_.notify_all();
  }
  // The first one, after the one that the last call found, that `wanted` likes.
  DataPlaneReport WaitFor(const std::function<bool(const DataPlaneReport&)>& wanted) {
    std::unique_lock lock(mutex_);
    DataPlaneReport found;
    const bool came = changed_.wait_for(lock, kDeadline, [&] {
      while (next_ < all_.size()) {
        const DataPlaneReport& one = all_[next_++];
        if (!wanted(one)) continue;
        found = one;
        return true;
      }
      return false;
    });
    CHECK(came);
    return found;
  }
  DataPlaneReport WaitConnected(const std::string& instance) {
    return WaitFor([&](const DataPlaneReport& report) { return report.instance == instance && report.connected; });
  }
  DataPlaneReport WaitGone(const std::string& instance) {
    return WaitFor([&](const DataPlaneReport& report) { return report.instance == instance && !report.connected; });
  }
  std::vector<DataPlaneReport> all() const {
    std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<DataPlaneReport> all_;
  std::size_t next_ = 0;
};

// What the replicas have in common.
struct Cluster {
  Cluster() {
    tokens.Set("replica-token", Identity{.gateway = "", .pod = "controller-1", .controller = true});
    tokens.Set("gateway-token", Identity{.gateway = "ns/gw", .pod = "pod-1", .controller = false});
    Issue(authority);
  }

  static Authority NewAuthority() {
    absl::StatusOr<Authority> made = Authority::New(absl::Now());
    REQUIRE(made.ok());
    return *std::move(made);
  }
  void Issue(const Authority& by) {
    absl::StatusOr<ServerCertificate> issued = by.IssueServerCertificate({kServerName}, absl::Now());
    REQUIRE(issued.ok());
    certificate = std::make_shared<const ServerCertificate>(*std::move(issued));
  }
  // As a data plane or a replica makes it that means well.
  std::unique_ptr<config::v1::ConfigService::Stub> Connect(int port) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority.bundle();
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride(kServerName);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return config::v1::ConfigService::NewStub(
        grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), grpc::SslCredentials(options), arguments));
  }

  Tokens tokens;
  Authority authority = NewAuthority();
  std::shared_ptr<const ServerCertificate> certificate;
};

// A call that shows a token, until the end of the test.
inline void Prepare(grpc::ClientContext& context, const std::string& token) {
  context.AddMetadata("authorization", "Bearer " + token);
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
}

// One replica. Relays to wherever SetLeader says; at first to nobody.
class Replica {
 public:
  struct Options {
    std::chrono::milliseconds proof_deadline = std::chrono::minutes(15);
    std::chrono::milliseconds proof_period = std::chrono::minutes(5);
    // A socket, beside the port.
    std::string socket{};
  };

  Replica(Cluster& cluster, const std::string& name) : Replica(cluster, name, Options()) {}
  Replica(Cluster& cluster, const std::string& name, const Options& options)
      : cluster_(cluster), name_(name), options_(options) {
    Publish("1");
    StartRelay();
    StartService();
  }

  // At the same port, if there was one.
  void StartService() {
    service.reset();
    ConfigService::Options serving;
    serving.addresses = {absl::StrCat("127.0.0.1:", port)};
    if (!options_.socket.empty()) serving.addresses.push_back("unix:" + options_.socket);
    serving.tls = ConfigService::Tls{[this] { return cluster_.certificate; },
                                     [this](std::string_view token) { return cluster_.tokens.Ask(token); },
                                     options_.proof_deadline};
    serving.listener = reports.Listener();
    serving.local_listener = [this](const DataPlaneReport& report) {
      {
        std::lock_guard lock(mutex_);
        if (relay != nullptr) relay->Report(report);
      }
      local.Add(report);
    };
    absl::StatusOr<std::unique_ptr<ConfigService>> started = ConfigService::Start(std::move(serving), cache);
    INFO(started.status());
    REQUIRE(started.ok());
    service = *std::move(started);
    port = service->ports()[0];
  }
  void StartRelay() {
    ReportRelay::Options relaying;
    relaying.leader_address = [this] {
      std::lock_guard lock(mutex_);
      return leader_;
    };
    relaying.ca_pem = [this] {
      std::lock_guard lock(mutex_);
      return ca_;
    };
    relaying.server_name = kServerName;
    relaying.token = [this]() -> absl::StatusOr<SecretBytes> {
      std::lock_guard lock(mutex_);
      if (token_.empty()) return absl::UnavailableError("there is no token yet");
      return SecretBytes(token_);
    };
    relaying.instance = name_;
    relaying.proof_period = options_.proof_period;
    auto made = std::make_unique<ReportRelay>(std::move(relaying));
    std::lock_guard lock(mutex_);
    relay = std::move(made);
  }
  void StopRelay() {
    std::unique_ptr<ReportRelay> stopped;
    {
      std::lock_guard lock(mutex_);
      stopped = std::move(relay);
    }
  }
  // Empty: nobody.
  void SetLeader(const std::string& address) {
    {
      std::lock_guard lock(mutex_);
      leader_ = address;
    }
    relay->LeadershipChanged();
  }
  void SetToken(const std::string& token) {
    std::lock_guard lock(mutex_);
    token_ = token;
  }
  void SetCa(const std::string& bundle) {
    std::lock_guard lock(mutex_);
    ca_ = bundle;
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port); }
  // The version of a snapshot with one resource.
  std::string Publish(const std::string& version) {
    auto resource = std::make_shared<config::v1::Resource>();
    resource->set_key("listener/ns/gw/http");
    resource->set_version(version);
    cache.Publish({{"ns/gw", {{"listener/ns/gw/http", std::move(resource)}}}});
    return cache.Latest("ns/gw")->version;
  }

 private:
  Cluster& cluster_;
  const std::string name_;
  const Options options_;
  std::mutex mutex_;
  std::string leader_;
  std::string ca_ = cluster_.authority.bundle();
  std::string token_ = "replica-token";

 public:
  int port = 0;
  SnapshotCache cache;
  Reports reports;
  // Of its own data planes.
  Reports local;
  std::unique_ptr<ReportRelay> relay;
  std::unique_ptr<ConfigService> service;
};

// A data plane that accepts what the test tells it to.
class FakeDataPlane {
 public:
  FakeDataPlane(const Cluster& cluster, const Replica& replica, const std::string& instance)
      : stub_(cluster.Connect(replica.port)) {
    Prepare(context_, "gateway-token");
    stream_ = stub_->Stream(&context_);
    config::v1::DataPlaneMessage message;
    message.mutable_hello()->set_gateway("ns/gw");
    message.mutable_hello()->set_instance(instance);
    CHECK(stream_->Write(message));
  }
  ~FakeDataPlane() {
    context_.TryCancel();
    stream_->Finish();
  }
  FakeDataPlane(const FakeDataPlane&) = delete;
  FakeDataPlane& operator=(const FakeDataPlane&) = delete;

  // The next delta, and the verdict on it.
  void Install(const std::vector<Refusal>& refused = {}) {
    config::v1::Delta delta;
    REQUIRE(stream_->Read(&delta));
    nonce_ = delta.nonce();
    Say(refused, {"listener/ns/gw/http"});
  }
  // The last verdict, as it is now.
  void Say(const std::vector<Refusal>& refused, const std::vector<std::string>& listening) {
    config::v1::DataPlaneMessage message;
    config::v1::Verdict& verdict = *message.mutable_verdict();
    verdict.set_nonce(nonce_);
    verdict.set_result(config::v1::Verdict::INSTALLED);
    for (const Refusal& refusal : refused) {
      config::v1::Refusal& out = *verdict.add_refused();
      out.set_key(refusal.key);
      out.set_version(refusal.version);
      out.set_origin(refusal.origin);
      out.set_field(refusal.field);
      out.set_message(refusal.message);
    }
    for (const std::string& key : listening) verdict.add_listening(key);
    CHECK(stream_->Write(message));
  }

 private:
  const std::unique_ptr<config::v1::ConfigService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<config::v1::DataPlaneMessage, config::v1::Delta>> stream_;
  std::uint64_t nonce_ = 0;
};

}  // namespace portreeve::serve::testing
