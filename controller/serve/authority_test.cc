#include "controller/serve/authority.h"

#include <absl/strings/str_cat.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace portreeve::serve {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const std::string kName = "portreeve.portreeve-system.svc";

struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackFree>;

StackPtr Read(const std::string& pem) {
  StackPtr all(sk_X509_new_null());
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  while (X509* one = PEM_read_bio_X509(in, nullptr, nullptr, nullptr)) sk_X509_push(all.get(), one);
  BIO_free(in);
  return all;
}

int CountOf(const std::string& pem) {
  return sk_X509_num(Read(pem).get());
}

// As a data plane with this bundle and this clock sees it.
std::string Verify(const ServerCertificate& certificate, const std::string& bundle, absl::Time now,
                   const std::string& name = kName) {
  const StackPtr chain = Read(certificate.chain);
  const StackPtr roots = Read(bundle);
  X509_STORE* store = X509_STORE_new();
  for (int i = 0; i < sk_X509_num(roots.get()); ++i) X509_STORE_add_cert(store, sk_X509_value(roots.get(), i));
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, sk_X509_value(chain.get(), 0), chain.get());
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_time(wanted, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), 0);
  std::string result = "ok";
  if (X509_verify_cert(context) != 1) result = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return result;
}

Authority NewAt(absl::Time now) {
  absl::StatusOr<Authority> made = Authority::New(now);
  REQUIRE(made.ok());
  return *std::move(made);
}

Authority RotatedAt(const Authority& authority, absl::Time now) {
  absl::StatusOr<Authority> next = authority.Rotated(now);
  REQUIRE(next.ok());
  return *std::move(next);
}

ServerCertificate IssueAt(const Authority& authority, absl::Time now) {
  absl::StatusOr<ServerCertificate> issued = authority.IssueServerCertificate({kName, "portreeve"}, now);
  INFO(issued.status());
  REQUIRE(issued.ok());
  return *std::move(issued);
}

TEST_CASE("A server certificate is believed for a day, by clocks that are an hour off, too") {
  const Authority authority = NewAt(kNow);
  const ServerCertificate certificate = IssueAt(authority, kNow);
  CHECK(CountOf(certificate.chain) == 1);
  CHECK(certificate.not_after == kNow + absl::Hours(24));
  CHECK(certificate.renew_at == kNow + absl::Hours(12));
  for (const absl::Duration skew : {-absl::Hours(1), absl::ZeroDuration(), absl::Hours(1)}) {
    CHECK(Verify(certificate, authority.bundle(), kNow + skew) == "ok");
    CHECK(Verify(certificate, authority.bundle(), certificate.renew_at + skew) == "ok");
  }
  CHECK(Verify(certificate, authority.bundle(), kNow, "portreeve") == "ok");
  CHECK(Verify(certificate, authority.bundle(), kNow, "other") != "ok");
  CHECK(Verify(certificate, authority.bundle(), kNow - absl::Hours(1) - absl::Seconds(1)) != "ok");
  CHECK(Verify(certificate, authority.bundle(), kNow + absl::Hours(24) + absl::Seconds(1)) != "ok");
  CHECK(Verify(certificate, NewAt(kNow).bundle(), kNow) != "ok");
}

