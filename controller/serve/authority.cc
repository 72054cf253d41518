#include "controller/serve/authority.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>

namespace portreeve::serve {
namespace {

constexpr std::string_view kBundleEntry = "ca.crt";
constexpr std::string_view kKeyEntry = "ca.key";
constexpr std::string_view kCrossEntry = "cross.crt";
// This CA and the one before.
constexpr std::size_t kMaxBundle = 2;

template <auto kFree>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeBy<X509_EXTENSION_free>>;

absl::Status OpenSslFailed(const char* what) {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return absl::InternalError(absl::StrCat(what, " failed in OpenSSL: ", reason != nullptr ? reason : "no reason"));
}

BioPtr Reader(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Never asks on the terminal: an encrypted key is one that can't be read.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

std::string Take(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string PemOf(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return Take(out.get());
}

SecretBytes PemOf(EVP_PKEY* key) {
  // Its buffer is wiped when it is freed.
  const BioPtr out(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return SecretBytes(Take(out.get()));
}

// Empty unless everything in it is a certificate.
std::vector<X509Ptr> ReadCertificates(std::string_view pem) {
  std::vector<X509Ptr> result;
  const BioPtr in = Reader(pem);
  ERR_clear_error();
  while (result.size() <= kMaxBundle) {
    X509Ptr next(PEM_read_bio_X509(in.get(), nullptr, NoPassphrase, nullptr));
    if (next != nullptr) {
      result.push_back(std::move(next));
      continue;
    }
    // No further PEM block is how it ends; anything else is a block that doesn't parse.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) result.clear();
    break;
  }
  ERR_clear_error();
  return result;
}

X509Ptr ReadCertificate(std::string_view pem) {
  std::vector<X509Ptr> all = ReadCertificates(pem);
  return all.size() == 1 ? std::move(all.front()) : nullptr;
}

KeyPtr ReadKey(const SecretBytes& pem) {
  KeyPtr key(PEM_read_bio_PrivateKey(Reader(pem.Reveal()).get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  return key;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

absl::Time NotAfter(X509* certificate) {
  return TimeOf(X509_get0_notAfter(certificate));
}

struct Period {
  absl::Time from;
  absl::Time to;
};

Period PeriodFrom(absl::Time now, absl::Duration life) {
  return {now - Authority::kClockSkew, now + life};
}

bool SetSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  // Positive and of a fixed length.
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3F) | 0x40);
  BIGNUM* number = BN_bin2bn(bytes, sizeof(bytes), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool SetCommonName(X509* certificate, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()),
                                    -1, 0) == 1;
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// All but subject, extensions and signature.
X509Ptr Begin(EVP_PKEY* key, Period period) {
  X509Ptr certificate(X509_new());
  const bool good = certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    SetSerial(certificate.get()) &&
                    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(period.from)) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(period.to)) != nullptr &&
                    X509_set_pubkey(certificate.get(), key) == 1;
  return good ? std::move(certificate) : nullptr;
}

// `issuer` may be `certificate` itself.
bool Sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  return X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         AddExtension(certificate, issuer, NID_subject_key_identifier, "hash") &&
         (issuer == certificate || AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always")) &&
         X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
}

// `below`: how many CAs may follow it.
bool MakeCa(X509* certificate, X509* issuer, int below) {
  return AddExtension(certificate, issuer, NID_basic_constraints, absl::StrCat("critical,CA:TRUE,pathlen:", below)) &&
         AddExtension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
}

// Nothing in it may look like a further name to OpenSSL's reader of extensions.
absl::Status CheckDnsNames(const std::vector<std::string>& names) {
  if (names.empty()) return absl::InvalidArgumentError("a server certificate has one name at least");
  for (const std::string& name : names) {
    const bool good = !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
    if (!good) return absl::InvalidArgumentError(absl::StrCat("'", name, "' is no DNS name in lower case"));
  }
  return absl::OkStatus();
}

absl::Status BadEntry(std::string_view entry, const char* problem) {
  return absl::InvalidArgumentError(absl::StrCat("entry '", std::string(entry), "' ", problem));
}

std::string_view Find(const Authority::Entries& entries, std::string_view name) {
  const auto found = entries.find(name);
  return found == entries.end() ? std::string_view() : found->second.Reveal();
}

}  // namespace

absl::StatusOr<Authority> Authority::New(absl::Time now) {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslFailed("making the key of a CA");
  const X509Ptr certificate = Begin(key.get(), PeriodFrom(now, kLife));
  if (certificate == nullptr) return OpenSslFailed("making a CA");
  // Each has a name of its own, so that a chain is found by name alone.
  BIGNUM* serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr);
  char* digits = BN_bn2hex(serial);
  const std::string name = absl::StrCat("Portreeve controller CA ", std::string(digits).substr(0, 12));
  OPENSSL_free(digits);
  BN_free(serial);
  // One may follow: the next CA, when this one has signed it.
  if (!SetCommonName(certificate.get(), name) || !MakeCa(certificate.get(), certificate.get(), 1) ||
      !Sign(certificate.get(), certificate.get(), key.get())) {
    return OpenSslFailed("making a CA");
  }
  Authority authority;
  authority.certificate_ = PemOf(certificate.get());
  authority.key_ = PemOf(key.get());
  authority.not_before_ = TimeOf(X509_get0_notBefore(certificate.get()));
  authority.not_after_ = NotAfter(certificate.get());
  return authority;
}

absl::StatusOr<Authority> Authority::ParseFrom(const Entries& entries) {
  const std::vector<X509Ptr> bundle = ReadCertificates(Find(entries, kBundleEntry));
  if (bundle.empty()) return BadEntry(kBundleEntry, "holds no certificate in PEM");
  if (bundle.size() > kMaxBundle) return BadEntry(kBundleEntry, "holds more than two certificates");
  Authority authority;
  const auto key_entry = entries.find(kKeyEntry);
  if (key_entry != entries.end()) authority.key_ = key_entry->second;
  const KeyPtr key = ReadKey(authority.key_);
  if (key == nullptr) return BadEntry(kKeyEntry, "holds no private key in PEM");
  X509* own = bundle.front().get();
  if (X509_check_ca(own) != 1) return BadEntry(kBundleEntry, "begins with a certificate that is no CA");
  const bool matches = X509_check_private_key(own, key.get()) == 1;
  ERR_clear_error();
  if (!matches) return BadEntry(kKeyEntry, "isn't the key of the first certificate in 'ca.crt'");

  authority.certificate_ = PemOf(own);
  authority.not_before_ = TimeOf(X509_get0_notBefore(own));
  authority.not_after_ = NotAfter(own);
  if (bundle.size() == kMaxBundle) authority.previous_ = PemOf(bundle.back().get());
  if (Find(entries, kCrossEntry).empty()) return authority;
  const X509Ptr cross = ReadCertificate(Find(entries, kCrossEntry));
  if (cross == nullptr) return BadEntry(kCrossEntry, "isn't one certificate in PEM");
  if (X509_check_private_key(cross.get(), key.get()) != 1) {
    ERR_clear_error();
    return BadEntry(kCrossEntry, "isn't for the key in 'ca.key'");
  }
  authority.cross_ = PemOf(cross.get());
  return authority;
}

Authority::Entries Authority::Serialize() const {
  Entries entries;
  entries.emplace(kBundleEntry, bundle());
  entries.emplace(kKeyEntry, key_);
  if (!cross_.empty()) entries.emplace(kCrossEntry, cross_);
  return entries;
}

bool Authority::RotationDue(absl::Time now) const {
  return now >= not_after_ - (not_after_ - not_before_) / 3;
}

absl::StatusOr<Authority> Authority::Rotated(absl::Time now) const {
  absl::StatusOr<Authority> next = New(now);
  if (!next.ok() || now >= not_after_) return next;
  const X509Ptr own = ReadCertificate(certificate_);
  const KeyPtr own_key = ReadKey(key_);
  const X509Ptr next_own = ReadCertificate(next->certificate_);
  const KeyPtr next_key = ReadKey(next->key_);
  if (own == nullptr || own_key == nullptr || next_own == nullptr || next_key == nullptr) {
    return OpenSslFailed("reading a CA");
  }
  const X509Ptr cross = Begin(next_key.get(), {now - kClockSkew, not_after_});
  if (cross == nullptr || X509_set_subject_name(cross.get(), X509_get_subject_name(next_own.get())) != 1 ||
      !MakeCa(cross.get(), own.get(), 0) || !Sign(cross.get(), own.get(), own_key.get())) {
    return OpenSslFailed("signing the next CA");
  }
  next->previous_ = certificate_;
  next->cross_ = PemOf(cross.get());
  return next;
}

absl::StatusOr<ServerCertificate> Authority::IssueServerCertificate(const std::vector<std::string>& dns_names,
                                                                    absl::Time now) const {
  if (absl::Status names = CheckDnsNames(dns_names); !names.ok()) return names;
  if (now < not_before_ || now >= not_after_) {
    return absl::FailedPreconditionError(absl::StrCat("the CA is valid from ", absl::FormatTime(not_before_), " to ",
                                                      absl::FormatTime(not_after_),
                                                      ", which isn't now; check this machine's clock"));
  }
  const X509Ptr own = ReadCertificate(certificate_);
  const KeyPtr own_key = ReadKey(key_);
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (own == nullptr || own_key == nullptr || key == nullptr) return OpenSslFailed("reading the CA");
  Period period = PeriodFrom(now, kServerLife);
  period.to = std::min(period.to, not_after_);
  const X509Ptr certificate = Begin(key.get(), period);
  const std::string names = absl::StrCat("DNS:", absl::StrJoin(dns_names, ",DNS:"));
  const bool good = certificate != nullptr && SetCommonName(certificate.get(), "portreeve-controller") &&
                    AddExtension(certificate.get(), own.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    AddExtension(certificate.get(), own.get(), NID_key_usage, "critical,digitalSignature") &&
                    AddExtension(certificate.get(), own.get(), NID_ext_key_usage, "serverAuth") &&
                    AddExtension(certificate.get(), own.get(), NID_subject_alt_name, names) &&
                    Sign(certificate.get(), own.get(), own_key.get());
  if (!good) return OpenSslFailed("issuing a server certificate");
  ServerCertificate result;
  result.chain = PemOf(certificate.get());
  const X509Ptr cross = ReadCertificate(cross_);
  if (cross != nullptr && now < NotAfter(cross.get())) result.chain += cross_;
  result.key = PemOf(key.get());
  result.not_after = NotAfter(certificate.get());
  result.renew_at = now + (result.not_after - now) / 2;
  return result;
}

}  // namespace portreeve::serve
