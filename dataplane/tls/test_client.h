// An OpenSSL client beside the server in one loop, for tests.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/tls/socket_bio.h"
#include "dataplane/tls/tls_transport.h"

namespace portreeve::tls::testing {

struct Loop {
  boost::asio::io_context context{1};
  net::DeadlineWheel wheel{context};
  net::Poller poller{context};
  int running = 0;

  // `running` counts the coroutines that have to end.
  void Run() {
    context.restart();
    poller.Start();
    context.run_for(std::chrono::seconds(20));
    REQUIRE(running == 0);
  }
  void Done() {
    if (--running == 0) {
      poller.Stop();
      context.stop();
    }
  }
};

inline std::pair<std::unique_ptr<net::PolledSocket>, std::unique_ptr<net::PolledSocket>> Connect(Loop& loop) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  return {std::make_unique<net::PolledSocket>(loop.poller, loop.wheel, fds[0]),
          std::make_unique<net::PolledSocket>(loop.poller, loop.wheel, fds[1])};
}

struct ClientOptions {
  std::string sni = "a.example";
  int max_version = TLS1_3_VERSION;
  std::string alpn;
  std::string signatures;
  std::string ciphers;
  SSL_SESSION* resume = nullptr;
};

// An OpenSSL client that shares the loop with the server.
struct Client {
  Client(std::unique_ptr<net::PolledSocket> s, const ClientOptions& options)
      : socket(std::move(s)), ctx(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx.get(), [](SSL* object, SSL_SESSION* session) {
      auto* self = static_cast<Client*>(SSL_get_app_data(object));
      if (self->session != nullptr) SSL_SESSION_free(self->session);
      self->session = session;
      return 1;
    });
    ssl.reset(SSL_new(ctx.get()));
    SSL_set_app_data(ssl.get(), this);
    BIO* bio = NewSocketBio(*socket);
    SSL_set_bio(ssl.get(), bio, bio);
    SSL_set_connect_state(ssl.get());
    SSL_set_max_proto_version(ssl.get(), options.max_version);
    if (!options.sni.empty()) SSL_set_tlsext_host_name(ssl.get(), options.sni.c_str());
    if (!options.alpn.empty()) {
      SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                          static_cast<unsigned>(options.alpn.size()));
    }
    if (!options.signatures.empty()) SSL_set1_sigalgs_list(ssl.get(), options.signatures.c_str());
    if (!options.ciphers.empty()) SSL_set_cipher_list(ssl.get(), options.ciphers.c_str());
    if (options.resume != nullptr) {
      // A copy: OpenSSL's client uses a TLS 1.3 session once.
      SSL_SESSION* copy = SSL_SESSION_dup(options.resume);
      SSL_set_session(ssl.get(), copy);
      SSL_SESSION_free(copy);
    }
  }
  ~Client() {
    if (session != nullptr) SSL_SESSION_free(session);
  }

  net::Awaitable<bool> Step(int result) {
    const int error = SSL_get_error(ssl.get(), result);
    if (error == SSL_ERROR_WANT_READ) {
      const net::IoStatus status = co_await socket->WaitReadable();
      co_return status == net::IoStatus::kOk;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
      const net::IoStatus status = co_await socket->WaitWritable();
      co_return status == net::IoStatus::kOk;
    }
    last_error = error;
    reason = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
    co_return false;
  }

  net::Awaitable<bool> Handshake() {
    for (;;) {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl.get());
      if (result == 1) co_return true;
      const bool more = co_await Step(result);
      if (!more) co_return false;
    }
  }

  // Until the end or an error.
  net::Awaitable<std::string> ReadAll() {
    std::string text;
    for (;;) {
      char buffer[4096];
      ERR_clear_error();
      const int result = SSL_read(ssl.get(), buffer, sizeof(buffer));
      if (result > 0) {
        text.append(buffer, static_cast<std::size_t>(result));
        continue;
      }
      const bool more = co_await Step(result);
      if (!more) co_return text;
    }
  }

  void Write(std::string_view text) { SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())); }

  std::string PeerName() const {
    X509* certificate = SSL_get0_peer_certificate(ssl.get());
    if (certificate == nullptr) return "";
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
    return name;
  }
  std::string PeerKey() const {
    X509* certificate = SSL_get0_peer_certificate(ssl.get());
    return certificate == nullptr ? "" : OBJ_nid2sn(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)));
  }

  std::unique_ptr<net::PolledSocket> socket;
  SslCtxPtr ctx;
  SslPtr ssl;
  SSL_SESSION* session = nullptr;
  int last_error = 0;
  int reason = 0;
};

// One connection: handshake, "ping" to the server, "pong" back, close.
struct Visit {
  Loop& loop;
  std::unique_ptr<TlsTransport> server;
  std::unique_ptr<Client> client;
  net::IoStatus server_status = net::IoStatus::kError;
  bool client_ok = false;
  std::string received;
  std::string answer;
  net::IoStatus end = net::IoStatus::kOk;

  Visit(Loop& l, std::shared_ptr<TlsServerContext> context, const ClientOptions& options) : loop(l) {
    auto [left, right] = Connect(loop);
    server = std::make_unique<TlsTransport>(std::move(left), std::move(context));
    client = std::make_unique<Client>(std::move(right), options);
    server->SetDeadline(net::Clock::now() + std::chrono::seconds(10));
  }

  net::Awaitable<void> Serve() {
    server_status = co_await server->Handshake();
    if (server_status == net::IoStatus::kOk) {
      for (;;) {
        char buffer[64];
        const net::IoResult result = server->TryRead(buffer, sizeof(buffer));
        if (result.status == net::IoStatus::kWouldBlock) {
          const net::IoStatus status = co_await server->WaitReadable();
          if (status == net::IoStatus::kOk) continue;
        }
        if (result.status != net::IoStatus::kOk) {
          end = result.status;
          break;
        }
        received.append(buffer, result.bytes);
        const net::IoStatus written = co_await net::WriteAll(*server, "po", "n", "g");
        if (written == net::IoStatus::kOk) server->CloseSend();
      }
    }
    // The alert of a failed handshake is still delivered.
    server->Close(false);
    loop.Done();
  }

  net::Awaitable<void> Use() {
    client_ok = co_await client->Handshake();
    if (client_ok) {
      client->Write("ping");
      answer = co_await client->ReadAll();
      SSL_shutdown(client->ssl.get());
    }
    client->socket->Close(false);
    loop.Done();
  }

  void Start() {
    loop.running += 2;
    boost::asio::co_spawn(loop.context.get_executor(), Serve(), boost::asio::detached);
    boost::asio::co_spawn(loop.context.get_executor(), Use(), boost::asio::detached);
  }
  Visit& Go() {
    Start();
    loop.Run();
    return *this;
  }
};

}  // namespace portreeve::tls::testing
