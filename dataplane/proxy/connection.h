// One client connection, from accept to close.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dataplane/codec/http1_server.h"
#include "dataplane/codec/http2_server.h"
#include "dataplane/net/polled_socket.h"
#include "dataplane/proxy/proxy_context.h"
#include "dataplane/tls/server_context.h"

namespace portreeve::proxy {

class Connections;
class Exchange;

// Lives as long as its coroutine. One thread, the worker's.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  // `tls`: null for a plain port.
  Connection(ProxyContext& context, Connections& owner, std::unique_ptr<net::PolledSocket> socket,
             std::shared_ptr<tls::TlsServerContext> tls);
  ~Connection();

  // Spawns the coroutine, which keeps the connection alive.
  void Start();
  // The next answer is the last one (HTTP/2: GOAWAY). An idle connection stays.
  void BeginDrain();
  // No request after those in hand; closes when idle.
  void Drain();
  // Now, whatever runs.
  void Close();
  std::uint16_t port() const { return facts_.port; }

 private:
  net::Awaitable<void> Run();
  net::Awaitable<bool> Handshake();
  // What the client speaks on a plain port is told by its first bytes. False: it said nothing.
  net::Awaitable<bool> Peek(bool& http2);
  net::Awaitable<void> RunHttp1();
  net::Awaitable<void> ServeHttp1();
  net::Awaitable<void> RunHttp2();
  void LogConnection(http::Failure failure);

  ProxyContext& context_;
  Connections& owner_;
  ConnectionFacts facts_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<codec::Http1Server> http1_;
  std::shared_ptr<codec::Http2Server> http2_;
  // The one in work, HTTP/1 only.
  Exchange* exchange_ = nullptr;
  // Read by Peek; http1_ refers to it.
  std::string early_;
  net::Clock::time_point start_;
  std::uint64_t requests_ = 0;
  bool draining_ = false;
  bool tls_ = false;
};

}  // namespace portreeve::proxy
