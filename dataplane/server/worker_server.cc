#include "dataplane/server/worker_server.h"

#include <chrono>
#include <string_view>

#include "dataplane/proxy/listener_choice.h"

namespace portreeve::server {
namespace {

// Idle connections are closed this long after a drain has begun: what a client had sent by then is answered first.
constexpr std::chrono::milliseconds kIdleGrace{1000};

// Who answers a handshake: the listener with the most specific hostname, if it has a certificate.
tls::CertificateChooser ChooserOf(std::shared_ptr<const config::Port> port) {
  return [port = std::move(port)](std::string_view name) -> std::shared_ptr<const tls::TlsListener> {
    const auto* listener = proxy::FindListener(*port, name);
    if (listener == nullptr || (*listener)->certificates.empty()) return nullptr;
    auto answer = std::make_shared<tls::TlsListener>();
    answer->id = (*listener)->name;
    answer->certificates = (*listener)->certificates;
    answer->owner = *listener;
    return answer;
  };
}

}  // namespace

WorkerServer::WorkerServer(net::Worker& worker, const proxy::ProxyOptions& options, observe::Metrics& metrics,
                           observe::AccessLogger& access_log, std::shared_ptr<tls::TicketKeys> ticket_keys,
                           std::uint64_t max_connections)
    : Deadline(worker.wheel()),
      worker_(worker),
      ticket_keys_(std::move(ticket_keys)),
      context_(worker, options, metrics, access_log),
      connections_(context_, max_connections) {
  context_.config = std::make_shared<const config::RuntimeConfig>();
}

WorkerServer::~WorkerServer() = default;

void WorkerServer::Install(const std::shared_ptr<const config::RuntimeConfig>& config, std::vector<NewPort> opened) {
  // A holder of our own around the shared one: requests then count their pins here, not on a line of all workers.
  auto holder = std::make_shared<std::shared_ptr<const config::RuntimeConfig>>(config);
  const config::RuntimeConfig* plain = config.get();
  context_.config = std::shared_ptr<const config::RuntimeConfig>(std::move(holder), plain);

  for (const NewPort& one : opened) {
    ListeningPort& listening = ports_[one.port];
    const std::uint16_t number = one.port;
    listening.socket =
        std::make_unique<net::ListenSocket>(worker_.poller(), worker_.wheel(), one.fd,
                                            [this, number](int fd) { connections_.Accept(fd, ports_[number].tls); });
  }
  for (auto& [number, listening] : ports_) {
    const auto found = config->ports.find(number);
    if (found != config->ports.end()) SetTls(listening, found->second);
  }
  std::vector<std::uint16_t> gone;
  for (const auto& [number, listening] : ports_) {
    if (!config->ports.contains(number)) gone.push_back(number);
  }
  for (const std::uint16_t number : gone) {
    ports_[number].socket->Close();
    ports_.erase(number);
    connections_.Drain(number);
  }
}

void WorkerServer::SetTls(ListeningPort& listening, const std::shared_ptr<const config::Port>& port) {
  if (!port->tls) {
    listening.tls = nullptr;
  } else if (listening.tls == nullptr) {
    listening.tls = tls::TlsServerContext::Create(ticket_keys_, ChooserOf(port));
  } else {
    listening.tls->SetChooser(ChooserOf(port));
  }
}

void WorkerServer::Drain(std::function<void()> done) {
  drained_ = std::move(done);
  connections_.BeginDrain();
  Arm(net::Clock::now() + kIdleGrace);
  connections_.OnEmpty([this] { worker_.Post([this] { FinishDrain(); }); });
  FinishDrain();
}

void WorkerServer::FinishDrain() {
  if (!drained_ || !connections_.empty()) return;
  // What the kernel has accepted for us meanwhile is taken, and keeps us going.
  for (auto& [number, listening] : ports_) listening.socket->Close();
  if (!connections_.empty()) return;
  ports_.clear();
  const auto done = std::move(drained_);
  drained_ = nullptr;
  done();
}

void WorkerServer::CloseAll(std::function<void()> done) {
  for (auto& [number, listening] : ports_) listening.socket->Close();
  ports_.clear();
  Disarm();
  drained_ = std::move(done);
  connections_.OnEmpty([this] { worker_.Post([this] { FinishDrain(); }); });
  connections_.CloseAll();
  FinishDrain();
}

void WorkerServer::Abandon() {
  Disarm();
  drained_ = nullptr;
  connections_.OnEmpty(nullptr);
}

// While a drain goes on: connections that have become idle since.
void WorkerServer::OnDeadline() {
  connections_.Drain(0);
  if (drained_) Arm(net::Clock::now() + net::DeadlineWheel::kTick);
}

}  // namespace portreeve::server
