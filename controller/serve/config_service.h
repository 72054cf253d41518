// Serves snapshots to data planes: the controller's end of proto/portreeve/config/v1/service.proto.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

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

// Called by gRPC's threads, in order for each data plane; must not block or call back into the service.
using VerdictListener = std::function<void(const DataPlaneReport&)>;

// The epoch of a Lease. It rises with each change of the leader, and also when somebody deletes the Lease and its count
// begins anew: without that, data planes would wait for the old count to be reached.
std::uint64_t EpochOf(absl::Time lease_created, std::uint32_t lease_transitions);

class ConfigService {
 public:
  // A data plane is served when its ServiceAccount token proves that the Gateway it asks for is its own.
  struct Tls {
    // Asked at each handshake, by gRPC's threads: must not block. Not null from Start on.
    std::function<std::shared_ptr<const ServerCertificate>()> certificate;
    // Called by threads of the service, four at once.
    Authenticator authenticator;
    // A stream whose data plane hasn't shown a token again for so long ends.
    std::chrono::milliseconds proof_deadline = std::chrono::minutes(15);
  };

  struct Options {
    // "unix:/run/portreeve/config.sock" (made with mode 0600) or "host:port". A socket is plain text, and whoever can
    // open it is believed. So is "host:port" without `tls`: loopback, or a network that is protected by other means.
    std::vector<std::string> addresses;
    std::optional<Tls> tls;
    // Of the controller's lease: a data plane that has seen a higher one isn't served.
    std::uint64_t epoch = 1;
    VerdictListener listener;
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
  // The highest so far. Who writes the Lease must not let it fall behind this, which can be when etcd was restored.
  std::uint64_t epoch() const;

  // The data planes of a Gateway that are connected now, by instance.
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
