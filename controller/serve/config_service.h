// Serves snapshots to data planes: the controller's end of proto/portreeve/config/v1/service.proto.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

class ConfigService {
 public:
  struct Options {
    // "unix:/run/portreeve/config.sock" (made with mode 0600) or "host:port". The latter is plain text: loopback, or a
    // network that is protected by other means.
    std::vector<std::string> addresses;
    // Of the controller's lease: a data plane that has seen a higher one isn't served.
    std::uint64_t epoch = 1;
    VerdictListener listener;
  };

  // `cache` must outlive the service, which takes its watcher.
  static absl::StatusOr<std::unique_ptr<ConfigService>> Start(Options options, SnapshotCache& cache);

  // Ends all streams; takes a second at most.
  ~ConfigService();
  ConfigService(const ConfigService&) = delete;
  ConfigService& operator=(const ConfigService&) = delete;

  // The data planes of a Gateway that are connected now, by instance.
  std::vector<DataPlaneReport> DataPlanes(std::string_view gateway) const;

  // The ports taken, in the order of the addresses: for "host:0". 1 for a socket.
  const std::vector<int>& ports() const;

 private:
  struct Server;
  explicit ConfigService(std::unique_ptr<Server> server);

  std::unique_ptr<Server> server_;
};

}  // namespace portreeve::serve
