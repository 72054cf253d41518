#include "controller/cluster_controller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

#include "common/admin_server.h"
#include "common/log.h"
#include "common/version.h"
#include "controller/cluster_metrics.h"
#include "controller/kube/elector.h"
#include "controller/kube/http_api_client.h"
#include "controller/kube/kube_config.h"
#include "controller/kube/kube_source.h"
#include "controller/managed_watch.h"
#include "controller/provision/provisioner.h"
#include "controller/reconcile_loop.h"
#include "controller/serve/authority_keeper.h"
#include "controller/serve/config_service.h"
#include "controller/serve/token_reviewer.h"
#include "controller/status/event_recorder.h"
#include "controller/status/status_loop.h"
#include "controller/status/status_writer.h"

namespace portreeve {
namespace {

constexpr std::chrono::seconds kTick(1);
constexpr std::chrono::seconds kAuthorityRetry(2);

absl::StatusOr<std::unique_ptr<kube::ApiClient>> Connect(const kube::KubeConfig& config) {
  auto client = kube::HttpApiClient::Create(config.server);
  if (!client.ok()) return client.status();
  return *std::move(client);
}

// "18000" of "0.0.0.0:18000".
std::string PortOf(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

}  // namespace

struct ClusterController::Parts {
  explicit Parts(const ClusterOptions& given) : options(given) {}
  ~Parts() { Stop(); }

  absl::Status Start();
  void StartElector(std::unique_ptr<kube::ApiClient> client);
  absl::Status WaitForCertificate();
  void StartWriters(std::unique_ptr<kube::ApiClient> watch_client);
  absl::Status StartService();
  absl::Status StartAdmin();
  void Stop();

  bool leading() const { return elector != nullptr && elector->leader(); }
  // What was translated goes to whoever acts on it.
  void Observe(const std::shared_ptr<const store::ClusterState>& state, const translate::Translation& translation);
  void TellLeadership();
  // Once a second: what shows only on a clock, or in another replica's doings.
  void Tick();

  const ClusterOptions options;
  std::unique_ptr<kube::ApiClient> api;
  std::unique_ptr<kube::Elector> elector;
  serve::SnapshotCache cache;
  std::unique_ptr<serve::AuthorityKeeper> authority;
  std::unique_ptr<status::EventRecorder> events;
  std::unique_ptr<status::StatusWriter> writer;
  std::unique_ptr<status::StatusLoop> statuses;
  std::unique_ptr<provision::Provisioner> provisioner;
  std::unique_ptr<ManagedWatch> managed;
  std::unique_ptr<serve::TokenReviewer> reviewer;
  std::unique_ptr<kube::KubeSource> source;
  std::unique_ptr<ReconcileLoop> loop;
  std::unique_ptr<serve::ConfigService> service;
  std::unique_ptr<AdminServer> admin;
  std::atomic<bool> published = false;

