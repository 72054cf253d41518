#include "controller/serve/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

namespace portreeve::serve {
namespace {

// gRPC 1.51's own classes for C++ reload certificates from files only (FileWatcherCertificateProvider): the key would
// have to lie on a disk. Its C interface asks a function at each handshake, so this is a thin cover over that.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  explicit TlsCredentials(CertificateSource source) : source_(std::move(source)) {
    credentials_ =
        grpc_ssl_server_credentials_create_with_options(grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, &TlsCredentials::Fetch, this));
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }

  // A processor would run on gRPC's threads; TokenGate does this.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {
    std::abort();
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<TlsCredentials*>(self)->FetchLatest(config);
  }

  grpc_ssl_certificate_config_reload_status FetchLatest(grpc_ssl_server_certificate_config** config) {
    std::lock_guard lock(mutex_);
    std::shared_ptr<const ServerCertificate> latest = source_();
    if (latest == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    if (latest == loaded_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    // C strings that gRPC copies; PEM has no zero bytes.
    const std::string key(latest->key.Reveal());
    const grpc_ssl_pem_key_cert_pair pair = {key.c_str(), latest->chain.c_str()};
    // No client is asked for a certificate, but gRPC 1.51 aborts without roots to check one with.
    *config = grpc_ssl_server_certificate_config_create(latest->chain.c_str(), &pair, 1);
    loaded_ = std::move(latest);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const CertificateSource source_;
  grpc_server_credentials* credentials_ = nullptr;
  std::mutex mutex_;
  std::shared_ptr<const ServerCertificate> loaded_;  // guarded by mutex_
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(CertificateSource source) {
  return std::make_shared<TlsCredentials>(std::move(source));
}

}  // namespace portreeve::serve
