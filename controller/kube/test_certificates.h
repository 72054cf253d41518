// Certificates for tests: an authority, and what it has signed, fresh in each process.
#pragma once

#include <string>

struct x509_st;
struct evp_pkey_st;

namespace portreeve::kube {

// With its private key.
class TestCertificate {
 public:
  // Signs itself.
  static TestCertificate Authority(const std::string& name);
  // `subject_alternative_name` as OpenSSL writes it: "IP:127.0.0.1,DNS:localhost"; "" for a client.
  TestCertificate Sign(const std::string& name, const std::string& subject_alternative_name, int days = 1) const;

  TestCertificate(TestCertificate&& other) noexcept;
  TestCertificate& operator=(TestCertificate&&) = delete;
  ~TestCertificate();

  std::string pem() const;
  std::string key_pem() const;
  x509_st* certificate() const { return certificate_; }
  evp_pkey_st* key() const { return key_; }

 private:
  TestCertificate(x509_st* certificate, evp_pkey_st* key) : certificate_(certificate), key_(key) {}

  x509_st* certificate_;
  evp_pkey_st* key_;
};

}  // namespace portreeve::kube
