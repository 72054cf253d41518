// What the TLS handshakes of one listening port need: settings, tickets, and who owns which name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/tls/certificate.h"
#include "dataplane/tls/openssl_ptr.h"
#include "dataplane/tls/ticket_keys.h"

namespace portreeve::tls {

// The owner of a server name: what a handshake is answered with. Immutable once handed out.
struct TlsListener {
  // Stable over config changes and unique among all listeners ("namespace/gateway/listener"). A session ticket is
  // bound to it: it never resumes elsewhere.
  std::string id;
  // In order of preference. Among those that cover the server name (all of them, if none does) the first of each kind
  // of key is offered, and ECDSA goes before Ed25519 before RSA where the client can verify it.
  std::vector<std::shared_ptr<const Certificate>> certificates;
  // Whatever the caller wants to find again by TlsTransport::listener().
  std::shared_ptr<const void> owner;
};

// Who serves this name: lower case, without a dot at its end; empty when the client sent no SNI. Null: nobody, and the
// handshake is refused without showing any certificate. Must not block.
using CertificateChooser = std::function<std::shared_ptr<const TlsListener>(std::string_view server_name)>;

// One for each listening port and worker; its thread only. TLS 1.2 and 1.3, AEAD with forward secrecy only, ALPN h2 and
// http/1.1 (h2 wins), no renegotiation, no compression, no early data. Sessions resume by ticket only (no cache).
class TlsServerContext {
 public:
  // `ticket_keys` is shared by all contexts of the process.
  static std::shared_ptr<TlsServerContext> Create(std::shared_ptr<TicketKeys> ticket_keys, CertificateChooser chooser);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  // For handshakes whose ClientHello comes from now on. Those under way keep what they chose.
  void SetChooser(CertificateChooser chooser) { chooser_ = std::move(chooser); }
  // Whether ALPN offers h2 (on at first). For connections from now on.
  void SetHttp2(bool enabled) { http2_ = enabled; }

  // For this folder only.
  ssl_ctx_st* ssl_ctx() const { return ssl_ctx_.get(); }
  const CertificateChooser& chooser() const { return chooser_; }
  bool http2() const { return http2_; }
  const TicketKeySet& CurrentTicketKeys();

 private:
  TlsServerContext(std::shared_ptr<TicketKeys> ticket_keys, CertificateChooser chooser);

  std::shared_ptr<TicketKeys> ticket_keys_;
  std::shared_ptr<const TicketKeySet> keys_;
  CertificateChooser chooser_;
  bool http2_ = true;
  SslCtxPtr ssl_ctx_;
};

// What the handshake of one connection found out. The SSL object points to it.
struct HandshakeState {
  TlsServerContext* context = nullptr;
  // As asked for in SNI: lower case, without a dot at its end.
  std::string server_name;
  // Set by the ClientHello; holds the certificates for as long as the connection lives.
  std::shared_ptr<const TlsListener> listener;
  bool unknown_name = false;
};

// For this folder only: a server-side SSL object whose callbacks fill `state`, which outlives it.
SslPtr NewServerSsl(TlsServerContext& context, HandshakeState& state);

}  // namespace portreeve::tls