  std::mutex mutex;
  std::condition_variable changed;
  serve::AuthorityKeeper::Owners owners;  // as of the last translation; guarded by mutex
  bool stopping = false;                  // guarded by mutex
  std::thread loop_thread;
  std::thread tick_thread;
};

absl::Status ClusterController::Parts::Start() {
  kube::KubeConfigSearch search;
  search.file = options.kubeconfig;
  auto config = kube::FindKubeConfig(search);
  if (!config.ok()) return config.status();
  log::Info("following the API server", {{"server", config->server.url}, {"config", config->origin}});
  std::array<std::unique_ptr<kube::ApiClient>, 4> clients;
  for (auto& client : clients) {
    auto connected = portreeve::Connect(*config);
    if (!connected.ok()) return connected.status();
    client = *std::move(connected);
  }
  api = std::move(clients[0]);
  if (absl::Status status = StartAdmin(); !status.ok()) return status;
  StartElector(std::move(clients[1]));
  if (absl::Status status = WaitForCertificate(); !status.ok()) return status;
  StartWriters(std::move(clients[2]));
  kube::KubeSourceOptions source_options;
  source_options.watch_namespaces = options.watch_namespaces;
  source = std::make_unique<kube::KubeSource>(std::move(clients[3]), std::move(source_options));
  ReconcileLoop::Options loop_options;
  loop_options.translator = {.allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true};
  loop_options.observer = [this](const auto& state, const auto& translation) { Observe(state, translation); };
  loop = std::make_unique<ReconcileLoop>(*source, cache, std::move(loop_options));
  if (absl::Status status = StartService(); !status.ok()) return status;
  loop_thread = std::thread([this] { loop->Run(); });
  tick_thread = std::thread([this] { Tick(); });
  return absl::OkStatus();
}

void ClusterController::Parts::StartElector(std::unique_ptr<kube::ApiClient> client) {
  kube::ElectorOptions elector_options;
  elector_options.namespace_ = options.ns;
  elector_options.identity = kube::UniqueIdentity(options.pod);
  elector_options.on_change = [this](bool /*leader*/) { TellLeadership(); };
  elector = std::make_unique<kube::Elector>(std::move(client), std::move(elector_options));
}

absl::Status ClusterController::Parts::WaitForCertificate() {
  serve::AuthorityKeeper::Options keeper;
  keeper.ns = options.ns;
  keeper.dns_names = {options.service_name, absl::StrCat(options.service_name, ".cluster.local")};
  authority = std::make_unique<serve::AuthorityKeeper>(*api, std::move(keeper));
  std::string said;
  while (authority->certificate() == nullptr) {
    const absl::Status status = authority->Refresh();
    if (authority->certificate() != nullptr) break;
    if (said != status.ToString())
      log::Error("no certificate to serve data planes with; it is tried again",
                 {{"reason", std::string(status.message())}});
    said = status.ToString();
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, kAuthorityRetry, [this] { return stopping; })) return absl::CancelledError("stopping");
  }
  authority->Start();
  return absl::OkStatus();
}

void ClusterController::Parts::StartWriters(std::unique_ptr<kube::ApiClient> watch_client) {
  const auto leader = [this] { return leading(); };
  status::EventRecorder::Options recorder;
  recorder.instance = options.pod;
  events = std::make_unique<status::EventRecorder>(*api, std::move(recorder));
  status::StatusWriter::Options writing;
  writing.leader = leader;
  writer = std::make_unique<status::StatusWriter>(*api, *events, std::move(writing));
  status::StatusLoop::Options laying;
  laying.leader = leader;
  laying.data_planes = [this](const std::string& gateway) {
    return service == nullptr ? std::vector<serve::DataPlaneReport>() : service->DataPlanes(gateway);
  };
  statuses = std::make_unique<status::StatusLoop>(*writer, *events, cache, std::move(laying));
  provision::Provisioner::Options provisioning;
  provisioning.plan.controller = absl::StrCat(options.service_name, ":", PortOf(options.listen.front()));
  provisioning.plan.image = options.data_plane_image;
  provisioning.plan.image_pull_policy = options.data_plane_pull_policy;
  provisioning.leader = leader;
  provisioning.placed = [this](const std::string& gateway, const provision::Placement& placement) {
    statuses->SetPlacement(gateway, {placement.addresses, placement.problem});
  };
  provisioning.unplaced = [this](const std::string& gateway) { statuses->ForgetPlacement(gateway); };
  provisioning.wall_clock = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  provisioner = std::make_unique<provision::Provisioner>(*api, std::move(provisioning));
  managed = std::make_unique<ManagedWatch>(std::move(watch_client), options.watch_namespaces, *provisioner);
  // Not before there is somebody to tell.
  elector->Start();
}

absl::Status ClusterController::Parts::StartService() {
  serve::TokenReviewer::Options reviewing;
  reviewing.gateway_of = [this](std::string_view ns, std::string_view account) {
    return provisioner->GatewayOf(ns, account);
  };
  reviewer = std::make_unique<serve::TokenReviewer>(*api, std::move(reviewing));
  serve::ConfigService::Options serving;
  serving.addresses = options.listen;
  serving.epoch = std::max<std::uint64_t>(elector->epoch(), 1);
  serving.listener = [this](const serve::DataPlaneReport& report) { statuses->DataPlanesChanged(report.gateway); };
  serve::ConfigService::Tls tls;
  tls.certificate = [this] { return authority->certificate(); };
  tls.authenticator = [this](std::string_view token) { return reviewer->Authenticate(token); };
  serving.tls = std::move(tls);
  auto started = serve::ConfigService::Start(std::move(serving), cache);
  if (!started.ok()) return started.status();
  service = *std::move(started);
  return absl::OkStatus();
}

