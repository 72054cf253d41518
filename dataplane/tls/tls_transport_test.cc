#include "dataplane/tls/tls_transport.h"

#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "dataplane/tls/test_certificates.h"
#include "dataplane/tls/test_client.h"

namespace portreeve::tls {
namespace {

using net::Awaitable;
using net::IoResult;
using net::IoStatus;
using testing::Client;
using testing::ClientOptions;
using testing::Connect;
using testing::Loop;
using testing::MakePair;
using testing::Pair;
using testing::Visit;

std::shared_ptr<const Certificate> Parsed(const Pair& pair) {
  auto result = Certificate::Parse(pair.chain, pair.key);
  REQUIRE(result.ok());
  return *result;
}

std::shared_ptr<const TlsListener> ListenerOf(std::string id, std::vector<Pair> pairs) {
  auto listener = std::make_shared<TlsListener>();
  listener->id = std::move(id);
  for (const Pair& pair : pairs) listener->certificates.push_back(Parsed(pair));
  return listener;
}

using Names = std::map<std::string, std::shared_ptr<const TlsListener>, std::less<>>;

CertificateChooser ChooserOf(Names names) {
  return [names = std::move(names)](std::string_view name) -> std::shared_ptr<const TlsListener> {
    const auto found = names.find(name);
    return found == names.end() ? nullptr : found->second;
  };
}

std::shared_ptr<TlsServerContext> ContextOf(Names names) {
  return TlsServerContext::Create(std::make_shared<TicketKeys>(), ChooserOf(std::move(names)));
}

}  // namespace

TEST_CASE("SNI chooses the listener; bytes go both ways; close_notify ends both") {
  Loop loop;
  const auto a = ListenerOf("a", {MakePair({"a.example"})});
  const auto b = ListenerOf("b", {MakePair({"b.example"}, "p256", 1)});
  const auto context = ContextOf({{"a.example", a}, {"b.example", b}});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientOptions options;
    options.max_version = version;
    options.sni = "B.Example";
    Visit visit(loop, context, options);
    visit.Go();
    CHECK(visit.client_ok);
    CHECK(visit.server_status == IoStatus::kOk);
    CHECK(visit.client->PeerName() == "b.example");
    CHECK(visit.server->listener() == b);
    CHECK(visit.server->server_name() == "b.example");
    CHECK(visit.received == "ping");
    CHECK(visit.answer == "pong");
    CHECK(visit.client->last_error == SSL_ERROR_ZERO_RETURN);
    CHECK(visit.end == IoStatus::kClosed);
    CHECK(visit.server->tls_summary() ==
          (version == TLS1_2_VERSION ? "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256" : "TLSv1.3 TLS_AES_128_GCM_SHA256"));
  }
}

TEST_CASE("An unknown, missing or malformed name is refused without a certificate") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  for (const char* name : {"b.example", "", "a.example.evil", "127.0.0.1", "a example", "*.example", "."}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      ClientOptions options;
      options.sni = name;
      options.max_version = version;
      Visit visit(loop, context, options);
      visit.Go();
      CHECK_FALSE(visit.client_ok);
      CHECK(visit.server_status == IoStatus::kError);
      CHECK(visit.server->failure_reason() == http::Reason::kTlsUnknownName);
      CHECK(visit.client->reason == SSL_R_TLSV1_UNRECOGNIZED_NAME);
      CHECK(visit.client->PeerName().empty());
      CHECK(visit.server->tls_summary() == "no listener for the server name");
    }
  }
}

TEST_CASE("A listener for the empty name serves clients without SNI") {
  Loop loop;
  const auto context = ContextOf({{"", ListenerOf("any", {MakePair({"fallback.example"})})}});
  ClientOptions options;
  options.sni = "";
  Visit visit(loop, context, options);
  CHECK(visit.Go().client->PeerName() == "fallback.example");
}

TEST_CASE("ECDSA goes to clients that can, RSA to the others") {
  Loop loop;
  const Pair rsa = MakePair({"rsa.example"}, "rsa");
  const Pair ecdsa = MakePair({"ec.example"}, "p384");
  const auto context = ContextOf({{"a.example", ListenerOf("a", {rsa, ecdsa})}});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientOptions both;
    both.max_version = version;
    Visit first(loop, context, both);
    CHECK(first.Go().client->PeerName() == "ec.example");
    ClientOptions only_rsa = both;
    only_rsa.signatures = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";
    Visit second(loop, context, only_rsa);
    CHECK(second.Go().client->PeerName() == "rsa.example");
    ClientOptions rsa_preferred = both;
    rsa_preferred.signatures = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256:ecdsa_secp384r1_sha384";
    Visit third(loop, context, rsa_preferred);
    CHECK(third.Go().client->PeerName() == "ec.example");
  }
}

