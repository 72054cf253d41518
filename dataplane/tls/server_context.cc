#include "dataplane/tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "dataplane/http/ascii.h"

namespace portreeve::tls {
namespace {

constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kTls13Ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Our order decides which of several certificates is shown.
constexpr char kSignatures[] =
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
    "rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
constexpr char kGroups[] = "X25519:P-256:P-384";
constexpr std::size_t kMaxNameBytes = 253;
constexpr unsigned char kHttp2Alpn[] = {'h', '2'};
constexpr unsigned char kHttp1Alpn[] = {'h', 't', 't', 'p', '/', '1', '.', '1'};

int StateIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

HandshakeState& StateOf(const SSL* ssl) {
  return *static_cast<HandshakeState*>(SSL_get_ex_data(ssl, StateIndex()));
}

// Reads big-endian lengths off the front of an extension.
class Cursor {
 public:
  Cursor(const unsigned char* data, std::size_t size) : data_(data), size_(size) {}
  std::optional<std::size_t> Number(std::size_t bytes) {
    if (size_ < bytes) return std::nullopt;
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | data_[i];
    data_ += bytes;
    size_ -= bytes;
    return value;
  }
  const unsigned char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  const unsigned char* data_;
  std::size_t size_;
};

// The one host_name of a server_name extension (RFC 6066 section 3). Nullopt: malformed.
std::optional<std::string_view> HostNameOf(const unsigned char* data, std::size_t size) {
  Cursor cursor(data, size);
  const auto list = cursor.Number(2);
  if (!list || *list != cursor.size()) return std::nullopt;
  const auto type = cursor.Number(1);
  const auto length = cursor.Number(2);
  if (!type || *type != TLSEXT_NAMETYPE_host_name || !length || *length != cursor.size()) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(cursor.data()), cursor.size());
}

// Lower case, without the dot at the end. Nullopt: no name of a host.
std::optional<std::string> CanonicalName(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxNameBytes) return std::nullopt;
  std::string result(name);
  for (char& c : result) {
    c = http::ToLower(c);
    if (!http::IsHostChar(c) && c != ':') return std::nullopt;
  }
  return result;
}

// A session resumes only where this agrees: with the same listener, and for the same name.
bool BindSessions(SSL* ssl, const HandshakeState& state) {
  std::string text = state.listener->id;
  text.push_back('\0');
  text += state.server_name;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  static_assert(SHA256_DIGEST_LENGTH <= SSL_MAX_SID_CTX_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return SSL_set_session_id_context(ssl, digest, sizeof(digest)) == 1;
}

// Runs before anything of the ClientHello is acted on, a session ticket in it too.
int OnClientHello(SSL* ssl, int* alert, void*) {
  HandshakeState& state = StateOf(ssl);
  // After a HelloRetryRequest the answer stays what it was.
  if (state.listener) return SSL_CLIENT_HELLO_SUCCESS;
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  std::optional<std::string> name = std::string();
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) == 1) {
    const std::optional<std::string_view> sent = HostNameOf(extension, size);
    if (!sent) {
      *alert = SSL_AD_DECODE_ERROR;
      return SSL_CLIENT_HELLO_ERROR;
    }
    name = CanonicalName(*sent);
  }
  if (name) {
    state.server_name = *std::move(name);
    state.listener = state.context->chooser()(state.server_name);
  }
  if (!state.listener || state.listener->certificates.empty()) {
    state.listener = nullptr;
    state.unknown_name = true;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (!BindSessions(ssl, state)) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Hands OpenSSL one certificate of each kind; it takes the first in our order of signatures that the client knows.
int OnCertificateNeeded(SSL* ssl, void*) {
  const HandshakeState& state = StateOf(ssl);
  if (!state.listener) return 0;
  const auto& all = state.listener->certificates;
  const Certificate* chosen[3] = {};
  for (const bool covering : {true, false}) {
    bool found = false;
    for (const auto& certificate : all) {
      if (covering && !certificate->Covers(state.server_name)) continue;
      const Certificate*& slot = chosen[static_cast<std::size_t>(certificate->kind())];
      if (slot == nullptr) slot = certificate.get();
      found = true;
    }
    if (found) break;
  }
  for (const Certificate* one : chosen) {
    if (one == nullptr) continue;
    if (SSL_use_cert_and_key(ssl, one->leaf(), one->key(), one->chain(), 1) != 1) return 0;
  }
  return 1;
}

bool Offers(const unsigned char* list, unsigned size, const unsigned char* protocol, std::size_t length) {
  for (unsigned at = 0; at < size; at += 1U + list[at]) {
    if (list[at] == length && at + 1 + length <= size && std::memcmp(list + at + 1, protocol, length) == 0) return true;
  }
  return false;
}

int OnAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* list, unsigned size,
           void*) {
  if (StateOf(ssl).context->http2() && Offers(list, size, kHttp2Alpn, sizeof(kHttp2Alpn))) {
    *out = kHttp2Alpn;
    *out_size = sizeof(kHttp2Alpn);
    return SSL_TLSEXT_ERR_OK;
  }
  if (Offers(list, size, kHttp1Alpn, sizeof(kHttp1Alpn))) {
    *out = kHttp1Alpn;
    *out_size = sizeof(kHttp1Alpn);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

const EVP_CIPHER* TicketCipher() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

bool SetUp(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool seal) {
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return false;
  return EVP_CipherInit_ex(cipher, TicketCipher(), nullptr, key.cipher.data(), iv, seal ? 1 : 0) == 1;
}

// 1: use the key; 2: use it and issue a new ticket; 0: unknown ticket, full handshake; -1: failure.
int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int seal) {
  const TicketKeySet& keys = StateOf(ssl).context->CurrentTicketKeys();
  if (seal != 0) {
    std::memcpy(name, keys.current.name.data(), keys.current.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(TicketCipher())) != 1) return -1;
    return SetUp(keys.current, iv, cipher, mac, true) ? 1 : -1;
  }
  if (std::memcmp(name, keys.current.name.data(), keys.current.name.size()) == 0) {
    return SetUp(keys.current, iv, cipher, mac, false) ? 1 : -1;
  }
  if (std::memcmp(name, keys.previous.name.data(), keys.previous.name.size()) == 0) {
    return SetUp(keys.previous, iv, cipher, mac, false) ? 2 : -1;
  }
  return 0;
}

