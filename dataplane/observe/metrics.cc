#include "dataplane/observe/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace portreeve::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

template <typename Cells, std::uint32_t kMax, typename Row>
Cells& CellsOf(Row& row, std::uint32_t index) {
  std::atomic<Cells*>& slot = row[index <= kMax ? index : kMax];
  Cells* cells = slot.load(std::memory_order_relaxed);
  if (cells == nullptr) {
    cells = new Cells;
    slot.store(cells, std::memory_order_release);
  }
  return *cells;
}

template <typename Table>
std::uint32_t IndexOf(Table& table, std::uint32_t max, std::string_view name) {
  const auto found = table.names.find(name);
  if (found != table.names.end()) return found->second;
  if (table.names.size() >= max) return max;
  const auto index = static_cast<std::uint32_t>(table.names.size());
  table.names.emplace(std::string(name), index);
  return index;
}

void AddSample(MetricFamily& family, const Labels& labels, double value) {
  ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  if (family.type == MetricType::Gauge) {
    metric.gauge.value = value;
  } else {
    metric.counter.value = value;
  }
  family.metric.push_back(std::move(metric));
}

MetricFamily Family(std::string name, std::string help, MetricType type) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

// Sums `read(cells)` over all workers that have cells for `index`.
template <typename Table, typename Read>
std::uint64_t Sum(const Table& table, std::uint32_t index, Read read) {
  std::uint64_t sum = 0;
  for (const auto& row : table.cells) {
    const auto* cells = (*row)[index].load(std::memory_order_acquire);
    if (cells != nullptr) sum += read(*cells);
  }
  return sum;
}

template <typename Names>
std::vector<std::pair<std::string, std::uint32_t>> NamesAndOther(const Names& names, std::uint32_t max) {
  std::vector<std::pair<std::string, std::uint32_t>> result(names.begin(), names.end());
  if (names.size() >= max) result.emplace_back("other", max);
  return result;
}

}  // namespace

Metrics::Metrics(unsigned workers) {
  for (unsigned i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<WorkerCells>());
    listeners_.cells.push_back(std::make_unique<std::array<std::atomic<ListenerCells*>, kMaxListeners + 1>>());
    backends_.cells.push_back(std::make_unique<std::array<std::atomic<BackendCells*>, kMaxBackends + 1>>());
  }
}

Metrics::~Metrics() {
  for (auto& row : listeners_.cells) {
    for (auto& slot : *row) delete slot.load();
  }
  for (auto& row : backends_.cells) {
    for (auto& slot : *row) delete slot.load();
  }
}

ListenerCells& Metrics::listener(unsigned worker, std::uint32_t index) {
  return CellsOf<ListenerCells, kMaxListeners>(*listeners_.cells[worker], index);
}

BackendCells& Metrics::backend(unsigned worker, std::uint32_t index) {
  return CellsOf<BackendCells, kMaxBackends>(*backends_.cells[worker], index);
}

std::uint32_t Metrics::ListenerIndex(std::string_view name) {
  std::lock_guard lock(mutex_);
  return IndexOf(listeners_, kMaxListeners, name);
}

std::uint32_t Metrics::BackendIndex(std::string_view name) {
  std::lock_guard lock(mutex_);
  return IndexOf(backends_, kMaxBackends, name);
}

void Metrics::SetGauge(std::string name, std::string help, double value) {
  std::lock_guard lock(mutex_);
  gauges_[std::move(name)] = {std::move(help), value};
}

namespace {

struct ListenerFamilies {
  MetricFamily responses =
      Family("portreeve_responses_total", "Answers by where they arose and why; reason none: the backend's own.",
             MetricType::Counter);
  MetricFamily classes =
      Family("portreeve_response_classes_total", "Answers by class of status code.", MetricType::Counter);
  MetricFamily durations = Family("portreeve_request_duration_seconds",
                                  "From the first byte of a request to the last of its answer.", MetricType::Histogram);
  MetricFamily bytes_in =
      Family("portreeve_request_body_bytes_total", "Bytes of request bodies received.", MetricType::Counter);
  MetricFamily bytes_out =
      Family("portreeve_response_body_bytes_total", "Bytes of response bodies sent.", MetricType::Counter);
};

template <typename Table>
void CollectListener(const Table& table, const std::string& name, std::uint32_t index, ListenerFamilies& families) {
  for (std::size_t i = 0; i < http::kReasonCount; ++i) {
    const auto count = Sum(table, index, [&](const ListenerCells& cells) { return cells.reasons[i].value(); });
    if (count == 0) continue;
    const http::ReasonText& text = http::kReasonTexts[i];
    AddSample(families.responses,
              {{"listener", name},
               {"origin", std::string(http::OriginName(text.origin))},
               {"reason", std::string(text.word)}},
              static_cast<double>(count));
  }
  for (std::size_t i = 1; i < 6; ++i) {
    const auto count = Sum(table, index, [&](const ListenerCells& cells) { return cells.status_classes[i].value(); });
    if (count == 0) continue;
    AddSample(families.classes, {{"listener", name}, {"class", std::to_string(i) + "xx"}}, static_cast<double>(count));
  }
  ClientMetric histogram;
  histogram.label.push_back({"listener", name});
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= kDurationBounds.size(); ++i) {
    total += Sum(table, index, [&](const ListenerCells& cells) { return cells.durations[i].value(); });
    if (i == kDurationBounds.size()) break;
    histogram.histogram.bucket.push_back({total, static_cast<double>(kDurationBounds[i]) / 1e6});
  }
  histogram.histogram.sample_count = total;
  histogram.histogram.sample_sum =
      static_cast<double>(Sum(table, index, [](const ListenerCells& cells) { return cells.duration_sum_us.value(); })) /
      1e6;
  families.durations.metric.push_back(std::move(histogram));
  AddSample(families.bytes_in, {{"listener", name}},
            static_cast<double>(Sum(table, index, [](const ListenerCells& c) { return c.bytes_in.value(); })));
  AddSample(families.bytes_out, {{"listener", name}},
            static_cast<double>(Sum(table, index, [](const ListenerCells& c) { return c.bytes_out.value(); })));
}

