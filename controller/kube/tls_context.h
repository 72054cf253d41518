// Whom we trust and who we are where TLS is spoken.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "common/secret_bytes.h"

struct ssl_ctx_st;

namespace portreeve::kube {

struct TlsSettings {
  std::string ca_pem;  // who may have signed the server's certificate; empty: the roots of this system
  std::string client_certificate_pem;
  SecretBytes client_key_pem;
  std::string server_name;  // must be in the server's certificate: a name or an address
  bool insecure = false;    // any certificate is as good as another
};

// What the TLS handshakes with one server have in common. Immutable, any thread.
class TlsContext {
 public:
  // Fails, without quoting, for PEM that can't be read and a key that isn't the certificate's.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Create(const TlsSettings& settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const std::string& server_name() const { return server_name_; }
  ssl_ctx_st* get() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* context_;
  std::string server_name_;
};

}  // namespace portreeve::kube
