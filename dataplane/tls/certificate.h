// A server certificate: its chain and its private key, checked once and then only read.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/secret_bytes.h"
#include "dataplane/tls/openssl_ptr.h"

namespace portreeve::tls {

enum class KeyKind : std::uint8_t { kEcdsa, kEd25519, kRsa };

// "ecdsa", "ed25519", "rsa"
std::string_view KeyKindName(KeyKind kind);

// Immutable, so it may be shared by all threads.
class Certificate {
 public:
  // Takes PEM: the leaf first, or at least a set that makes one chain (it is put in order, leaf to root; doubles are
  // dropped), and one unencrypted private key. Refuses a key that isn't the leaf's, RSA below 2048 bits, curves other
  // than P-256 and P-384, other kinds of keys, a certificate that doesn't belong to the chain, and PEM that can't be
  // read. Messages name what is wrong and never quote input. An expired certificate is taken: see warning().
  static absl::StatusOr<std::shared_ptr<const Certificate>> Parse(std::string_view chain_pem,
                                                                  const SecretBytes& key_pem);

  // Subject alternative names of the leaf, lower case ("a.example", "*.b.example"); the common name only where there
  // are none.
  const std::vector<std::string>& dns_names() const { return dns_names_; }
  // Whether one of them covers `name` (lower case): equal, or a wildcard for exactly one label.
  bool Covers(std::string_view name) const;
  KeyKind kind() const { return kind_; }
  // SHA-256 of the leaf, lower-case hexadecimal.
  const std::string& fingerprint() const { return fingerprint_; }
  std::chrono::system_clock::time_point not_after() const { return not_after_; }
  // "the certificate expired on …" or "… isn't valid before …", as of Parse; empty when all is well.
  const std::string& warning() const { return warning_; }

  // For this folder only.
  x509_st* leaf() const { return leaf_.get(); }
  evp_pkey_st* key() const { return key_.get(); }
  // Without the leaf.
  stack_st_X509* chain() const { return chain_.get(); }

 private:
  Certificate() = default;

  X509Ptr leaf_;
  KeyPtr key_;
  X509StackPtr chain_;
  KeyKind kind_ = KeyKind::kRsa;
  std::vector<std::string> dns_names_;
  std::string fingerprint_;
  std::chrono::system_clock::time_point not_after_;
  std::string warning_;
};

}  // namespace portreeve::tls