template <typename Workers>
void CollectWorkers(const Workers& workers, std::vector<MetricFamily>& out) {
  const auto add = [&](const char* name, const char* help, MetricType type, Cell WorkerCells::* cell) {
    double sum = 0;
    for (const auto& worker : workers) sum += static_cast<double>(((*worker).*cell).value());
    out.push_back(Family(name, help, type));
    AddSample(out.back(), {}, sum);
  };
  add("portreeve_connections_total", "Connections accepted.", MetricType::Counter, &WorkerCells::connections);
  add("portreeve_connections_open", "Connections from clients that are open.", MetricType::Gauge,
      &WorkerCells::connections_open);
  add("portreeve_tls_handshakes_total", "TLS handshakes completed.", MetricType::Counter, &WorkerCells::tls_handshakes);
  add("portreeve_requests_open", "Requests in work.", MetricType::Gauge, &WorkerCells::requests_open);
  add("portreeve_upstream_connects_total", "Connections opened to endpoints.", MetricType::Counter,
      &WorkerCells::upstream_connects);
  add("portreeve_upstream_connections_open", "Connections to endpoints that are open.", MetricType::Gauge,
      &WorkerCells::upstream_connections_open);
  add("portreeve_upstream_reused_total", "Requests sent on a connection that had served one before.",
      MetricType::Counter, &WorkerCells::upstream_reused);
  add("portreeve_retries_total", "Tries after the first one.", MetricType::Counter, &WorkerCells::retries);
  MetricFamily failures = Family("portreeve_connection_failures_total",
                                 "Connections that ended before a request was read, by reason.", MetricType::Counter);
  for (std::size_t i = 0; i < http::kReasonCount; ++i) {
    double sum = 0;
    for (const auto& worker : workers) sum += static_cast<double>(worker->connection_failures[i].value());
    if (sum > 0) AddSample(failures, {{"reason", std::string(http::kReasonTexts[i].word)}}, sum);
  }
  out.push_back(std::move(failures));
}

}  // namespace

std::string Metrics::Expose() const {
  std::vector<MetricFamily> families;
  CollectWorkers(workers_, families);
  std::lock_guard lock(mutex_);
  ListenerFamilies listener;
  for (const auto& [name, index] : NamesAndOther(listeners_.names, kMaxListeners)) {
    CollectListener(listeners_, name, index, listener);
  }
  families.insert(families.end(),
                  {listener.responses, listener.classes, listener.durations, listener.bytes_in, listener.bytes_out});
  MetricFamily requests =
      Family("portreeve_upstream_requests_total", "Requests sent to a backend, retries included.", MetricType::Counter);
  MetricFamily failures =
      Family("portreeve_upstream_failures_total", "Tries that a backend failed: refused, reset, timed out, malformed.",
             MetricType::Counter);
  for (const auto& [name, index] : NamesAndOther(backends_.names, kMaxBackends)) {
    const Labels labels = {{"backend", name}};
    AddSample(requests, labels,
              static_cast<double>(Sum(backends_, index, [](const BackendCells& c) { return c.requests.value(); })));
    AddSample(failures, labels,
              static_cast<double>(Sum(backends_, index, [](const BackendCells& c) { return c.failures.value(); })));
  }
  families.push_back(std::move(requests));
  families.push_back(std::move(failures));
  for (const auto& [name, gauge] : gauges_) {
    families.push_back(Family(name, gauge.help, MetricType::Gauge));
    AddSample(families.back(), {}, gauge.value);
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace portreeve::observe
