#include "controller/cluster_controller.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "common/admin_server.h"
#include "common/log.h"
#include "common/version.h"
#include "controller/change_times.h"
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
#include "controller/serve/data_planes_json.h"
#include "controller/serve/report_relay.h"
#include "controller/serve/token_reviewer.h"
#include "controller/status/event_recorder.h"
#include "controller/status/status_loop.h"
#include "controller/status/status_writer.h"

namespace portreeve {
namespace {

constexpr std::chrono::seconds kTick(1);
constexpr std::chrono::seconds kAuthorityRetry(2);
// Watches that have had no trouble for so long since the Lease was read are as new as it.
constexpr std::chrono::seconds kUpToDate(3);

absl::StatusOr<std::unique_ptr<kube::ApiClient>> Connect(const kube::KubeConfig& config) {
  auto client = kube::HttpApiClient::Create(config.server);
  if (!client.ok()) return client.status();
  return *std::move(client);
}

bool AllWatching(const std::vector<kube::KindReport>& kinds) {
  return std::ranges::none_of(kinds, [](const kube::KindReport& kind) { return kind.status.unreachable; });
}

// "10.0.0.7:18000", "[fd00::7]:18000".
std::string AddressOf(const std::string& ip, const std::string& port) {
  if (ip.empty()) return "";
  return ip.find(':') == std::string::npos ? absl::StrCat(ip, ":", port) : absl::StrCat("[", ip, "]:", port);
}

// Read anew each time: it is replaced long before it expires.
absl::StatusOr<SecretBytes> ReadToken(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.is_open() || text.empty()) {
    return absl::UnavailableError(absl::StrCat("no token in ", file, ": mount a projected one, as the chart does"));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return SecretBytes(std::move(text));
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
  // Data planes that came before the objects are known would be sent away.
  absl::Status WaitForObjects();
  void StartWriters(std::unique_ptr<kube::ApiClient> watch_client);
  void StartRelay();
  absl::Status StartService();
  absl::Status StartAdmin();
  void Stop();

  bool leading() const { return elector != nullptr && elector->leader(); }
  // What was translated goes to whoever acts on it.
  void Observe(const std::shared_ptr<const store::ClusterState>& state, const translate::Translation& translation,
               const ReconcileLoop::Round& round);
  void TellLeadership();
  // Once a second: what shows only on a clock, or in another replica's doings.
  void Tick();

  const ClusterOptions options;
  std::unique_ptr<kube::ApiClient> api;
  std::unique_ptr<kube::ServerProbe> probe;
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
  std::unique_ptr<serve::ReportRelay> relay;
  std::unique_ptr<serve::ConfigService> service;
  std::unique_ptr<AdminServer> admin;
  ChangeTimes times;
  std::atomic<std::size_t> refused = 0;
  // All of the above is there.
  std::atomic<bool> serving = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool published = false;                 // guarded by mutex
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
  std::array<std::unique_ptr<kube::ApiClient>, 5> clients;
  for (auto& client : clients) {
    auto connected = portreeve::Connect(*config);
    if (!connected.ok()) return connected.status();
    client = *std::move(connected);
  }
  api = std::move(clients[0]);
  if (absl::Status status = StartAdmin(); !status.ok()) return status;
  probe = std::make_unique<kube::ServerProbe>(std::move(clients[4]));
  StartElector(std::move(clients[1]));
  if (absl::Status status = WaitForCertificate(); !status.ok()) return status;
  StartWriters(std::move(clients[2]));
  kube::KubeSourceOptions source_options;
  source_options.watch_namespaces = options.watch_namespaces;
  source = std::make_unique<kube::KubeSource>(*probe, std::move(clients[3]), std::move(source_options));
  ReconcileLoop::Options loop_options;
  loop_options.translator = translate::kInCluster;
  loop_options.observer = [this](const auto& state, const auto& translation, const auto& round) {
    Observe(state, translation, round);
  };
  loop = std::make_unique<ReconcileLoop>(*source, cache, std::move(loop_options));
  loop_thread = std::thread([this] { loop->Run(); });
  if (absl::Status status = WaitForObjects(); !status.ok()) return status;
  if (absl::Status status = StartService(); !status.ok()) return status;
  log::Info("everything is read, and data planes are served");
  serving = true;
  tick_thread = std::thread([this] { Tick(); });
  return absl::OkStatus();
}

void ClusterController::Parts::StartElector(std::unique_ptr<kube::ApiClient> client) {
  kube::ElectorOptions elector_options;
  elector_options.namespace_ = options.ns;
  elector_options.identity = kube::UniqueIdentity(options.pod);
  elector_options.address = AddressOf(options.pod_ip, PortOf(options.listen.front()));
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

absl::Status ClusterController::Parts::WaitForObjects() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return published || stopping; });
  return published ? absl::OkStatus() : absl::CancelledError("stopping");
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
  managed = std::make_unique<ManagedWatch>(*probe, std::move(watch_client), options.watch_namespaces, *provisioner);
  StartRelay();
  // Not before there is somebody to tell.
  elector->Start();
}