TEST_CASE("Ed25519 certificates work") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"}, "ed25519")})}});
  Visit visit(loop, context, ClientOptions());
  CHECK(visit.Go().client->PeerKey() == "ED25519");
}

TEST_CASE("Among the certificates of a listener the one that covers the name is shown") {
  Loop loop;
  const auto listener = ListenerOf("a", {MakePair({"x.example"}, "p256", 1), MakePair({"*.y.example"}, "p256", 2)});
  const auto context = ContextOf({{"x.example", listener}, {"1.y.example", listener}, {"z.example", listener}});
  for (const auto& [name, shown] : std::map<std::string, std::string>{
           {"x.example", "x.example"}, {"1.y.example", "*.y.example"}, {"z.example", "x.example"}}) {
    ClientOptions options;
    options.sni = name;
    Visit visit(loop, context, options);
    CHECK(visit.Go().client->PeerName() == shown);
  }
}

TEST_CASE("The whole chain is sent") {
  Loop loop;
  testing::CertificateRequest root;
  root.subject = "root";
  root.key = testing::TestKey("p256", 3);
  root.authority = true;
  const X509Ptr authority = testing::MakeCertificate(root);
  testing::CertificateRequest leaf;
  leaf.dns_names = {"a.example"};
  leaf.key = testing::TestKey("p256");
  leaf.issuer = authority.get();
  leaf.issuer_key = root.key;
  Pair pair;
  pair.chain = testing::CertificatePem(testing::MakeCertificate(leaf).get()) + testing::CertificatePem(authority.get());
  pair.key = SecretBytes(testing::KeyPem(leaf.key));
  const auto context = ContextOf({{"a.example", ListenerOf("a", {pair})}});
  Visit visit(loop, context, ClientOptions());
  visit.Go();
  CHECK(sk_X509_num(SSL_get_peer_cert_chain(visit.client->ssl.get())) == 2);
}

TEST_CASE("ALPN: h2 wins, http/1.1 without it, none is fine, others are refused") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  const std::map<std::string, std::string> cases = {
      {"\x08http/1.1\x02h2", "h2"}, {"\x08http/1.1", "http/1.1"}, {"\x03h2c\x08http/1.1", "http/1.1"}, {"", ""}};
  for (const auto& [offer, chosen] : cases) {
    ClientOptions options;
    options.alpn = offer;
    Visit visit(loop, context, options);
    visit.Go();
    CHECK(visit.client_ok);
    CHECK(visit.server->alpn() == chosen);
  }
  ClientOptions unknown;
  unknown.alpn = "\x03h2c\x06spdy/1";
  Visit refused(loop, context, unknown);
  refused.Go();
  CHECK_FALSE(refused.client_ok);
  CHECK(refused.client->reason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  context->SetHttp2(false);
  ClientOptions options;
  options.alpn = "\x02h2\x08http/1.1";
  Visit without(loop, context, options);
  CHECK(without.Go().server->alpn() == "http/1.1");
}

TEST_CASE("Tickets resume with their own listener and name only") {
  Loop loop;
  const auto keys = std::make_shared<TicketKeys>();
  const auto a = ListenerOf("a", {MakePair({"a.example", "a2.example"})});
  const auto b = ListenerOf("b", {MakePair({"b.example"})});
  const Names names = {{"a.example", a}, {"a2.example", a}, {"b.example", b}};
  const auto context = TlsServerContext::Create(keys, ChooserOf(names));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ClientOptions options;
    options.max_version = version;
    Visit first(loop, context, options);
    first.Go();
    CHECK_FALSE(first.server->resumed());
    REQUIRE(first.client->session != nullptr);
    options.resume = first.client->session;

    Visit again(loop, context, options);
    CHECK(again.Go().server->resumed());
    CHECK(again.answer == "pong");
    // Another worker's context shares the keys.
    INFO("version " << version);
    Visit elsewhere(loop, TlsServerContext::Create(keys, ChooserOf(names)), options);
    CHECK(elsewhere.Go().server->resumed());

    for (const char* other : {"a2.example", "b.example"}) {
      ClientOptions stolen = options;
      stolen.sni = other;
      SSL_SESSION_set1_hostname(stolen.resume, other);
      Visit visit(loop, context, stolen);
      visit.Go();
      CHECK(visit.client_ok);
      CHECK_FALSE(visit.server->resumed());
    }
    SSL_SESSION_set1_hostname(options.resume, "a.example");
    // The name now belongs to another listener.
    Visit moved(loop, TlsServerContext::Create(keys, ChooserOf({{"a.example", b}})), options);
    CHECK_FALSE(moved.Go().server->resumed());
    CHECK(moved.client_ok);
    // Another process has other keys.
    Visit foreign(loop, ContextOf(names), options);
    CHECK_FALSE(foreign.Go().server->resumed());
    CHECK(foreign.client_ok);
  }
}

