#include "dataplane/tls/certificate.h"

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "dataplane/http/ascii.h"

namespace portreeve::tls {

void OpenSslFree::operator()(ssl_st* object) const {
  SSL_free(object);
}
void OpenSslFree::operator()(ssl_ctx_st* object) const {
  SSL_CTX_free(object);
}
void OpenSslFree::operator()(x509_st* object) const {
  X509_free(object);
}
void OpenSslFree::operator()(evp_pkey_st* object) const {
  EVP_PKEY_free(object);
}
void OpenSslFree::operator()(stack_st_X509* object) const {
  sk_X509_pop_free(object, X509_free);
}

namespace {

constexpr std::size_t kMaxPemBytes = 1 << 20;
constexpr std::size_t kMaxChain = 10;
constexpr int kMinRsaBits = 2048;

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

BioPtr ReadBio(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Never asks on the terminal: an encrypted key is an error.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

absl::StatusOr<std::vector<X509Ptr>> ReadCertificates(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) return absl::InvalidArgumentError("the certificate chain is larger than 1 MiB");
  BioPtr bio = ReadBio(pem);
  std::vector<X509Ptr> result;
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    result.emplace_back(one);
    if (result.size() > kMaxChain) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxChain, " certificates in the chain"));
    }
  }
  // The end of the input shows as "no start line"; anything else is a block that can't be read.
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!at_end) {
    return absl::InvalidArgumentError(absl::StrCat("certificate ", result.size() + 1, " of the chain can't be read"));
  }
  if (result.empty()) return absl::InvalidArgumentError("there is no PEM certificate in the chain");
  return result;
}

absl::StatusOr<KeyPtr> ReadKey(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) return absl::InvalidArgumentError("the private key is larger than 1 MiB");
  ERR_clear_error();
  BioPtr bio = ReadBio(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key) return key;
  if (pem.find("ENCRYPTED") != std::string_view::npos) {
    return absl::InvalidArgumentError("the private key is encrypted; store it without a passphrase");
  }
  return absl::InvalidArgumentError("the private key can't be read; expected PEM (PKCS#8, PKCS#1 or SEC1)");
}

absl::StatusOr<KeyKind> CheckKeyKind(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < kMinRsaBits) {
        return absl::InvalidArgumentError(
            absl::StrCat("the RSA key has ", EVP_PKEY_get_bits(key), " bits; at least ", kMinRsaBits, " are required"));
      }
      return KeyKind::kRsa;
    case EVP_PKEY_EC: {
      char group[64] = "";
      std::size_t length = 0;
      EVP_PKEY_get_group_name(key, group, sizeof(group), &length);
      const int nid = OBJ_sn2nid(group);
      if (nid != NID_X9_62_prime256v1 && nid != NID_secp384r1) {
        return absl::InvalidArgumentError("the key's curve isn't supported; use P-256 or P-384");
      }
      return KeyKind::kEcdsa;
    }
    case EVP_PKEY_ED25519:
      return KeyKind::kEd25519;
    default:
      return absl::InvalidArgumentError("the kind of key isn't supported; use ECDSA (P-256, P-384), Ed25519 or RSA");
  }
}

bool SameCertificate(const X509Ptr& a, const X509Ptr& b) {
  return X509_cmp(a.get(), b.get()) == 0;
}

bool Issued(const X509Ptr& issuer, const X509Ptr& subject) {
  return X509_check_issued(issuer.get(), subject.get()) == X509_V_OK;
}

// Takes the certificate of the key out of `pool`. The first, where several have that key.
absl::StatusOr<X509Ptr> TakeLeaf(std::vector<X509Ptr>& pool, EVP_PKEY* key) {
  for (auto it = pool.begin(); it != pool.end(); ++it) {
    if (X509_check_private_key(it->get(), key) != 1) continue;
    X509Ptr leaf = std::move(*it);
    pool.erase(it);
    ERR_clear_error();
    return leaf;
  }
  ERR_clear_error();
  return absl::InvalidArgumentError("the private key doesn't belong to the certificate");
}

