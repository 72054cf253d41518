// What one worker serves: its listening sockets and the connections that came in by them.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/config/runtime_config.h"
#include "dataplane/net/listen_socket.h"
#include "dataplane/net/worker.h"
#include "dataplane/observe/access_logger.h"
#include "dataplane/proxy/connections.h"
#include "dataplane/proxy/proxy_context.h"
#include "dataplane/tls/server_context.h"
#include "dataplane/tls/ticket_keys.h"

namespace portreeve::server {

// One port and the descriptor that this worker is to accept on.
struct NewPort {
  std::uint16_t port = 0;
  int fd = -1;
};

// Lives and dies on its worker's thread, and every call is made there.
class WorkerServer final : private net::Deadline {
 public:
  WorkerServer(net::Worker& worker, const proxy::ProxyOptions& options, observe::Metrics& metrics,
               observe::AccessLogger& access_log, std::shared_ptr<tls::TicketKeys> ticket_keys,
               std::uint64_t max_connections);
  ~WorkerServer() override;

  // New requests run `config` from here on. `opened` ports begin to accept; ports that `config` doesn't have any more
  // stop, and their connections end with the answers in hand.
  void Install(const std::shared_ptr<const config::RuntimeConfig>& config, std::vector<NewPort> opened);

  // Answers ask their clients to go; HTTP/2 is told. Accepting goes on. `done` is called, once, when no connection is
  // left and the ports are closed.
  void Drain(std::function<void()> done);
  // Closes the ports and ends what is left. `done` is called, once, when no connection is left: right here, or later.
  void CloseAll(std::function<void()> done);
  // Nothing is called any more.
  void Abandon();

 private:
  struct ListeningPort {
    std::unique_ptr<net::ListenSocket> socket;
    // Null on a plain port.
    std::shared_ptr<tls::TlsServerContext> tls;
  };

  void OnDeadline() override;
  void SetTls(ListeningPort& listening, const std::shared_ptr<const config::Port>& port);
  void FinishDrain();

  net::Worker& worker_;
  std::shared_ptr<tls::TicketKeys> ticket_keys_;
  proxy::ProxyContext context_;
  proxy::Connections connections_;
  absl::flat_hash_map<std::uint16_t, ListeningPort> ports_;
  std::function<void()> drained_;
};

}  // namespace portreeve::server
