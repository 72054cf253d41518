// Transport over TLS, server side. OpenSSL works on the non-blocking socket itself, without a buffer in between.
#pragma once

#include <memory>
#include <string>

#include "dataplane/http/reason.h"
#include "dataplane/net/polled_socket.h"
#include "dataplane/net/transport.h"
#include "dataplane/tls/server_context.h"

namespace portreeve::tls {

// Nothing but Handshake, SetDeadline, Cancel, Close and the names may be called before Handshake has said kOk.
// After TryWrite said kWouldBlock, the next one must begin with the same bytes (some may be sealed already), or the
// connection be closed.
class TlsTransport final : public net::Transport {
 public:
  TlsTransport(std::unique_ptr<net::PolledSocket> socket, std::shared_ptr<TlsServerContext> context);
  ~TlsTransport() override;

  net::IoResult TryRead(char* data, std::size_t size) override;
  // Joins small parts: at most 16 KiB make one record and one system call.
  net::IoResult TryWrite(std::span<const iovec> parts) override;
  net::Awaitable<net::IoStatus> WaitReadable() override;
  net::Awaitable<net::IoStatus> WaitWritable() override;
  // Set a deadline first. On failure see failure_reason() and tls_summary().
  net::Awaitable<net::IoStatus> Handshake() override;

  void SetDeadline(net::Clock::time_point when) override { socket_->SetDeadline(when); }
  void Cancel() override { socket_->Cancel(); }
  bool PeerGone() override;
  void CloseSend() override;
  void Close(bool reset) override;
  bool is_open() const override { return socket_->is_open(); }

  std::string_view peer_address() const override { return socket_->peer_address(); }
  std::uint16_t local_port() const override { return socket_->local_port(); }
  std::string_view server_name() const override { return state_.server_name; }
  std::string_view alpn() const override { return alpn_; }
  bool is_tls() const override { return true; }
  std::string tls_summary() const override;

  // Of the handshake: kNone, kTlsFailed, kTlsTimeout or kTlsUnknownName.
  http::Reason failure_reason() const { return failure_reason_; }
  // Who answered the handshake; null before the ClientHello and when nobody did.
  const std::shared_ptr<const TlsListener>& listener() const { return state_.listener; }
  bool resumed() const;

 private:
  // What OpenSSL said about a call that moved nothing.
  net::IoStatus Interpret(int result, bool writing);
  void Fail(http::Reason reason, std::string detail);
  void SendCloseNotify();

  std::unique_ptr<net::PolledSocket> socket_;
  std::shared_ptr<TlsServerContext> context_;
  HandshakeState state_;
  SslPtr ssl_;
  std::string_view alpn_;
  http::Reason failure_reason_ = http::Reason::kNone;
  std::string failure_detail_;
  bool established_ = false;
  // OpenSSL must not be called again.
  bool broken_ = false;
  bool close_notify_sent_ = false;
  // The last read found no complete record: only the socket can bring more.
  bool read_starved_ = false;
  // What the last blocked call waits for in truth.
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
};

}  // namespace portreeve::tls
