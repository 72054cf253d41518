#include "controller/kube/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <string_view>
#include <vector>

namespace portreeve::kube {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> Over(std::string_view bytes) {
  return Owned<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Never asks on the terminal for the password of an encrypted key.
int NoPassword(char*, int, int, void*) {
  return -1;
}

// The text before the first certificate is skipped, as everywhere with PEM.
std::vector<Owned<X509>> ReadCertificates(std::string_view pem) {
  std::vector<Owned<X509>> certificates;
  const Owned<BIO> bio = Over(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  ERR_clear_error();
  return certificates;
}

absl::Status UseAuthorities(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return absl::OkStatus();
    return absl::FailedPreconditionError("the certificate authorities of this system can't be read");
  }
  const std::vector<Owned<X509>> certificates = ReadCertificates(pem);
  if (certificates.empty()) {
    return absl::InvalidArgumentError("the certificate authority of the API server holds no PEM certificate");
  }
  for (const Owned<X509>& certificate : certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  }
  ERR_clear_error();
  return absl::OkStatus();
}

absl::Status UseClientCertificate(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.client_certificate_pem.empty() && settings.client_key_pem.Reveal().empty()) return absl::OkStatus();
  const std::vector<Owned<X509>> chain = ReadCertificates(settings.client_certificate_pem);
  if (chain.empty()) return absl::InvalidArgumentError("the client certificate holds no PEM certificate");
  const Owned<BIO> bio = Over(settings.client_key_pem.Reveal());
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the client key holds no PEM private key, or one that is encrypted");
  }
  bool used = SSL_CTX_use_certificate(context, chain.front().get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i) used &= SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  used &= SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  ERR_clear_error();
  if (!used) return absl::InvalidArgumentError("the client key doesn't belong to the client certificate");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Create(const TlsSettings& settings) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> result(new TlsContext(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* context = result->context_;
  if (context == nullptr) return absl::ResourceExhaustedError("OpenSSL gives no context");
  result->server_name_ = settings.server_name;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Whatever is given as an authority is one, also where somebody else has signed it.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, settings.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  // Nothing but HTTP/1.1 is spoken here, and an API server prefers HTTP/2.
  static constexpr unsigned char kProtocols[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, kProtocols, sizeof(kProtocols) - 1);
  if (absl::Status status = UseAuthorities(context, settings.ca_pem); !status.ok()) return status;
  if (absl::Status status = UseClientCertificate(context, settings); !status.ok()) return status;
  return result;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

}  // namespace portreeve::kube
