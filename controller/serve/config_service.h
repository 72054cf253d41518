// Serves snapshots to data planes: the controller's end of proto/portreeve/config/v1/service.proto. Other replicas of
// the controller relay to it what their own data planes report.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/serve/authority.h"
#include "controller/serve/identity.h"
#include "controller/serve/snapshot_cache.h"

namespace portreeve::serve {

// One resource that a data plane could not compile or put to work.
struct Refusal {
  std::string key;
  std::string version;
  // "HTTPRoute team-a/shop"
  std::string origin;
  std::string field;
  std::string message;

  bool operator==(const Refusal&) const = default;
};

// What one data plane has said last.
struct DataPlaneReport {
  // As it asked: "NS/NAME", or "" for all Gateways.
  std::string gateway;
  std::string instance;
  // Name of its pod; empty if it didn't have to prove who it is.
  std::string pod;
  // False once its stream is gone: nothing is known of it any more.
  bool connected = true;
  // Version of the snapshot that it runs, but for `refused`.
  std::string snapshot;
  // All that it refuses now, not only of the last delta.
  std::vector<Refusal> refused;
  // Keys of the listeners that accept connections.
  std::vector<std::string> listening;
};

// Called by gRPC's threads, one call at a time and in order; must not block or call back into the service.
using VerdictListener = std::function<void(const DataPlaneReport&)>;

// A data plane may be known by more than one stream: its old one, whose end hasn't been noticed yet, or what another
// replica relays. What it said last counts. It is gone when no stream knows it any more.
class ConfigService {
 public:
  // A data plane is served when its ServiceAccount token proves that the Gateway it asks for is its own.
  struct Tls {
    // Asked at each handshake, by gRPC's threads: must not block. Not null from Start on.
    std::function<std::shared_ptr<const ServerCertificate>()> certificate;
    // Called by threads of the service, four at once. Only a controller may relay, and only a data plane is served.
    Authenticator authenticator;
    // A stream whose other end hasn't shown a token again for so long ends.
    std::chrono::milliseconds proof_deadline = std::chrono::minutes(15);
  };

  struct Options {
    // "unix:/run/portreeve/config.sock" (made with mode 0600) or "host:port". A socket is plain text, and whoever can
    // open it is believed. So is "host:port" without `tls`: loopback, or a network that is protected by other means.
    std::vector<std::string> addresses;
    std::optional<Tls> tls;
    // Of the controller's lease: a data plane that has seen a higher one isn't served.
    std::uint64_t epoch = 1;
    // Of all data planes, those that other replicas relay included.
    VerdictListener listener;
    // Of the data planes that are connected to this replica only: what it relays to the leader. Were relayed reports
    // relayed again, two replicas that take each other for the leader would send them back and forth for ever.
    VerdictListener local_listener;
  };

  // `cache` must outlive the service, which takes its watcher.
  static absl::StatusOr<std::unique_ptr<ConfigService>> Start(Options options, SnapshotCache& cache);

  // Ends all streams; takes a second at most, but for calls of the authenticator under way.
  ~ConfigService();
  ConfigService(const ConfigService&) = delete;
  ConfigService& operator=(const ConfigService&) = delete;

  // Every replica serves, and each with the epoch of the Lease as it reads it, leader or not: what they serve is the
  // same. Data planes are told at once, even if nothing else has changed, and from then on refuse replicas that don't
  // know of it: those that were paused or cut off, and may hold old objects. Therefore raise it only when what is
  // published is as new as the Lease. Lower values are ignored. Any thread.
  void SetEpoch(std::uint64_t epoch);
  // The highest so far. Who writes the Lease must not let it fall behind this, which can be when etcd was restored:
  // kube::Elector sees to that.
  std::uint64_t epoch() const;

  // The data planes of a Gateway that are connected now, here or as other replicas relay it; by instance, one each.
  std::vector<DataPlaneReport> DataPlanes(std::string_view gateway) const;
  // Those of all Gateways, by Gateway and instance.
  std::vector<DataPlaneReport> AllDataPlanes() const;

  // The ports taken, in the order of the addresses: for "host:0". 1 for a socket.
  const std::vector<int>& ports() const;

 private:
  struct Server;
  explicit ConfigService(std::unique_ptr<Server> server);

  std::unique_ptr<Server> server_;
};

}  // namespace portreeve::serve
