#include "controller/cluster_metrics.h"

#include <absl/time/time.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <utility>

namespace portreeve {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

MetricFamily Family(const char* name, const char* help, MetricType type) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void Add(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

Labels KindLabels(const kube::KindReport& report) {
  Labels labels = {{"kind", std::string(report.kind)}};
  if (!report.namespace_.empty()) labels.push_back({"namespace", report.namespace_});
  return labels;
}

void AddKinds(const std::vector<kube::KindReport>& kinds, std::vector<MetricFamily>& families) {
  MetricFamily objects = Family("portreeve_controller_objects", "Objects that the API server has", MetricType::Gauge);
  MetricFamily kept = Family("portreeve_controller_objects_kept", "Objects kept in memory", MetricType::Gauge);
  MetricFamily state =
      Family("portreeve_controller_watch_state", "1 for the state that the watch of a kind is in", MetricType::Gauge);
  MetricFamily events = Family("portreeve_controller_watch_events_total", "Events of watches", MetricType::Counter);
  MetricFamily lists = Family("portreeve_controller_lists_total", "Lists begun", MetricType::Counter);
  MetricFamily failures =
      Family("portreeve_controller_watch_failures_total", "Failures of lists and watches", MetricType::Counter);
  for (const kube::KindReport& report : kinds) {
    const Labels labels = KindLabels(report);
    Add(objects, labels, static_cast<double>(report.objects));
    Add(kept, labels, static_cast<double>(report.kept));
    for (const kube::WatchState one : kube::kAllWatchStates) {
      Labels with_state = labels;
      with_state.push_back({"state", std::string(kube::ToString(one))});
      Add(state, std::move(with_state), one == report.status.state ? 1 : 0);
    }
    Add(events, labels, static_cast<double>(report.status.events));
    Add(lists, labels, static_cast<double>(report.status.lists));
    Add(failures, labels, static_cast<double>(report.status.failures));
  }
  for (MetricFamily* family : {&objects, &kept, &state, &events, &lists, &failures}) {
    families.push_back(std::move(*family));
  }
}

void AddResults(const char* name, const char* help,
                std::initializer_list<std::pair<const char*, std::uint64_t>> results,
                std::vector<MetricFamily>& families) {
  MetricFamily family = Family(name, help, MetricType::Counter);
  for (const auto& [result, count] : results) Add(family, {{"result", result}}, static_cast<double>(count));
  families.push_back(std::move(family));
}

void AddOne(const char* name, const char* help, MetricType type, double value, std::vector<MetricFamily>& families) {
  MetricFamily family = Family(name, help, type);
  Add(family, {}, value);
  families.push_back(std::move(family));
}

void AddHistogram(const char* name, const char* help, const ClientMetric& metric, std::vector<MetricFamily>& families) {
  families.push_back(Family(name, help, MetricType::Histogram));
  families.back().metric.push_back(metric);
}

}  // namespace

std::string MetricsText(const ClusterMetrics& metrics) {
  std::vector<MetricFamily> families;
  AddKinds(metrics.kinds, families);
  AddHistogram("portreeve_controller_translate_seconds", "How long translations took", metrics.translate, families);
  AddHistogram("portreeve_controller_acknowledge_seconds", "From an event to the acknowledgement of a data plane",
               metrics.acknowledge, families);
  AddOne("portreeve_controller_refusals", "Objects that are refused in whole or in part", MetricType::Gauge,
         static_cast<double>(metrics.refused), families);
  AddResults("portreeve_controller_status_writes_total", "Requests that write a status",
             {{"written", metrics.status_writes.written},
              {"conflict", metrics.status_writes.conflicts},
              {"failed", metrics.status_writes.failures}},
             families);
  AddResults("portreeve_controller_provisioned_total", "Requests that make or remove objects of data planes",
             {{"applied", metrics.provisioning.applied},
              {"deleted", metrics.provisioning.deleted},
              {"failed", metrics.provisioning.failures}},
             families);
  AddOne("portreeve_controller_events_total", "Events written", MetricType::Counter,
         static_cast<double>(metrics.events), families);
  AddOne("portreeve_controller_leader", "1 if this replica leads", MetricType::Gauge, metrics.leader ? 1 : 0, families);
  // The other half says when the Lease was made. A sample is a double, and doesn't hold both.
  AddOne("portreeve_controller_epoch", "How often the lease has changed hands", MetricType::Gauge,
         static_cast<double>(metrics.epoch & 0xFFFF'FFFFU), families);
  AddOne("portreeve_controller_authority_not_after_seconds", "When the controllers' authority expires, Unix time",
         MetricType::Gauge, absl::ToDoubleSeconds(metrics.authority.authority_not_after - absl::UnixEpoch()), families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace portreeve
