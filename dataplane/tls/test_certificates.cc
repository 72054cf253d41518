#include "dataplane/tls/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <map>
#include <utility>

namespace portreeve::tls::testing {
namespace {

EVP_PKEY* NewKey(std::string_view kind) {
  if (kind == "rsa") return EVP_RSA_gen(2048);
  if (kind == "rsa1024") return EVP_RSA_gen(1024);
  if (kind == "p256") return EVP_EC_gen("P-256");
  if (kind == "p384") return EVP_EC_gen("P-384");
  if (kind == "p521") return EVP_EC_gen("P-521");
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

std::string Take(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string result(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return result;
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

evp_pkey_st* TestKey(std::string_view kind, int slot) {
  static std::map<std::pair<std::string, int>, KeyPtr> keys;
  KeyPtr& key = keys[{std::string(kind), slot}];
  if (!key) key.reset(NewKey(kind));
  return key.get();
}

std::string KeyPem(evp_pkey_st* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return Take(bio);
}

X509Ptr MakeCertificate(const CertificateRequest& request) {
  static std::atomic<long> serial{1};
  X509Ptr result(X509_new());
  X509* certificate = result.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), request.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), request.valid_for_seconds);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(request.subject.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, request.issuer != nullptr ? X509_get_subject_name(request.issuer) : name);
  X509_set_pubkey(certificate, request.key);
  if (request.authority) AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  std::string names;
  for (const std::string& one : request.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + one;
  if (!names.empty()) AddExtension(certificate, NID_subject_alt_name, names);
  EVP_PKEY* signer = request.issuer_key != nullptr ? request.issuer_key : request.key;
  const bool own_digest = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
  X509_sign(certificate, signer, own_digest ? nullptr : EVP_sha256());
  return result;
}

std::string CertificatePem(const x509_st* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return Take(bio);
}

Pair MakePair(std::vector<std::string> dns_names, std::string_view kind, int slot) {
  CertificateRequest request;
  request.key = TestKey(kind, slot);
  if (!dns_names.empty()) request.subject = dns_names.front();
  request.dns_names = std::move(dns_names);
  return {CertificatePem(MakeCertificate(request).get()), SecretBytes(KeyPem(request.key))};
}

}  // namespace portreeve::tls::testing
