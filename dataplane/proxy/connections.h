// The client connections of one worker: how many there may be, and how they end.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "dataplane/proxy/connection.h"

namespace portreeve::proxy {

// One thread, the worker's.
class Connections {
 public:
  // `most`: connections at one time; 0: no bound.
  Connections(ProxyContext& context, std::uint64_t most) : context_(context), most_(most) {}

  // Takes an accepted, non-blocking descriptor. Beyond the bound it is answered 503 (on a plain port) and closed.
  void Accept(int fd, std::shared_ptr<tls::TlsServerContext> tls);

  // From now on answers ask their clients to go, of connections to come too; idle ones stay until Drain.
  void BeginDrain();
  // Of one port (0: of all): no request after those in hand, and idle ones are closed.
  void Drain(std::uint16_t port);
  void CloseAll();
  bool empty() const { return open_.empty(); }
  std::size_t size() const { return open_.size(); }
  // Called when the last one has gone, each time.
  void OnEmpty(std::function<void()> callback) { on_empty_ = std::move(callback); }

 private:
  friend class Connection;
  void Add(Connection& connection);
  void Remove(Connection& connection);
  void LogTooMany(int fd);

  ProxyContext& context_;
  std::uint64_t most_;
  absl::flat_hash_set<Connection*> open_;
  std::function<void()> on_empty_;
  bool draining_ = false;
};

}  // namespace portreeve::proxy