TEST_CASE("Ticket keys rotate and the last ones still open") {
  TicketKeys keys;
  const auto start = std::chrono::steady_clock::now();
  const auto first = keys.At(start);
  CHECK(keys.At(start + std::chrono::minutes(59)) == first);
  const auto second = keys.At(start + TicketKeys::kPeriod);
  CHECK(second->previous.name == first->current.name);
  CHECK(second->previous.cipher == first->current.cipher);
  CHECK(second->current.cipher != first->current.cipher);
  const auto late = keys.At(start + 5 * TicketKeys::kPeriod);
  CHECK(late->previous.name != second->current.name);
}

TEST_CASE("Certificates rotate while handshakes run and none fails") {
  Loop loop;
  const auto old_listener = ListenerOf("a", {MakePair({"old.example"}, "p256", 4)});
  const auto context = ContextOf({{"a.example", old_listener}});
  std::vector<std::unique_ptr<Visit>> visits;
  std::map<std::string, int> shown;
  for (int round = 0; round < 40; ++round) {
    visits.push_back(std::make_unique<Visit>(loop, context, ClientOptions()));
    visits.back()->Start();
    // The turns between let handshakes be anywhere when the swap comes.
    loop.poller.Start();
    for (int i = 0; i < round % 7; ++i) loop.context.poll_one();
    loop.poller.Stop();
    const std::string name = "round" + std::to_string(round) + ".example";
    context->SetChooser(ChooserOf({{"a.example", ListenerOf("a", {MakePair({name}, "p256", round % 3)})}}));
  }
  loop.Run();
  for (const auto& visit : visits) {
    CHECK(visit->client_ok);
    CHECK(visit->answer == "pong");
    ++shown[visit->client->PeerName()];
  }
  CHECK(shown.size() > 1);
}

TEST_CASE("Failures have a reason that can be read") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  ClientOptions options;
  options.max_version = TLS1_2_VERSION;
  options.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  Visit no_cipher(loop, context, options);
  no_cipher.Go();
  CHECK(no_cipher.server->failure_reason() == http::Reason::kTlsFailed);
  CHECK(no_cipher.server->tls_summary() == "no shared cipher");

  Visit distrust(loop, context, ClientOptions());
  SSL_set_verify(distrust.client->ssl.get(), SSL_VERIFY_PEER, nullptr);
  distrust.Go();
  CHECK_FALSE(distrust.client_ok);
  CHECK(distrust.server->tls_summary() == "unknown CA (the client's alert)");

  ClientOptions old;
  old.max_version = TLS1_1_VERSION;
  old.ciphers = "ALL:@SECLEVEL=0";
  Visit old_version(loop, context, old);
  old_version.Go();
  CHECK(old_version.server->tls_summary() == "unsupported protocol");
}

namespace {

Awaitable<void> HandshakeOnly(Loop& loop, TlsTransport& server, IoStatus& status) {
  status = co_await server.Handshake();
  loop.Done();
}

}  // namespace

TEST_CASE("Garbage, silence and a lost peer end the handshake") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  const auto attempt = [&](std::string_view sent, bool close, std::chrono::milliseconds deadline) {
    auto [left, right] = Connect(loop);
    TlsTransport server(std::move(left), context);
    server.SetDeadline(net::Clock::now() + deadline);
    const iovec part{const_cast<char*>(sent.data()), sent.size()};
    if (!sent.empty()) right->TryWrite({&part, 1});
    if (close) right->Close(false);
    IoStatus status = IoStatus::kOk;
    ++loop.running;
    boost::asio::co_spawn(loop.context.get_executor(), HandshakeOnly(loop, server, status), boost::asio::detached);
    loop.Run();
    return std::make_tuple(status, server.failure_reason(), server.tls_summary());
  };
  using std::chrono::milliseconds;
  CHECK(attempt("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, milliseconds(5000)) ==
        std::make_tuple(IoStatus::kError, http::Reason::kTlsFailed, std::string("plain HTTP on a TLS port")));
  CHECK(std::get<1>(attempt(std::string_view("\x16\x03\x01\x00\x05hello", 10), false, milliseconds(5000))) ==
        http::Reason::kTlsFailed);
  CHECK(attempt("", true, milliseconds(5000)) ==
        std::make_tuple(IoStatus::kError, http::Reason::kTlsFailed, std::string("the client closed the connection")));
  CHECK(attempt("\x16\x03", false, milliseconds(60)) ==
        std::make_tuple(IoStatus::kTimeout, http::Reason::kTlsTimeout, std::string("the handshake took too long")));
}

