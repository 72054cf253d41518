#include "dataplane/tls/peer_check.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <vector>

#include "dataplane/tls/openssl_ptr.h"

namespace portreeve::tls {
namespace {

template <auto kFree>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeBy<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeBy<X509_STORE_CTX_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeBy<GENERAL_NAMES_free>>;

// Both come from the other side or a file that others write.
constexpr std::size_t kMaxPemBytes = 1 << 20;
constexpr int kMaxCertificates = 20;
constexpr std::size_t kMaxNamesShown = 5;
constexpr int kMaxNameBytes = 253;

// Never asks on the terminal.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

// Null if one can't be read, there is none, or there are too many.
X509StackPtr ReadAll(std::string_view pem) {
  X509StackPtr all(sk_X509_new_null());
  if (pem.size() > kMaxPemBytes) return nullptr;
  const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  ERR_clear_error();
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, NoPassphrase, nullptr)) sk_X509_push(all.get(), one);
  // No further PEM block is how it ends; anything else is a block that doesn't parse.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  const int count = sk_X509_num(all.get());
  return at_end && count > 0 && count <= kMaxCertificates ? std::move(all) : nullptr;
}

StorePtr StoreOf(std::string_view authorities) {
  const X509StackPtr all = ReadAll(authorities);
  if (all == nullptr) return nullptr;
  StorePtr store(X509_STORE_new());
  for (int i = 0; i < sk_X509_num(all.get()); ++i) X509_STORE_add_cert(store.get(), sk_X509_value(all.get(), i));
  ERR_clear_error();
  return store;
}

std::string NamesOf(const X509* certificate) {
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> shown;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && shown.size() < kMaxNamesShown; ++i) {
    int type = 0;
    const auto* text =
        static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    if (type != GEN_DNS || ASN1_STRING_length(text) > kMaxNameBytes) continue;
    shown.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return shown.empty() ? "no name" : absl::StrJoin(shown, ", ");
}

std::string TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
  return absl::FormatTime(absl::RFC3339_sec, absl::FromTM(parts, absl::UTCTimeZone()), absl::UTCTimeZone());
}

PeerVerdict VerdictOf(const X509_STORE_CTX* context, const X509* leaf) {
  const int error = X509_STORE_CTX_get_error(context);
  const X509* current = X509_STORE_CTX_get_current_cert(context);
  if (current == nullptr) current = leaf;
  const char* whose = current == leaf ? "its certificate" : "the certificate of its CA";
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {PeerProblem::kExpired, absl::StrCat(whose, " expired at ", TimeOf(X509_get0_notAfter(current)))};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {PeerProblem::kNotYetValid,
              absl::StrCat(whose, " isn't valid before ", TimeOf(X509_get0_notBefore(current)))};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {PeerProblem::kWrongName, absl::StrCat("its certificate is for ", NamesOf(leaf))};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return {PeerProblem::kUnknownAuthority, "its certificate comes from an unknown CA"};
    default:
      return {PeerProblem::kOther, absl::StrCat("its certificate is bad: ", X509_verify_cert_error_string(error))};
  }
}

}  // namespace

bool HasCertificates(std::string_view pem) {
  return ReadAll(pem) != nullptr;
}

PeerVerdict CheckServer(std::string_view chain, std::string_view authorities, const std::string& name, absl::Time now) {
  const StorePtr store = StoreOf(authorities);
  if (store == nullptr) return {PeerProblem::kNoAuthorities, "there is no certificate of a CA in PEM to check it with"};
  const X509StackPtr shown = ReadAll(chain);
  if (shown == nullptr) return {PeerProblem::kUnreadable, "it shows no certificate that can be read"};
  X509* leaf = sk_X509_value(shown.get(), 0);
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf, shown.get()) != 1) {
    ERR_clear_error();
    return {PeerProblem::kOther, "OpenSSL has no memory left"};
  }
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(wanted, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool set = X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER) == 1 && !name.empty() &&
                   (X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) == 1 ||
                    X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size()) == 1);
  PeerVerdict verdict;
  if (!set) {
    verdict = {PeerProblem::kWrongName, absl::StrCat("'", name, "' is no name of a server")};
  } else if (X509_verify_cert(context.get()) != 1) {
    verdict = VerdictOf(context.get(), leaf);
  }
  ERR_clear_error();
  return verdict;
}

}  // namespace portreeve::tls