// Leaf to root; `pool` must be used up. TLS 1.2 clients may rely on the order (RFC 5246 section 7.4.2).
absl::StatusOr<std::vector<X509Ptr>> OrderChain(const X509Ptr& leaf, std::vector<X509Ptr> pool) {
  std::vector<X509Ptr> chain;
  std::erase_if(pool, [&](const X509Ptr& one) { return SameCertificate(one, leaf); });
  while (!pool.empty()) {
    const X509Ptr& last = chain.empty() ? leaf : chain.back();
    const auto next = std::find_if(pool.begin(), pool.end(), [&](const X509Ptr& one) { return Issued(one, last); });
    if (next == pool.end()) {
      return absl::InvalidArgumentError(
          "a certificate doesn't belong to the chain: each must be the issuer of the one before it, the leaf first");
    }
    X509Ptr issuer = std::move(*next);
    pool.erase(next);
    std::erase_if(pool, [&](const X509Ptr& one) { return SameCertificate(one, issuer); });
    chain.push_back(std::move(issuer));
  }
  return chain;
}

std::string_view Asn1Text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string ToLower(std::string_view name) {
  std::string result(name);
  for (char& c : result) c = http::ToLower(c);
  return result;
}

bool IsDnsName(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return http::IsHostChar(c) || c == '*'; });
}

std::vector<std::string> DnsNames(X509* leaf) {
  std::vector<std::string> result;
  auto add = [&](std::string_view name) {
    if (IsDnsName(name)) result.push_back(ToLower(name));
  };
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) add(Asn1Text(name->d.dNSName));
  }
  if (names == nullptr) {
    const X509_NAME* subject = X509_get_subject_name(leaf);
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index >= 0) add(Asn1Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
  }
  GENERAL_NAMES_free(names);
  ERR_clear_error();
  return result;
}

std::string Fingerprint(const X509* leaf) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(leaf, EVP_sha256(), digest, &size) != 1) return {};
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

absl::Time ToTime(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string ValidityWarning(const X509* leaf) {
  const absl::Time now = absl::Now();
  const absl::Time from = ToTime(X509_get0_notBefore(leaf));
  const absl::Time until = ToTime(X509_get0_notAfter(leaf));
  const auto text = [](absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone()); };
  if (now > until) return absl::StrCat("the certificate expired on ", text(until));
  if (now < from) return absl::StrCat("the certificate isn't valid before ", text(from));
  return {};
}

}  // namespace

std::string_view KeyKindName(KeyKind kind) {
  constexpr std::string_view kNames[] = {"ecdsa", "ed25519", "rsa"};
  return kNames[static_cast<std::size_t>(kind)];
}

absl::StatusOr<std::shared_ptr<const Certificate>> Certificate::Parse(std::string_view chain_pem,
                                                                      const SecretBytes& key_pem) {
  absl::StatusOr<std::vector<X509Ptr>> pool = ReadCertificates(chain_pem);
  if (!pool.ok()) return pool.status();
  absl::StatusOr<KeyPtr> key = ReadKey(key_pem.Reveal());
  if (!key.ok()) return key.status();
  const absl::StatusOr<KeyKind> kind = CheckKeyKind(key->get());
  if (!kind.ok()) return kind.status();
  absl::StatusOr<X509Ptr> leaf = TakeLeaf(*pool, key->get());
  if (!leaf.ok()) return leaf.status();
  absl::StatusOr<std::vector<X509Ptr>> issuers = OrderChain(*leaf, *std::move(pool));
  if (!issuers.ok()) return issuers.status();

  std::shared_ptr<Certificate> result(new Certificate);
  result->chain_.reset(sk_X509_new_null());
  for (X509Ptr& issuer : *issuers) {
    if (sk_X509_push(result->chain_.get(), issuer.get()) > 0) static_cast<void>(issuer.release());
  }
  result->kind_ = *kind;
  result->dns_names_ = DnsNames(leaf->get());
  result->fingerprint_ = Fingerprint(leaf->get());
  result->not_after_ = absl::ToChronoTime(ToTime(X509_get0_notAfter(leaf->get())));
  result->warning_ = ValidityWarning(leaf->get());
  result->leaf_ = *std::move(leaf);
  result->key_ = *std::move(key);
  return result;
}

bool Certificate::Covers(std::string_view name) const {
  const std::size_t dot = name.find('.');
  for (std::string_view own : dns_names_) {
    if (own == name) return true;
    if (!own.starts_with("*.") || dot == std::string_view::npos || dot == 0) continue;
    if (own.substr(1) == name.substr(dot)) return true;
  }
  return false;
}

}  // namespace portreeve::tls
