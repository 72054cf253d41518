#include "dataplane/tls/certificate.h"

#include <catch2/catch.hpp>
#include <string>

#include "dataplane/tls/test_certificates.h"

namespace portreeve::tls {
namespace {

using testing::CertificatePem;
using testing::CertificateRequest;
using testing::KeyPem;
using testing::MakeCertificate;
using testing::MakePair;
using testing::Pair;
using testing::TestKey;

std::string ErrorOf(std::string_view chain, const SecretBytes& key) {
  const auto result = Certificate::Parse(chain, key);
  return result.ok() ? "" : std::string(result.status().message());
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct Chain {
  X509Ptr root, middle, leaf;
  SecretBytes key;
};

Chain MakeChain() {
  Chain chain;
  CertificateRequest root;
  root.subject = "root";
  root.key = TestKey("p256", 10);
  root.authority = true;
  chain.root = MakeCertificate(root);
  CertificateRequest middle;
  middle.subject = "middle";
  middle.key = TestKey("p256", 11);
  middle.authority = true;
  middle.issuer = chain.root.get();
  middle.issuer_key = root.key;
  chain.middle = MakeCertificate(middle);
  CertificateRequest leaf;
  leaf.subject = "a.example";
  leaf.dns_names = {"a.example"};
  leaf.key = TestKey("rsa");
  leaf.issuer = chain.middle.get();
  leaf.issuer_key = middle.key;
  chain.leaf = MakeCertificate(leaf);
  chain.key = SecretBytes(KeyPem(leaf.key));
  return chain;
}

}  // namespace

TEST_CASE("A certificate tells its names, kind and fingerprint") {
  const Pair pair = MakePair({"A.Example", "*.b.example"});
  const auto result = Certificate::Parse(pair.chain, pair.key);
  REQUIRE(result.ok());
  const Certificate& certificate = **result;
  CHECK(certificate.dns_names() == std::vector<std::string>{"a.example", "*.b.example"});
  CHECK(certificate.kind() == KeyKind::kEcdsa);
  CHECK(certificate.fingerprint().size() == 64);
  CHECK(certificate.warning().empty());
  CHECK(certificate.Covers("a.example"));
  CHECK(certificate.Covers("x.b.example"));
  CHECK_FALSE(certificate.Covers("b.example"));
  CHECK_FALSE(certificate.Covers(".b.example"));
  CHECK_FALSE(certificate.Covers("x.y.b.example"));
  CHECK_FALSE(certificate.Covers(""));
}

TEST_CASE("The common name counts only without subject alternative names") {
  const Pair pair = MakePair({});
  const auto result = Certificate::Parse(pair.chain, pair.key);
  REQUIRE(result.ok());
  CHECK((*result)->dns_names() == std::vector<std::string>{"test"});
}

TEST_CASE("Kinds and sizes of keys") {
  for (const char* good : {"rsa", "p256", "p384", "ed25519"}) {
    const Pair pair = MakePair({"a.example"}, good);
    CHECK(ErrorOf(pair.chain, pair.key).empty());
  }
  const Pair small = MakePair({"a.example"}, "rsa1024");
  CHECK(Contains(ErrorOf(small.chain, small.key), "1024 bits"));
  const Pair curve = MakePair({"a.example"}, "p521");
  CHECK(Contains(ErrorOf(curve.chain, curve.key), "P-256 or P-384"));
}

TEST_CASE("A key that isn't the certificate's is refused") {
  const Pair a = MakePair({"a.example"}, "p256", 1);
  const Pair b = MakePair({"a.example"}, "p256", 2);
  CHECK(Contains(ErrorOf(a.chain, b.key), "doesn't belong"));
  CHECK(ErrorOf(a.chain, a.key).empty());
}

TEST_CASE("Unreadable input is named and never quoted") {
  const Pair pair = MakePair({"a.example"});
  CHECK(Contains(ErrorOf("", pair.key), "no PEM certificate"));
  CHECK(Contains(ErrorOf("hello", pair.key), "no PEM certificate"));
  CHECK(Contains(ErrorOf(pair.chain, SecretBytes("")), "private key can't be read"));
  CHECK(Contains(ErrorOf(pair.chain.substr(0, pair.chain.size() / 2), pair.key), "certificate 1"));
  const std::string secret = "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----\n";
  const std::string error = ErrorOf(pair.chain, SecretBytes(secret));
  CHECK(Contains(error, "private key"));
  CHECK_FALSE(Contains(error, "hunter2"));
  const std::string encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
  CHECK(Contains(ErrorOf(pair.chain, SecretBytes(encrypted)), "encrypted"));
}

TEST_CASE("A chain is put in order; what doesn't belong to it is refused") {
  const Chain chain = MakeChain();
  const std::string leaf = CertificatePem(chain.leaf.get());
  const std::string middle = CertificatePem(chain.middle.get());
  const std::string root = CertificatePem(chain.root.get());
  CHECK(ErrorOf(leaf + middle + root, chain.key).empty());
  CHECK(ErrorOf(leaf, chain.key).empty());
  CHECK(ErrorOf(root + middle + leaf, chain.key).empty());
  CHECK(ErrorOf(leaf + leaf + middle + middle, chain.key).empty());
  CHECK(Contains(ErrorOf(leaf + root, chain.key), "doesn't belong to the chain"));
  CHECK(Contains(ErrorOf(leaf + middle + MakePair({"z.example"}).chain, chain.key), "doesn't belong to the chain"));
  CHECK(Contains(ErrorOf(middle + root, chain.key), "doesn't belong to the certificate"));
}

TEST_CASE("An expired certificate only warns") {
  CertificateRequest request;
  request.key = TestKey("p256");
  request.valid_from_seconds = -7200;
  request.valid_for_seconds = -3600;
  auto expired = Certificate::Parse(CertificatePem(MakeCertificate(request).get()), SecretBytes(KeyPem(request.key)));
  REQUIRE(expired.ok());
  CHECK(Contains((*expired)->warning(), "expired on"));
  request.valid_from_seconds = 3600;
  request.valid_for_seconds = 7200;
  auto early = Certificate::Parse(CertificatePem(MakeCertificate(request).get()), SecretBytes(KeyPem(request.key)));
  REQUIRE(early.ok());
  CHECK(Contains((*early)->warning(), "isn't valid before"));
}

}  // namespace portreeve::tls
