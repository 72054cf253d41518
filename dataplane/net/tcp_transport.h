// Transport over plain TCP.
#pragma once

#include <memory>

#include "dataplane/net/polled_socket.h"

namespace portreeve::net {

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(std::unique_ptr<PolledSocket> socket) : socket_(std::move(socket)) {}

  IoResult TryRead(char* data, std::size_t size) override { return socket_->TryRead(data, size); }
  IoResult TryWrite(std::span<const iovec> parts) override { return socket_->TryWrite(parts); }
  Awaitable<IoStatus> WaitReadable() override { return socket_->WaitReadable(); }
  Awaitable<IoStatus> WaitWritable() override { return socket_->WaitWritable(); }
  Awaitable<IoStatus> Handshake() override { co_return IoStatus::kOk; }
  void SetDeadline(Clock::time_point when) override { socket_->SetDeadline(when); }
  void Cancel() override { socket_->Cancel(); }
  bool PeerGone() override { return socket_->PeerGone(); }
  void CloseSend() override { socket_->ShutdownSend(); }
  void Close(bool reset) override { socket_->Close(reset); }
  bool is_open() const override { return socket_->is_open(); }
  std::string_view peer_address() const override { return socket_->peer_address(); }
  std::uint16_t local_port() const override { return socket_->local_port(); }

 private:
  std::unique_ptr<PolledSocket> socket_;
};

}  // namespace portreeve::net