absl::Status ClusterController::Parts::StartAdmin() {
  if (options.admin.empty()) return absl::OkStatus();
  auto created = AdminServer::Create(options.admin);
  if (!created.ok()) return created.status();
  admin = *std::move(created);
  admin->Handle("/healthz", [] { return AdminAnswer{.body = "ok\n"}; });
  admin->Handle("/version", [] { return AdminAnswer{.body = absl::StrCat(kVersion, "\n")}; });
  admin->Handle("/readyz", [this] {
    if (published.load()) return AdminAnswer{.body = "ok\n"};
    return AdminAnswer{.status = 503, .body = "not everything has been read from the API server yet: see the log\n"};
  });
  admin->Handle("/metrics", [this] {
    ClusterMetrics metrics;
    if (published.load()) {
      metrics.kinds = source->Report();
      metrics.status_writes = writer->counts();
      metrics.provisioning = provisioner->counts();
      metrics.events = events->written();
      metrics.epoch = elector->epoch();
      metrics.leader = leading();
      metrics.authority = authority->health();
    }
    return AdminAnswer{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = MetricsText(metrics)};
  });
  admin->Start();
  return absl::OkStatus();
}

void ClusterController::Parts::Observe(const std::shared_ptr<const store::ClusterState>& state,
                                       const translate::Translation& translation) {
  const auto all = std::make_shared<const std::vector<translate::ObjectStatus>>(translation.statuses);
  statuses->Submit(state, all);
  provisioner->Submit(state, all);
  serve::AuthorityKeeper::Owners now;
  for (const translate::ObjectStatus& one : *all) {
    if (one.gateway == nullptr) continue;
    const auto* gateway = state->Find<gatewayapi::Gateway>(one.key.namespace_, one.key.name);
    if (gateway != nullptr) now[one.key.namespace_].insert({one.key.name, (*gateway)->metadata.uid});
  }
  {
    const std::lock_guard lock(mutex);
    owners = now;
  }
  authority->SetOwners(leading() ? std::move(now) : serve::AuthorityKeeper::Owners());
  if (!published.exchange(true)) log::Info("everything is read and published");
}

void ClusterController::Parts::TellLeadership() {
  log::Info(leading() ? "this replica leads: it writes statuses and provisions" : "another replica leads");
  statuses->LeadershipChanged();
  provisioner->LeadershipChanged();
  serve::AuthorityKeeper::Owners now;
  if (leading()) {
    const std::lock_guard lock(mutex);
    now = owners;
  }
  authority->SetOwners(std::move(now));
}

void ClusterController::Parts::Tick() {
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, kTick, [this] { return stopping; })) {
    if (published.load()) service->SetEpoch(elector->epoch());
  }
}

void ClusterController::Parts::Stop() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  if (tick_thread.joinable()) tick_thread.join();
  admin.reset();
  // Before anything that it is told of goes, so that another replica takes over while this one ends.
  if (elector != nullptr) elector->Stop();
  if (loop != nullptr) loop->Stop();
  if (loop_thread.joinable()) loop_thread.join();
  service.reset();
  managed.reset();
  if (api != nullptr) api->Cancel();
  provisioner.reset();
  statuses.reset();
  writer.reset();
  events.reset();
  authority.reset();
}

ClusterController::ClusterController(const ClusterOptions& options) : parts_(std::make_unique<Parts>(options)) {}

ClusterController::~ClusterController() = default;

absl::Status ClusterController::Start() {
  return parts_->Start();
}

void ClusterController::Cancel() {
  const std::lock_guard lock(parts_->mutex);
  parts_->stopping = true;
  parts_->changed.notify_all();
}

}  // namespace portreeve
