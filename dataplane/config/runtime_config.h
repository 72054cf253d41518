// What is run: the compiled form of one snapshot. Immutable; a request pins one from start to end.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/filter/filter_chain.h"
#include "dataplane/route/host_map.h"
#include "dataplane/route/route_table.h"
#include "dataplane/tls/certificate.h"
#include "dataplane/upstream/backend.h"

namespace portreeve::config {

struct WeightedBackend {
  static constexpr std::uint32_t kUnresolved = 0xFFFFFFFF;
  // Index in RuntimeConfig::backends. kUnresolved: 500 for its share of requests.
  std::uint32_t backend = kUnresolved;
  std::uint32_t weight = 0;
  filter::FilterChain filters;
  // Why it is unresolved, for the log.
  std::string unresolved;
};

// One rule of one HTTPRoute.
struct Rule {
  // "team-a/shop"
  std::string route;
  std::uint32_t index = 0;
  std::string name;
  filter::FilterChain filters;
  std::vector<WeightedBackend> backends;
  // Sum over `backends`; 0: 500 unless a filter answers.
  std::uint64_t total_weight = 0;
  // Unset: the data plane's default; 0: none.
  std::optional<std::chrono::milliseconds> request_timeout;
  std::optional<std::chrono::milliseconds> backend_request_timeout;
};

struct Listener {
  // Key of the resource: "listener/NS/GATEWAY/NAME".
  std::string key;
  // "NS/GATEWAY/NAME"
  std::string name;
  std::uint16_t port = 0;
  bool tls = false;
  // "" any, "*.example.com", or exact; lower case.
  std::string hostname;
  // In order of preference; empty with `tls`: no handshake of it completes.
  std::vector<std::shared_ptr<const tls::Certificate>> certificates;
  // Never null.
  std::shared_ptr<const route::RouteTable> routes;
  // Dense and stable for as long as the listener lives: index of its metric cells.
  std::uint32_t metrics_index = 0;
};

// All listeners of one port. They speak one protocol.
struct Port {
  std::uint16_t port = 0;
  bool tls = false;
  route::HostMap<std::shared_ptr<const Listener>> listeners;
  // Any one of them, for the log of what belongs to none.
  std::shared_ptr<const Listener> first;
};

struct RuntimeConfig {
  // Version of the snapshot.
  std::string version;
  absl::btree_map<std::uint16_t, std::shared_ptr<const Port>> ports;
  // By an index that stays a backend's own while it lives. Null: unused.
  std::vector<std::shared_ptr<const upstream::Backend>> backends;
};

}  // namespace portreeve::config
