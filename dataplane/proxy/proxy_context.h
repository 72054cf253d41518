// What the requests of one worker share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/config/runtime_config.h"
#include "dataplane/http/limits.h"
#include "dataplane/net/worker.h"
#include "dataplane/observe/access_logger.h"
#include "dataplane/observe/metrics.h"
#include "dataplane/proxy/cell_cache.h"
#include "dataplane/proxy/trusted_proxies.h"
#include "dataplane/upstream/balancer.h"
#include "dataplane/upstream/connection_pool.h"

namespace portreeve::proxy {

// The same for all workers; constant after start.
struct ProxyOptions {
  http::Limits limits;
  bool proxy_status = false;
  bool forwarded_headers = true;
  TrustedProxies trusted_proxies;
};

// One per worker; its thread only. As a Deadline it hands the access log over when little happens.
struct ProxyContext final : private net::Deadline {
  ProxyContext(net::Worker& owner, const ProxyOptions& proxy_options, observe::Metrics& all_metrics,
               observe::AccessLogger& logger)
      : Deadline(owner.wheel()),
        worker(owner),
        options(proxy_options),
        metric_cells(all_metrics, owner.index()),
        cells(all_metrics.worker(owner.index())),
        access_log(logger),
        pool(owner.poller(), owner.wheel(), proxy_options.limits, cells),
        balancer(pool, random) {}

  const http::Limits& limits() const { return options.limits; }
  unsigned index() const { return worker.index(); }

  void Log(const observe::AccessLogEntry& entry) {
    access_log.Log(index(), entry);
    if (!armed()) Arm(net::Clock::now() + net::DeadlineWheel::kTick);
  }

  net::Worker& worker;
  const ProxyOptions& options;
  CellCache metric_cells;
  observe::WorkerCells& cells;
  observe::AccessLogger& access_log;
  upstream::Random random;
  upstream::ConnectionPool pool;
  upstream::Balancer balancer;
  // What new requests run. Its reference count is this worker's own: pinning it touches no line of another core.
  std::shared_ptr<const config::RuntimeConfig> config;

 private:
  void OnDeadline() override { access_log.Flush(index()); }
};

// What is known about a client connection before its first request. Outlives its exchanges.
struct ConnectionFacts {
  std::uint16_t port = 0;
  bool tls = false;
  std::string client;
  // TLS: as in SNI; the summary for the log.
  std::string server_name;
  std::string tls_summary;
};

}  // namespace portreeve::proxy
