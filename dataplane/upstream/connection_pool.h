// Connections to endpoints, kept open between requests.
#pragma once

#include <absl/container/node_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/codec/http1_client.h"
#include "dataplane/http/limits.h"
#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/poller.h"
#include "dataplane/observe/metrics.h"
#include "dataplane/upstream/backend.h"

namespace portreeve::upstream {

class ConnectionPool;
struct EndpointPool;
struct PooledConnection;

// A connection that is lent out for one exchange. Goes back to the pool when it is let go, if it can serve another one;
// is closed otherwise.
class Lease {
 public:
  Lease();
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  explicit operator bool() const { return connection_ != nullptr; }
  codec::Http1Client& client() const;
  // It had served an exchange before: the endpoint may have closed it meanwhile.
  bool reused() const;
  // Lets it go; `close`: never back to the pool.
  void Return(bool close = false);

 private:
  friend class ConnectionPool;
  Lease(ConnectionPool& pool, std::unique_ptr<PooledConnection> connection);

  ConnectionPool* pool_ = nullptr;
  std::unique_ptr<PooledConnection> connection_;
};

struct AcquireResult {
  Lease lease;
  // kConnectFailed or kConnectTimeout.
  http::Reason reason = http::Reason::kNone;
};

// One per worker, and for its thread only. The last one used is the first one taken (LIFO), so that surplus connections
// age out. Exchanges must have let their leases go before the pool is destroyed.
class ConnectionPool {
 public:
  // All outlive the pool.
  ConnectionPool(net::Poller& poller, net::DeadlineWheel& wheel, const http::Limits& limits,
                 observe::WorkerCells& cells);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // An idle connection, or an empty lease. `probe`: ask the kernel whether the endpoint has closed it; for requests
  // that may not be sent twice.
  Lease TakeIdle(const Endpoint& endpoint, bool probe);
  // A new connection.
  net::Awaitable<AcquireResult> Connect(Endpoint endpoint, net::Clock::time_point deadline);

  // Exchanges that hold a connection to this endpoint now.
  std::uint32_t InFlight(const Endpoint& endpoint) const;
  std::size_t idle_connections() const { return idle_; }

 private:
  friend class Lease;
  friend struct PooledConnection;

  EndpointPool& PoolOf(const std::string& text);
  void Return(std::unique_ptr<PooledConnection> connection, bool close);
  void Forget(EndpointPool& pool);
  void CloseIdle(PooledConnection& connection);

  net::Poller& poller_;
  net::DeadlineWheel& wheel_;
  const http::Limits& limits_;
  observe::WorkerCells& cells_;
  absl::node_hash_map<std::string, EndpointPool> endpoints_;
  std::size_t idle_ = 0;
};

}  // namespace portreeve::upstream
