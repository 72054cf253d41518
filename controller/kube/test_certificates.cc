#include "controller/kube/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <utility>

namespace portreeve::kube {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// A certificate without a signature.
X509* New(const std::string& name, EVP_PKEY* key, int days) {
  X509* certificate = X509_new();
  Require(certificate != nullptr && key != nullptr);
  X509_set_version(certificate, 2);
  unsigned char serial[8];
  Require(RAND_bytes(serial, sizeof(serial)) == 1);
  serial[0] &= 0x7F;
  BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate), days < 0 ? 86'400L * 2 * days : -3'600L);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400L * days);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate, key);
  return certificate;
}

std::string TextOf(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

TestCertificate TestCertificate::Authority(const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = New(name, key, 1);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_subject_key_identifier, "hash");
  Require(X509_sign(certificate, key, EVP_sha256()) > 0);
  return {certificate, key};
}

TestCertificate TestCertificate::Sign(const std::string& name, const std::string& subject_alternative_name,
                                      int days) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = New(name, key, days);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  if (!subject_alternative_name.empty()) {
    AddExtension(certificate, certificate_, NID_subject_alt_name, subject_alternative_name);
  }
  Require(X509_sign(certificate, key_, EVP_sha256()) > 0);
  return {certificate, key};
}

TestCertificate::TestCertificate(TestCertificate&& other) noexcept
    : certificate_(std::exchange(other.certificate_, nullptr)), key_(std::exchange(other.key_, nullptr)) {}

TestCertificate::~TestCertificate() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string TestCertificate::pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  Require(PEM_write_bio_X509(bio, certificate_) == 1);
  return TextOf(bio);
}

std::string TestCertificate::key_pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  Require(PEM_write_bio_PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return TextOf(bio);
}

}  // namespace portreeve::kube
