#include "dataplane/upstream/connection_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "dataplane/net/connect.h"
#include "dataplane/net/polled_socket.h"
#include "dataplane/net/tcp_transport.h"

namespace portreeve::upstream {

// Idle while its deadline is armed.
struct PooledConnection final : private net::Deadline, private net::IdleWatcher {
  PooledConnection(ConnectionPool& owner, EndpointPool& endpoint, std::unique_ptr<net::PolledSocket> polled,
                   const http::Limits& limits, net::DeadlineWheel& wheel)
      : Deadline(wheel), pool(owner), endpoint_pool(endpoint), socket(polled.get()) {
    client = codec::Http1Client::Create(std::make_unique<net::TcpTransport>(std::move(polled)), limits);
  }

  // Idle until Unpark: closed at that time, or as soon as the endpoint closes it or sends what nobody asked for.
  void Park(net::Clock::time_point until) {
    client->Park();
    reused = true;
    Arm(until);
    socket->WatchIdle(this);
  }
  void Unpark() {
    Disarm();
    socket->WatchIdle(nullptr);
  }
  void OnDeadline() override { pool.CloseIdle(*this); }
  void OnIdleReadable() override { pool.CloseIdle(*this); }

  ConnectionPool& pool;
  EndpointPool& endpoint_pool;
  // Owned by the client's transport.
  net::PolledSocket* socket;
  std::unique_ptr<codec::Http1Client> client;
  bool reused = false;
};

struct EndpointPool {
  std::string text;
  std::uint32_t in_flight = 0;
  std::vector<std::unique_ptr<PooledConnection>> idle;
};

Lease::Lease() = default;

Lease::~Lease() {
  Return();
}

Lease::Lease(ConnectionPool& pool, std::unique_ptr<PooledConnection> connection)
    : pool_(&pool), connection_(std::move(connection)) {}

Lease::Lease(Lease&& other) noexcept : pool_(other.pool_), connection_(std::move(other.connection_)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Return();
    pool_ = other.pool_;
    connection_ = std::move(other.connection_);
  }
  return *this;
}

codec::Http1Client& Lease::client() const {
  return *connection_->client;
}

bool Lease::reused() const {
  return connection_->reused;
}

void Lease::Return(bool close) {
  if (connection_ != nullptr) pool_->Return(std::move(connection_), close);
}

ConnectionPool::ConnectionPool(net::Poller& poller, net::DeadlineWheel& wheel, const http::Limits& limits,
                               observe::WorkerCells& cells)
    : poller_(poller), wheel_(wheel), limits_(limits), cells_(cells) {}

ConnectionPool::~ConnectionPool() = default;

EndpointPool& ConnectionPool::PoolOf(const std::string& text) {
  EndpointPool& pool = endpoints_[text];
  if (pool.text.empty()) pool.text = text;
  return pool;
}

Lease ConnectionPool::TakeIdle(const Endpoint& endpoint, bool probe) {
  const auto found = endpoints_.find(endpoint.text);
  if (found == endpoints_.end()) return {};
  EndpointPool& pool = found->second;
  while (!pool.idle.empty()) {
    std::unique_ptr<PooledConnection> connection = std::move(pool.idle.back());
    pool.idle.pop_back();
    --idle_;
    connection->Unpark();
    // Readable while idle: the endpoint has closed it, or sent what nobody asked for. Either way it is of no use.
    // Readiness may also be left over from the last read: then the kernel is asked.
    const bool suspect = probe || connection->socket->maybe_readable();
    char byte = 0;
    if (suspect && connection->socket->TryRead(&byte, 1).status != net::IoStatus::kWouldBlock) {
      cells_.upstream_connections_open.Subtract(1);
      continue;
    }
    ++pool.in_flight;
    cells_.upstream_reused.Add(1);
    return Lease(*this, std::move(connection));
  }
  Forget(pool);
  return {};
}

net::Awaitable<AcquireResult> ConnectionPool::Connect(Endpoint endpoint, net::Clock::time_point deadline) {
  AcquireResult result;
  EndpointPool& pool = PoolOf(endpoint.text);
  // Counted from now on, so that the pool of the endpoint stays and least-request sees it.
  ++pool.in_flight;
  cells_.upstream_connects.Add(1);
  net::ConnectResult connected = co_await net::Connect(poller_, wheel_, endpoint.address, deadline);
  if (connected.status != net::IoStatus::kOk) {
    result.reason =
        connected.status == net::IoStatus::kTimeout ? http::Reason::kConnectTimeout : http::Reason::kConnectFailed;
    --pool.in_flight;
    Forget(pool);
    co_return result;
  }
  cells_.upstream_connections_open.Add(1);
  result.lease =
      Lease(*this, std::make_unique<PooledConnection>(*this, pool, std::move(connected.socket), limits_, wheel_));
  co_return result;
}

std::uint32_t ConnectionPool::InFlight(const Endpoint& endpoint) const {
  const auto found = endpoints_.find(endpoint.text);
  return found == endpoints_.end() ? 0 : found->second.in_flight;
}

void ConnectionPool::Return(std::unique_ptr<PooledConnection> connection, bool close) {
  EndpointPool& pool = connection->endpoint_pool;
  --pool.in_flight;
  if (close || !connection->client->reusable() || pool.idle.size() >= limits_.upstream_idle_connections) {
    cells_.upstream_connections_open.Subtract(1);
    connection.reset();
    Forget(pool);
    return;
  }
  connection->Park(wheel_.now() + std::chrono::milliseconds(limits_.upstream_idle_timeout_ms));
  ++idle_;
  pool.idle.push_back(std::move(connection));
}

void ConnectionPool::Forget(EndpointPool& pool) {
  if (pool.in_flight > 0 || !pool.idle.empty()) return;
  const std::string text = pool.text;
  endpoints_.erase(text);
}

void ConnectionPool::CloseIdle(PooledConnection& connection) {
  EndpointPool& pool = connection.endpoint_pool;
  const auto found =
      std::find_if(pool.idle.begin(), pool.idle.end(), [&](const auto& one) { return one.get() == &connection; });
  if (found == pool.idle.end()) return;
  pool.idle.erase(found);
  --idle_;
  cells_.upstream_connections_open.Subtract(1);
  Forget(pool);
}

}  // namespace portreeve::upstream
