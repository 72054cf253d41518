#include "dataplane/server/data_plane.h"

#include <sched.h>
#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/admin_server.h"
#include "common/version.h"
#include "dataplane/config/config_client.h"
#include "dataplane/server/listener_manager.h"
#include "dataplane/server/worker_server.h"

namespace portreeve::server {
namespace {

constexpr std::chrono::milliseconds kStopWait{500};

unsigned WorkerCount(unsigned asked) {
  if (asked > 0) return asked;
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) return 1;
  const int count = CPU_COUNT(&cpus);
  return count > 0 ? static_cast<unsigned>(count) : 1;
}

// Connections of one worker: the limit, or 45 % of the descriptors, so that each may have one upstream.
std::uint64_t ConnectionsPerWorker(const http::Limits& limits, unsigned workers) {
  std::uint64_t all = limits.max_connections;
  rlimit descriptors{};
  if (all == 0 && getrlimit(RLIMIT_NOFILE, &descriptors) == 0) all = descriptors.rlim_cur * 45 / 100;
  return all / workers > 0 ? all / workers : 1;
}

void RaiseDescriptorLimit() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

}  // namespace

struct DataPlane::State {
  Options options;
  proxy::ProxyOptions proxy_options;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<observe::AccessLogger> access_log;
  std::unique_ptr<observe::Metrics> metrics;
  std::vector<std::unique_ptr<net::Worker>> workers;
  std::vector<std::unique_ptr<WorkerServer>> servers;
  std::unique_ptr<ListenerManager> listeners;
  std::unique_ptr<config::ConfigClient> client;

  std::mutex mutex;
  std::condition_variable changed;
  bool draining = false;                            // guarded by mutex
  bool stopping = false;                            // guarded by mutex
  std::size_t drained = 0;                          // workers; guarded by mutex
  std::chrono::steady_clock::time_point drain_end;  // guarded by mutex

  void StartWorkers(unsigned count);
  void StopWorkers();
  void AddAdminPages();
  bool Ready();
};

void DataPlane::State::StartWorkers(unsigned count) {
  metrics = std::make_unique<observe::Metrics>(count);
  const auto ticket_keys = std::make_shared<tls::TicketKeys>();
  const std::uint64_t most = ConnectionsPerWorker(options.limits, count);
  std::vector<net::Worker*> plain_workers;
  std::vector<WorkerServer*> plain_servers;
  for (unsigned i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<net::Worker>(i));
    net::Worker& worker = *workers.back();
    worker.Start();
    servers.emplace_back();
    worker.Call([&] {
      servers.back() = std::make_unique<WorkerServer>(worker, proxy_options, *metrics, *access_log, ticket_keys, most);
    });
    plain_workers.push_back(&worker);
    plain_servers.push_back(servers.back().get());
  }
  listeners = std::make_unique<ListenerManager>(std::move(plain_workers), std::move(plain_servers));
}

void DataPlane::State::StopWorkers() {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    // Cut connections end in their own coroutines. One that is still connecting upstream may take longer than we wait:
    // then what it uses stays, and goes with the process.
    std::promise<void> ended;
    workers[i]->Call([&] { servers[i]->CloseAll([&ended] { ended.set_value(); }); });
    const bool clean = ended.get_future().wait_for(kStopWait) == std::future_status::ready;
    workers[i]->Call([&] {
      if (clean) {
        servers[i].reset();
      } else {
        servers[i]->Abandon();
        [[maybe_unused]] WorkerServer* const left = servers[i].release();
      }
    });
    workers[i]->Stop();
    workers[i]->Join();
    if (!clean) [[maybe_unused]]
      net::Worker* const left = workers[i].release();
  }
}

bool DataPlane::State::Ready() {
  {
    std::lock_guard lock(mutex);
    if (draining || stopping) return false;
  }
  return client != nullptr && client->ready();
}

