// What the controller of a cluster tells on /metrics.
#pragma once

#include <prometheus/client_metric.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "controller/kube/kube_source.h"
#include "controller/provision/provisioner.h"
#include "controller/serve/authority_keeper.h"
#include "controller/status/status_writer.h"

namespace portreeve {

struct ClusterMetrics {
  std::vector<kube::KindReport> kinds;
  status::StatusWriter::Counts status_writes;
  provision::Provisioner::Counts provisioning;
  prometheus::ClientMetric translate;
  prometheus::ClientMetric acknowledge;
  std::size_t refused = 0;  // objects
  std::uint64_t events = 0;
  std::uint64_t epoch = 0;
  bool leader = false;
  serve::AuthorityKeeper::Health authority;
};

// Prometheus' text format.
std::string MetricsText(const ClusterMetrics& metrics);

}  // namespace portreeve