void ClusterController::Parts::StartRelay() {
  if (options.token_file.empty()) return;
  serve::ReportRelay::Options relaying;
  relaying.leader_address = [this] { return elector->leader_address(); };
  relaying.ca_pem = [this] { return authority->bundle(); };
  relaying.server_name = options.service_name;
  relaying.token = [this] { return ReadToken(options.token_file); };
  relaying.instance = options.pod;
  relay = std::make_unique<serve::ReportRelay>(std::move(relaying));
}

absl::Status ClusterController::Parts::StartService() {
  serve::TokenReviewer::Options reviewing;
  reviewing.gateway_of = [this](std::string_view ns, std::string_view account) {
    return provisioner->GatewayOf(ns, account);
  };
  if (!options.service_account.empty()) reviewing.controller = {options.ns, options.service_account};
  reviewer = std::make_unique<serve::TokenReviewer>(*api, std::move(reviewing));
  serve::ConfigService::Options service_options;
  service_options.addresses = options.listen;
  service_options.epoch = std::max<std::uint64_t>(elector->epoch(), 1);
  service_options.listener = [this](const serve::DataPlaneReport& report) {
    times.Reported(report);
    statuses->DataPlanesChanged(report.gateway);
  };
  service_options.local_listener = [this](const serve::DataPlaneReport& report) {
    if (relay != nullptr) relay->Report(report);
  };
  serve::ConfigService::Tls tls;
  tls.certificate = [this] { return authority->certificate(); };
  tls.authenticator = [this](std::string_view token) { return reviewer->Authenticate(token); };
  service_options.tls = std::move(tls);
  auto started = serve::ConfigService::Start(std::move(service_options), cache);
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
    if (serving.load()) return AdminAnswer{.body = "ok\n"};
    return AdminAnswer{.status = 503, .body = "not everything has been read from the API server yet: see the log\n"};
  });
  admin->Handle("/dataplanes", [this] {
    if (!serving.load()) return AdminAnswer{.status = 503, .body = "data planes aren't served yet: see the log\n"};
    return AdminAnswer{.content_type = "application/json",
                       .body = serve::DataPlanesJson(service->AllDataPlanes(), cache)};
  });
  admin->Handle("/metrics", [this] {
    ClusterMetrics metrics;
    metrics.translate = times.translate();
    metrics.acknowledge = times.acknowledge();
    metrics.refused = refused.load();
    if (serving.load()) {
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
                                       const translate::Translation& translation, const ReconcileLoop::Round& round) {
  times.Translated(round.translate_time);
  refused = round.refused;
  const auto all = std::make_shared<const translate::StatusSet>(translation.statuses);
  statuses->Submit(state, all);
  provisioner->Submit(state, all);
  serve::AuthorityKeeper::Owners now;
  auto one = all->lower_bound({gatewayapi::Kind::kGateway, "", ""});
  for (; one != all->end() && one->gateway != nullptr; ++one) {
    const std::string name = one->key.Name().ToString();
    if (const auto snapshot = cache.Latest(name)) times.Published(name, snapshot->version, round.since);
    const auto* gateway = state->Find<gatewayapi::Gateway>(one->key.namespace_, one->key.name);
    if (gateway != nullptr) now[one->key.namespace_].insert({one->key.name, (*gateway)->metadata.uid});
  }
  {
    const std::lock_guard lock(mutex);
    owners = now;
    published = true;
  }
  changed.notify_all();
  authority->SetOwners(leading() ? std::move(now) : serve::AuthorityKeeper::Owners());
}

void ClusterController::Parts::TellLeadership() {
  log::Info(leading() ? "this replica leads: it writes statuses and provisions" : "another replica leads");
  statuses->LeadershipChanged();
  provisioner->LeadershipChanged();
  if (relay != nullptr) relay->LeadershipChanged();
  serve::AuthorityKeeper::Owners now;
  if (leading()) {
    const std::lock_guard lock(mutex);
    now = owners;
  }
  authority->SetOwners(std::move(now));
}

void ClusterController::Parts::Tick() {
  std::uint64_t epoch = 0;
  auto since = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, kTick, [this] { return stopping; })) {
    const auto now = std::chrono::steady_clock::now();
    // Data planes refuse whoever hasn't heard of the new epoch, so it is told only by who is up to date.
    if (std::exchange(epoch, elector->epoch()) != epoch || !AllWatching(source->Report())) since = now;
    if (now - since >= kUpToDate) service->SetEpoch(epoch);
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
  relay.reset();
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