void DataPlane::State::AddAdminPages() {
  admin->Handle("/healthz", [] { return AdminAnswer{200, "text/plain; charset=utf-8", "ok\n"}; });
  admin->Handle("/readyz", [this] {
    if (Ready()) return AdminAnswer{200, "text/plain; charset=utf-8", "ready\n"};
    return AdminAnswer{503, "text/plain; charset=utf-8", "not ready: no complete configuration yet, or draining\n"};
  });
  admin->Handle("/metrics", [this] {
    metrics->SetGauge("portreeve_access_log_dropped", "Lines that the access log's reader was too slow for.",
                      static_cast<double>(access_log->dropped()));
    metrics->SetGauge("portreeve_config_connected", "1: the stream to the controller stands.",
                      client != nullptr && client->connected() ? 1 : 0);
    metrics->SetGauge("portreeve_ready", "1: a complete snapshot is installed and no drain has begun.",
                      Ready() ? 1 : 0);
    return AdminAnswer{200, "text/plain; version=0.0.4; charset=utf-8", metrics->Expose()};
  });
  admin->Handle("/config", [this] {
    if (client == nullptr) return AdminAnswer{503, "application/json", "{}\n"};
    return AdminAnswer{200, "application/json", client->ConfigDump()};
  });
  admin->Handle("/version", [] {
    return AdminAnswer{200, "text/plain; charset=utf-8", std::string("portreeve ") + kVersion + "\n"};
  });
}

absl::StatusOr<std::unique_ptr<DataPlane>> DataPlane::Start(Options options) {
  if (!options.controller_ca.empty() && options.controller.starts_with("unix:")) {
    return absl::InvalidArgumentError("--controller-ca: a socket has no TLS; leave it out, or name HOST:PORT");
  }
  RaiseDescriptorLimit();
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  const Options& given = state->options;
  const unsigned workers = WorkerCount(given.workers);
  state->proxy_options.limits = given.limits;
  state->proxy_options.proxy_status = given.proxy_status;
  state->proxy_options.forwarded_headers = given.forwarded_headers;
  for (const std::string& network : given.trusted_proxies) {
    absl::Status added = state->proxy_options.trusted_proxies.Add(network);
    if (!added.ok()) return absl::InvalidArgumentError("--trusted-proxy: " + std::string(added.message()));
  }
  if (given.admin != "off") {
    auto admin = AdminServer::Create(given.admin);
    if (!admin.ok()) return admin.status();
    state->admin = std::move(*admin);
  }
  auto access_log = observe::AccessLogger::Open(given.access_log, workers);
  if (!access_log.ok()) return access_log.status();
  state->access_log = std::move(*access_log);

  state->StartWorkers(workers);
  config::ClientOptions client;
  client.controller = given.controller;
  client.gateway = given.gateway;
  client.state_folder = given.state_folder;
  client.ca_file = given.controller_ca;
  client.token_file = given.controller_token;
  client.server_name = given.controller_name;
  State* plain = state.get();
  std::unique_ptr<DataPlane> result(new DataPlane(std::move(state)));
  plain->client = config::ConfigClient::Start(std::move(client), *plain->listeners);
  if (plain->admin != nullptr) {
    plain->AddAdminPages();
    plain->admin->Start();
  }
  return result;
}

DataPlane::DataPlane(std::unique_ptr<State> state) : state_(std::move(state)) {}

DataPlane::~DataPlane() {
  Stop();
  state_->listeners->Freeze();
  state_->admin.reset();
  state_->client.reset();
  state_->StopWorkers();
  state_->access_log.reset();
}

void DataPlane::Drain() {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->draining || state_->stopping) return;
    state_->draining = true;
    state_->drain_end = std::chrono::steady_clock::now() + std::chrono::milliseconds(state_->options.limits.drain_ms);
  }
  // Whatever the configuration becomes now, the ports that are open stay so until the end.
  state_->listeners->Freeze();
  for (std::size_t i = 0; i < state_->workers.size(); ++i) {
    state_->workers[i]->Post([this, i] {
      state_->servers[i]->Drain([this] {
        std::lock_guard lock(state_->mutex);
        ++state_->drained;
        state_->changed.notify_all();
      });
    });
  }
  state_->changed.notify_all();
}

void DataPlane::Stop() {
  std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
}

void DataPlane::Wait() {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    if (state_->stopping || state_->drained == state_->workers.size()) return;
    if (!state_->draining) {
      state_->changed.wait(lock);
      continue;
    }
    if (state_->changed.wait_until(lock, state_->drain_end) == std::cv_status::timeout) return;
  }
}

bool DataPlane::ready() const {
  return state_->Ready();
}

int DataPlane::admin_port() const {
  return state_->admin != nullptr ? state_->admin->port() : 0;
}

}  // namespace portreeve::server