TEST_CASE("Each server certificate has a key of its own, on P-256") {
  const Authority authority = NewAt(kNow);
  const ServerCertificate one = IssueAt(authority, kNow);
  const ServerCertificate other = IssueAt(authority, kNow);
  CHECK_FALSE(one.key == other.key);
  BIO* in = BIO_new_mem_buf(one.key.Reveal().data(), static_cast<int>(one.key.Reveal().size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  REQUIRE(key != nullptr);
  CHECK(EVP_PKEY_get_bits(key) == 256);
  CHECK(X509_check_private_key(sk_X509_value(Read(one.chain).get(), 0), key) == 1);
  EVP_PKEY_free(key);
  BIO_free(in);
}

TEST_CASE("An authority comes back from its entries as it was") {
  const Authority first = NewAt(kNow);
  const Authority second = RotatedAt(first, kNow + absl::Hours(1));
  for (const Authority& authority : {first, second}) {
    const absl::StatusOr<Authority> again = Authority::ParseFrom(authority.Serialize());
    REQUIRE(again.ok());
    CHECK(*again == authority);
    CHECK(Verify(IssueAt(*again, kNow), authority.bundle(), kNow) == "ok");
  }
  CHECK(first.Serialize().size() == 2);
  CHECK(second.Serialize().size() == 3);
}

TEST_CASE("It is rotated when 2/3 of its life are over") {
  const Authority authority = NewAt(kNow);
  CHECK(authority.not_before() == kNow - absl::Hours(1));
  CHECK(authority.not_after() == kNow + Authority::kLife);
  const absl::Time due = authority.not_after() - (authority.not_after() - authority.not_before()) / 3;
  CHECK_FALSE(authority.RotationDue(kNow));
  CHECK_FALSE(authority.RotationDue(due - absl::Seconds(1)));
  CHECK(authority.RotationDue(due));
  CHECK_FALSE(RotatedAt(authority, due).RotationDue(due));
}

TEST_CASE("Whoever is late with a rotation still finds the others") {
  const Authority old = NewAt(kNow);
  const absl::Time rotated_at = kNow + Authority::kLife * 2 / 3;
  const Authority next = RotatedAt(old, rotated_at);
  CHECK(CountOf(next.bundle()) == 2);
  for (const absl::Duration later : {-absl::Hours(1), absl::ZeroDuration(), absl::Hours(24 * 60)}) {
    const absl::Time now = rotated_at + later;
    const ServerCertificate by_old = IssueAt(old, std::max(now, rotated_at));
    const ServerCertificate by_next = IssueAt(next, std::max(now, rotated_at));
    CHECK(Verify(by_old, old.bundle(), now) == "ok");
    CHECK(Verify(by_old, next.bundle(), now) == "ok");
    CHECK(Verify(by_next, old.bundle(), now) == "ok");
    CHECK(Verify(by_next, next.bundle(), now) == "ok");
  }
}

TEST_CASE("The CA before counts for nothing once it has expired, and harms nobody") {
  const Authority old = NewAt(kNow);
  const Authority next = RotatedAt(old, kNow + Authority::kLife * 2 / 3);
  const absl::Time later = old.not_after() + absl::Hours(1);
  const ServerCertificate certificate = IssueAt(next, later);
  CHECK(CountOf(certificate.chain) == 1);
  CHECK(Verify(certificate, next.bundle(), later) == "ok");
  CHECK(Verify(certificate, old.bundle(), later) != "ok");
  // Rotated only then, nothing is left of it.
  const Authority late = RotatedAt(old, later);
  CHECK(CountOf(late.bundle()) == 1);
  CHECK(late.Serialize().size() == 2);
  CHECK(Verify(IssueAt(late, later), late.bundle(), later) == "ok");
}

TEST_CASE("However often it is rotated, two are believed") {
  Authority authority = NewAt(kNow);
  absl::Time now = kNow;
  for (int i = 0; i < 6; ++i) {
    const Authority before = authority;
    now += Authority::kLife * 2 / 3;
    authority = RotatedAt(authority, now);
    const absl::StatusOr<Authority> again = Authority::ParseFrom(authority.Serialize());
    REQUIRE(again.ok());
    CHECK(CountOf(authority.bundle()) == 2);
    CHECK(Verify(IssueAt(*again, now), before.bundle(), now) == "ok");
    CHECK(Verify(IssueAt(before, now), again->bundle(), now) == "ok");
  }
}

TEST_CASE("Nothing is issued by a CA that isn't valid, or for names that aren't") {
  const Authority authority = NewAt(kNow);
  const auto code = [&](const std::vector<std::string>& names, absl::Time now) {
    return authority.IssueServerCertificate(names, now).status().code();
  };
  CHECK(code({kName}, kNow - absl::Hours(2)) == absl::StatusCode::kFailedPrecondition);
  CHECK(code({kName}, authority.not_after()) == absl::StatusCode::kFailedPrecondition);
  // Never longer than the CA itself.
  CHECK(IssueAt(authority, authority.not_after() - absl::Hours(1)).not_after == authority.not_after());
  for (const char* name : {"", "a,DNS:b", "a b", "UPPER", "*.a", "a\n"}) {
    INFO(name);
    CHECK(code({name}, kNow) == absl::StatusCode::kInvalidArgument);
  }
  CHECK(code({}, kNow) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Entries that don't fit are refused by name, and not quoted") {
  const Authority::Entries good = RotatedAt(NewAt(kNow), kNow).Serialize();
  const Authority::Entries other = RotatedAt(NewAt(kNow), kNow).Serialize();
  const ServerCertificate leaf = IssueAt(NewAt(kNow), kNow);
  struct Case {
    const char* entry;
    std::string content;
    const char* says;
  };
  const std::string bundle(good.at("ca.crt").Reveal());
  const Case cases[] = {
      {"ca.crt", "", "'ca.crt' holds no certificate"},
      {"ca.crt", "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n", "'ca.crt' holds no certificate"},
      {"ca.crt", bundle + bundle, "'ca.crt' holds more than two"},
      {"ca.crt", leaf.chain, "'ca.crt' begins with a certificate that is no CA"},
      {"ca.crt", std::string(other.at("ca.crt").Reveal()), "'ca.key' isn't the key"},
      {"ca.key", "", "'ca.key' holds no private key"},
      {"ca.key", "rubbish", "'ca.key' holds no private key"},
      {"ca.key", std::string(leaf.key.Reveal()), "'ca.key' isn't the key"},
      {"cross.crt", "rubbish", "'cross.crt' isn't one certificate"},
      {"cross.crt", std::string(other.at("cross.crt").Reveal()), "'cross.crt' isn't for the key"},
  };
  for (const Case& one : cases) {
    INFO(one.says);
    Authority::Entries entries = good;
    entries[one.entry] = SecretBytes(one.content);
    // A leaf that is no CA comes with its own key, so that this is what is wrong with it.
    if (one.content == leaf.chain) entries["ca.key"] = leaf.key;
    const absl::Status status = Authority::ParseFrom(entries).status();
    const std::string message(status.message());
    CHECK(message.find(one.says) != std::string::npos);
    CHECK(message.find("BEGIN") == std::string::npos);
    CHECK(message.find("rubbish") == std::string::npos);
  }
  CHECK_FALSE(Authority::ParseFrom({}).ok());
}

TEST_CASE("Keys don't print") {
  std::ostringstream out;
  out << IssueAt(NewAt(kNow), kNow).key << NewAt(kNow).Serialize().at("ca.key");
  CHECK(out.str() == "[redacted][redacted]");
}

}  // namespace
}  // namespace portreeve::serve
