#include "dataplane/proxy/connections.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace portreeve::proxy {
namespace {

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

}  // namespace

void Connections::Accept(int fd, std::shared_ptr<tls::TlsServerContext> tls) {
  context_.cells.connections.Add(1);
  if (most_ != 0 && open_.size() >= most_) {
    context_.cells.connection_failures[static_cast<std::size_t>(http::Reason::kTooManyConnections)].Add(1);
    LogTooMany(fd);
    if (tls == nullptr) {
      [[maybe_unused]] const ssize_t sent = send(fd, kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close(fd);
    return;
  }
  auto socket = std::make_unique<net::PolledSocket>(context_.worker.poller(), context_.worker.wheel(), fd);
  const auto connection = std::make_shared<Connection>(context_, *this, std::move(socket), std::move(tls));
  if (draining_) connection->BeginDrain();
  connection->Start();
}

void Connections::LogTooMany(int fd) {
  if (!context_.access_log.enabled()) return;
  observe::AccessLogEntry entry;
  entry.request = false;
  entry.origin = http::Origin::kGateway;
  entry.phase = http::Phase::kAccept;
  entry.reason = http::Reason::kTooManyConnections;
  const net::SocketNames names = net::NamesOf(fd);
  entry.client = names.peer_address;
  entry.port = names.local_port;
  context_.Log(entry);
}

void Connections::BeginDrain() {
  draining_ = true;
  std::vector<std::shared_ptr<Connection>> open;
  for (Connection* connection : open_) open.push_back(connection->shared_from_this());
  for (const auto& connection : open) connection->BeginDrain();
}

void Connections::Drain(std::uint16_t port) {
  // A drained idle connection may end, and leave the set, right here.
  std::vector<std::shared_ptr<Connection>> open;
  for (Connection* connection : open_) {
    if (port == 0 || connection->port() == port) open.push_back(connection->shared_from_this());
  }
  for (const auto& connection : open) connection->Drain();
}

void Connections::CloseAll() {
  std::vector<std::shared_ptr<Connection>> open;
  for (Connection* connection : open_) open.push_back(connection->shared_from_this());
  for (const auto& connection : open) connection->Close();
}

void Connections::Add(Connection& connection) {
  open_.insert(&connection);
  context_.cells.connections_open.Add(1);
}

void Connections::Remove(Connection& connection) {
  open_.erase(&connection);
  context_.cells.connections_open.Subtract(1);
  if (open_.empty() && on_empty_) on_empty_();
}

}  // namespace portreeve::proxy
