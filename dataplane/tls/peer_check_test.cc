#include "dataplane/tls/peer_check.h"

#include <absl/time/clock.h>

#include <catch2/catch.hpp>
#include <string>

#include "dataplane/tls/test_certificates.h"

namespace portreeve::tls {
namespace {

using testing::CertificatePem;
using testing::CertificateRequest;
using testing::MakeCertificate;
using testing::TestKey;

X509Ptr MakeAuthority(const std::string& name, int slot) {
  CertificateRequest request;
  request.subject = name;
  request.key = TestKey("p256", slot);
  request.authority = true;
  return MakeCertificate(request);
}

// A server's certificate, from an hour ago until tomorrow if nothing else is said.
std::string Leaf(x509_st* issuer, int issuer_slot, const std::vector<std::string>& names, long from = -3600,
                 long to = 86400) {
  CertificateRequest request;
  request.subject = "server";
  request.dns_names = names;
  request.key = TestKey("p256", 9);
  request.issuer = issuer;
  request.issuer_key = TestKey("p256", issuer_slot);
  request.valid_from_seconds = from;
  request.valid_for_seconds = to;
  return CertificatePem(MakeCertificate(request).get());
}

TEST_CASE("A server is believed by CA, name and time, and whatever is wrong is named") {
  const X509Ptr authority = MakeAuthority("ca", 1);
  const X509Ptr other = MakeAuthority("other", 2);
  const std::string roots = CertificatePem(authority.get());
  const absl::Time now = absl::Now();
  const std::string good = Leaf(authority.get(), 1, {"a.svc", "*.b.svc"});
  const auto check = [&](const std::string& chain, const std::string& name = "a.svc") {
    return CheckServer(chain, roots, name, now);
  };
  CHECK(check(good).problem == PeerProblem::kNone);
  CHECK(check(good).detail.empty());
  CHECK(check(good, "x.b.svc").problem == PeerProblem::kNone);
  CHECK(CheckServer(good, CertificatePem(other.get()) + roots, "a.svc", now).problem == PeerProblem::kNone);

  CHECK(check(good, "b.svc").problem == PeerProblem::kWrongName);
  CHECK(check(good, "b.svc").detail == "its certificate is for a.svc, *.b.svc");
  CHECK(check(good, "10.0.0.1").problem == PeerProblem::kWrongName);
  CHECK(check(good, "").problem == PeerProblem::kWrongName);
  // What is in the subject is no name.
  CHECK(check(good, "server").problem == PeerProblem::kWrongName);
  CHECK(check(Leaf(authority.get(), 1, {}), "server").detail == "its certificate is for no name");

  CHECK(check(Leaf(other.get(), 2, {"a.svc"})).problem == PeerProblem::kUnknownAuthority);
  CHECK(check(CertificatePem(other.get())).problem == PeerProblem::kUnknownAuthority);
  CHECK(CheckServer(good, CertificatePem(other.get()), "a.svc", now).problem == PeerProblem::kUnknownAuthority);
  // It says that it comes from the CA, and was signed by another key.
  CHECK(check(Leaf(authority.get(), 2, {"a.svc"})).problem == PeerProblem::kOther);

  const PeerVerdict expired = check(Leaf(authority.get(), 1, {"a.svc"}, -3600, -60));
  CHECK(expired.problem == PeerProblem::kExpired);
  CHECK(expired.detail.find("its certificate expired at 20") == 0);
  CHECK(check(Leaf(authority.get(), 1, {"a.svc"}, 60)).problem == PeerProblem::kNotYetValid);
  CHECK(CheckServer(good, roots, "a.svc", now + absl::Hours(25)).problem == PeerProblem::kExpired);
}

TEST_CASE("A chain is followed through what the server sends along") {
  const X509Ptr root = MakeAuthority("root", 1);
  CertificateRequest request;
  request.subject = "between";
  request.key = TestKey("p256", 2);
  request.authority = true;
  request.issuer = root.get();
  request.issuer_key = TestKey("p256", 1);
  const X509Ptr between = MakeCertificate(request);
  const std::string leaf = Leaf(between.get(), 2, {"a.svc"});
  const std::string roots = CertificatePem(root.get());
  const absl::Time now = absl::Now();
  CHECK(CheckServer(leaf + CertificatePem(between.get()), roots, "a.svc", now).problem == PeerProblem::kNone);
  CHECK(CheckServer(leaf, roots, "a.svc", now).problem == PeerProblem::kUnknownAuthority);
  // An intermediate alone is no authority to believe.
  CHECK(CheckServer(leaf, CertificatePem(between.get()), "a.svc", now).problem == PeerProblem::kUnknownAuthority);
}

TEST_CASE("What can't be read is nobody") {
  const X509Ptr authority = MakeAuthority("ca", 1);
  const std::string roots = CertificatePem(authority.get());
  const std::string good = Leaf(authority.get(), 1, {"a.svc"});
  const absl::Time now = absl::Now();
  const std::string broken = "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n";
  std::string many;
  for (int i = 0; i < 30; ++i) many += roots;
  CHECK(HasCertificates(roots + roots));
  for (const std::string& bad : {std::string(), std::string("rubbish"), broken, good + broken, many}) {
    CHECK(CheckServer(bad, roots, "a.svc", now).problem == PeerProblem::kUnreadable);
    CHECK(CheckServer(good, bad, "a.svc", now).problem == PeerProblem::kNoAuthorities);
    CHECK_FALSE(HasCertificates(bad));
  }
}

}  // namespace
}  // namespace portreeve::tls