namespace {

// Handshake on both sides, then hands over to the test.
Awaitable<void> Join(Loop& loop, Awaitable<bool> client) {
  co_await std::move(client);
  loop.Done();
}

void Shake(Loop& loop, TlsTransport& server, Client& client) {
  IoStatus status = IoStatus::kError;
  loop.running += 2;
  boost::asio::co_spawn(loop.context.get_executor(), HandshakeOnly(loop, server, status), boost::asio::detached);
  boost::asio::co_spawn(loop.context.get_executor(), Join(loop, client.Handshake()), boost::asio::detached);
  loop.Run();
  REQUIRE(status == IoStatus::kOk);
}

Awaitable<void> ReadToEnd(Loop& loop, TlsTransport& server, std::string& text, IoStatus& end) {
  for (;;) {
    char buffer[1000];
    const IoResult result = server.TryRead(buffer, sizeof(buffer));
    if (result.status == IoStatus::kOk) {
      text.append(buffer, result.bytes);
      // Waiting right away must not lose what OpenSSL holds already.
    } else if (result.status != IoStatus::kWouldBlock) {
      end = result.status;
      break;
    }
    const IoStatus status = co_await server.WaitReadable();
    if (status != IoStatus::kOk) break;
  }
  loop.Done();
}

Awaitable<void> WriteBig(Loop& loop, TlsTransport& server, const std::string& text) {
  const std::string_view whole = text;
  const IoStatus status =
      co_await net::WriteAll(server, whole.substr(0, 7), whole.substr(7, 20000), whole.substr(20007));
  if (status == IoStatus::kOk) server.CloseSend();
  loop.Done();
}

Awaitable<void> ReadBig(Loop& loop, Client& client, std::string& text) {
  text = co_await client.ReadAll();
  loop.Done();
}

}  // namespace

TEST_CASE("A truncated stream is an error, not an end; the peer's going is seen") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  for (const bool notify : {true, false}) {
    auto [left, right] = Connect(loop);
    TlsTransport server(std::move(left), context);
    Client client(std::move(right), ClientOptions());
    Shake(loop, server, client);
    CHECK_FALSE(server.PeerGone());
    client.Write(std::string(5000, 'x'));
    if (notify) SSL_shutdown(client.ssl.get());
    client.socket->Close(false);
    CHECK(server.PeerGone());
    std::string text;
    IoStatus end = IoStatus::kOk;
    ++loop.running;
    boost::asio::co_spawn(loop.context.get_executor(), ReadToEnd(loop, server, text, end), boost::asio::detached);
    loop.Run();
    CHECK(text == std::string(5000, 'x'));
    CHECK(end == (notify ? IoStatus::kClosed : IoStatus::kError));
    CHECK(server.failure_reason() == http::Reason::kNone);
    CHECK(server.tls_summary() == "TLSv1.3 TLS_AES_128_GCM_SHA256");
  }
}

TEST_CASE("Megabytes arrive whole through a full socket") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  auto [left, right] = Connect(loop);
  TlsTransport server(std::move(left), context);
  Client client(std::move(right), ClientOptions());
  Shake(loop, server, client);
  std::string text(3 << 20, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  std::string received;
  loop.running += 2;
  boost::asio::co_spawn(loop.context.get_executor(), WriteBig(loop, server, text), boost::asio::detached);
  boost::asio::co_spawn(loop.context.get_executor(), ReadBig(loop, client, received), boost::asio::detached);
  loop.Run();
  CHECK(received == text);
  CHECK(client.last_error == SSL_ERROR_ZERO_RETURN);
}

TEST_CASE("Renegotiation is refused") {
  Loop loop;
  const auto context = ContextOf({{"a.example", ListenerOf("a", {MakePair({"a.example"})})}});
  auto [left, right] = Connect(loop);
  TlsTransport server(std::move(left), context);
  ClientOptions options;
  options.max_version = TLS1_2_VERSION;
  Client client(std::move(right), options);
  Shake(loop, server, client);
  REQUIRE(SSL_renegotiate(client.ssl.get()) == 1);
  SSL_do_handshake(client.ssl.get());
  char buffer[16];
  const IoResult result = server.TryRead(buffer, sizeof(buffer));
  CHECK(result.bytes == 0);
  CHECK(SSL_get_state(client.ssl.get()) != TLS_ST_OK);
}

}  // namespace portreeve::tls
