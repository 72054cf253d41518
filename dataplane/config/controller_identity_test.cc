#include "dataplane/config/controller_identity.h"

#include <absl/time/clock.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "dataplane/tls/test_certificates.h"

namespace portreeve::config {
namespace {

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::string path = std::string(path_) + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string path() const { return path_; }

 private:
  char path_[34] = "/tmp/portreeve-identity-XXXXXX";
};

TEST_CASE("The files are read anew each time") {
  const Folder folder;
  const std::string one = tls::testing::MakePair({"one"}).chain;
  const std::string two = tls::testing::MakePair({"two"}).chain;
  IdentityFiles files{folder.Write("ca.crt", one), folder.Write("token", "a.b.c\n"), "name"};
  const absl::StatusOr<StreamIdentity> first = ReadIdentity(files);
  REQUIRE(first.ok());
  CHECK(first->ca_bundle == one);
  CHECK(first->token.Reveal() == "a.b.c");
  CHECK(first->server_name == "name");
  folder.Write("ca.crt", two);
  folder.Write("token", "d");
  CHECK(ReadIdentity(files)->ca_bundle == two);
  CHECK(ReadIdentity(files)->token.Reveal() == "d");
  files.token_file.clear();
  CHECK(ReadIdentity(files)->token.Reveal().empty());
}

TEST_CASE("A file that doesn't do is named with its option, and not quoted") {
  const Folder folder;
  const std::string ca = folder.Write("ca.crt", tls::testing::MakePair({"one"}).chain);
  const std::string missing = folder.path() + "/missing";
  struct Case {
    IdentityFiles files;
    std::string says;
  };
  const Case cases[] = {
      {{missing, "", "n"}, "--controller-ca: " + missing + ": No such file"},
      {{folder.path(), "", "n"}, "--controller-ca: " + folder.path() + ": Is a directory"},
      {{folder.Write("large", std::string((1 << 20) + 1, 'x')), "", "n"}, "it is too long"},
      {{folder.Write("rubbish", "secret"), "", "n"}, "holds no certificate of a CA"},
      {{ca, missing, "n"}, "--controller-token: " + missing + ": No such file"},
      {{ca, folder.Write("empty", "\n"), "n"}, "holds no token"},
      {{ca, folder.Write("two", "secret secret"), "n"}, "holds no token"},
      {{ca, folder.Write("lines", "secret\nsecret"), "n"}, "holds no token"},
      {{ca, folder.Write("bytes", "secret\xFF"), "n"}, "holds no token"},
      {{ca, folder.Write("long", std::string(20'000, 'x')), "n"}, "it is too long"},
  };
  for (const Case& one : cases) {
    const std::string message(ReadIdentity(one.files).status().message());
    INFO(message);
    CHECK(message.find(one.says) != std::string::npos);
    CHECK(message.find("secret") == std::string::npos);
  }
}

TEST_CASE("The name that is expected is the host of the address") {
  CHECK(HostOf("portreeve.ns.svc:7000") == "portreeve.ns.svc");
  CHECK(HostOf("dns:///portreeve.ns.svc:7000") == "portreeve.ns.svc");
  CHECK(HostOf("10.0.0.1:7000") == "10.0.0.1");
  CHECK(HostOf("[2001:db8::1]:7000") == "2001:db8::1");
  CHECK(HostOf("host") == "host");
}

TEST_CASE("Why it isn't the controller comes with the remedy") {
  const tls::testing::Pair pair = tls::testing::MakePair({"a.svc"});
  const tls::testing::Pair other = tls::testing::MakePair({"a.svc"}, "p256", 1);
  const auto check = [](const std::string& chain, const std::string& bundle, const std::string& name,
                        absl::Time now = absl::Now()) {
    return CheckController(chain, {bundle, name, SecretBytes()}, now);
  };
  CHECK(check(pair.chain, pair.chain, "a.svc").empty());
  CHECK(check(pair.chain, other.chain, "a.svc").find("check that --controller-ca") != std::string::npos);
  CHECK(check(pair.chain, pair.chain, "b.svc") ==
        "it can't be believed: its certificate is for a.svc, and 'b.svc' is expected; check --controller and "
        "--controller-name");
  const absl::Time later = absl::Now() + absl::Hours(48);
  CHECK(check(pair.chain, pair.chain, "a.svc", later).find("clock") != std::string::npos);
  CHECK(check("", pair.chain, "a.svc").find("no certificate") != std::string::npos);
}

}  // namespace
}  // namespace portreeve::config
