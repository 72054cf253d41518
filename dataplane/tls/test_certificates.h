// Keys and certificates made on the spot, for tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/secret_bytes.h"
#include "dataplane/tls/openssl_ptr.h"

namespace portreeve::tls::testing {

// "rsa", "rsa1024", "p256", "p384", "p521", "ed25519". Made once for each `slot`: RSA keys take long.
evp_pkey_st* TestKey(std::string_view kind, int slot = 0);
std::string KeyPem(evp_pkey_st* key);

struct CertificateRequest {
  std::string subject = "test";
  std::vector<std::string> dns_names;
  evp_pkey_st* key = nullptr;
  // Null: self-signed.
  x509_st* issuer = nullptr;
  evp_pkey_st* issuer_key = nullptr;
  bool authority = false;
  long valid_from_seconds = -3600;
  long valid_for_seconds = 86400;
};
X509Ptr MakeCertificate(const CertificateRequest& request);
std::string CertificatePem(const x509_st* certificate);

// A self-signed pair.
struct Pair {
  std::string chain;
  SecretBytes key;
};
Pair MakePair(std::vector<std::string> dns_names, std::string_view kind = "p256", int slot = 0);

}  // namespace portreeve::tls::testing