void Configure(SSL_CTX* ctx) {
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // One system call brings a record, header and all, or several.
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_max_early_data(ctx, 0);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(ctx, std::chrono::duration_cast<std::chrono::seconds>(TicketKeys::kPeriod).count());
  SSL_CTX_set_num_tickets(ctx, 1);
  const bool ok = SSL_CTX_set_cipher_list(ctx, kCiphers) == 1 && SSL_CTX_set_ciphersuites(ctx, kTls13Ciphers) == 1 &&
                  SSL_CTX_set1_sigalgs_list(ctx, kSignatures) == 1 && SSL_CTX_set1_groups_list(ctx, kGroups) == 1;
  if (!ok) {
    std::fputs("OpenSSL doesn't know our TLS settings\n", stderr);
    std::abort();
  }
  SSL_CTX_set_client_hello_cb(ctx, OnClientHello, nullptr);
  SSL_CTX_set_cert_cb(ctx, OnCertificateNeeded, nullptr);
  SSL_CTX_set_alpn_select_cb(ctx, OnAlpn, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, OnTicket);
}

}  // namespace

std::shared_ptr<TlsServerContext> TlsServerContext::Create(std::shared_ptr<TicketKeys> ticket_keys,
                                                           CertificateChooser chooser) {
  return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(ticket_keys), std::move(chooser)));
}

TlsServerContext::TlsServerContext(std::shared_ptr<TicketKeys> ticket_keys, CertificateChooser chooser)
    : ticket_keys_(std::move(ticket_keys)), chooser_(std::move(chooser)), ssl_ctx_(SSL_CTX_new(TLS_server_method())) {
  if (!ssl_ctx_) {
    std::fputs("no memory for a TLS context\n", stderr);
    std::abort();
  }
  Configure(ssl_ctx_.get());
}

TlsServerContext::~TlsServerContext() = default;

const TicketKeySet& TlsServerContext::CurrentTicketKeys() {
  const auto now = std::chrono::steady_clock::now();
  if (!keys_ || now >= keys_->rotate_at) keys_ = ticket_keys_->At(now);
  return *keys_;
}

SslPtr NewServerSsl(TlsServerContext& context, HandshakeState& state) {
  SslPtr ssl(SSL_new(context.ssl_ctx()));
  if (!ssl) return nullptr;
  state.context = &context;
  SSL_set_ex_data(ssl.get(), StateIndex(), &state);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace portreeve::tls
