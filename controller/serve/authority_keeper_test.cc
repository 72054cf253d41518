#include "controller/serve/authority_keeper.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "controller/serve/test_api_server.h"

namespace portreeve::serve {
namespace {

using testing::TestApiServer;
using Json = nlohmann::json;
using Owner = AuthorityKeeper::Owner;

const std::string kSecretPath = "/api/v1/namespaces/portreeve-system/secrets/portreeve-authority";
constexpr std::chrono::seconds kDeadline(20);

std::string ConfigMapPath(const std::string& ns) {
  return absl::StrCat("/api/v1/namespaces/", ns, "/configmaps/portreeve-ca");
}

// One API server, two replicas with one clock.
struct Rig {
  AuthorityKeeper::Options Options() {
    return {"portreeve-system", {"portreeve.portreeve-system.svc"}, [this] { return now; }};
  }
  // What the Secret holds under this name.
  std::string Entry(const std::string& name) const {
    const Json secret = Json::parse(api.Object(kSecretPath));
    std::string bytes;
    absl::Base64Unescape(secret.at("data").value(name, ""), &bytes);
    return bytes;
  }
  std::string Bundle(const std::string& ns) const {
    const std::string object = api.Object(ConfigMapPath(ns));
    return object.empty() ? "" : Json::parse(object).at("data").at("ca.crt").get<std::string>();
  }
  void FailWith(std::string beginning, absl::StatusOr<kube::ApiResponse> answer) {
    api.SetIntercept([beginning = std::move(beginning), answer = std::move(answer)](const kube::ApiRequest& request) {
      return absl::StrCat(request.method, " ", request.path).starts_with(beginning) ? std::optional(answer)
                                                                                    : std::nullopt;
    });
  }
  // To where 2/3 of a CA's life are over.
  void PassTwoThirds() { now += Authority::kLife * 2 / 3; }

  TestApiServer api;
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  AuthorityKeeper one{api, Options()};
  AuthorityKeeper two{api, Options()};
};

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("The first replica makes the authority, the second takes it") {
  Rig rig;
  CHECK(rig.one.certificate() == nullptr);
  CHECK(rig.one.bundle().empty());
  REQUIRE(rig.one.Refresh().ok());
  const Json secret = Json::parse(rig.api.Object(kSecretPath));
  CHECK(secret.at("type") == "Opaque");
  CHECK(secret.at("data").size() == 2);
  REQUIRE(rig.two.Refresh().ok());
  CHECK(rig.api.Count("POST") == 1);
  CHECK(rig.one.certificate() != nullptr);
  CHECK(rig.two.certificate() != nullptr);
  CHECK(rig.one.bundle() == rig.Entry("ca.crt"));
  CHECK(rig.two.bundle() == rig.one.bundle());
  CHECK(rig.one.health().authority_not_after == rig.two.health().authority_not_after);
  CHECK(rig.one.health().certificate_not_after == rig.now + absl::Hours(24));
}

TEST_CASE("Of two that make it at once, one comes second and takes the other's") {
  Rig rig;
  bool raced = false;
  rig.api.SetIntercept([&](const kube::ApiRequest& request) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    if (request.method == "POST" && !std::exchange(raced, true)) CHECK(rig.two.Refresh().ok());
    return std::nullopt;
  });
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("POST") == 2);
  const std::string kept = rig.Entry("ca.crt");
  rig.one.SetOwners({{"a", {{"gw", "1"}}}});
  rig.two.SetOwners({{"b", {{"gw", "2"}}}});
  REQUIRE(rig.one.Refresh().ok());
  REQUIRE(rig.two.Refresh().ok());
  CHECK(rig.Bundle("a") == kept);
  CHECK(rig.Bundle("b") == kept);
}

TEST_CASE("Nothing is written and nothing issued while nothing is due") {
  Rig rig;
  REQUIRE(rig.one.Refresh().ok());
  const auto certificate = rig.one.certificate();
  rig.now += absl::Hours(12) - absl::Seconds(1);
  for (int i = 0; i < 3; ++i) REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.one.certificate() == certificate);
  rig.now += absl::Seconds(1);
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.one.certificate() != certificate);
  CHECK(rig.one.certificate()->not_after == rig.now + absl::Hours(24));
  CHECK(rig.api.Count("POST") == 1);
  CHECK(rig.api.Count("PATCH") == 0);
}

TEST_CASE("It is rotated once, and every replica goes over to the new one") {
  Rig rig;
  REQUIRE(rig.one.Refresh().ok());
  REQUIRE(rig.two.Refresh().ok());
  const std::string before = rig.Entry("ca.crt");
  rig.PassTwoThirds();
  bool raced = false;
  rig.api.SetIntercept([&](const kube::ApiRequest& request) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    if (request.method == "PATCH" && !std::exchange(raced, true)) CHECK(rig.two.Refresh().ok());
    return std::nullopt;
  });
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("PATCH") == 2);
  const std::string after = rig.Entry("ca.crt");
  CHECK(after.ends_with(before));
  CHECK_FALSE(rig.Entry("cross.crt").empty());
  CHECK(rig.one.health().authority_not_after == rig.now + Authority::kLife);
  CHECK(rig.two.health().authority_not_after == rig.now + Authority::kLife);
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.Entry("ca.crt") == after);
}

TEST_CASE("A Secret that somebody else changed is taken over, with a new server certificate") {
  Rig rig;
  REQUIRE(rig.one.Refresh().ok());
  const auto certificate = rig.one.certificate();
  rig.api.Delete(kSecretPath);
  REQUIRE(rig.two.Refresh().ok());
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.one.certificate() != certificate);
  rig.one.SetOwners({{"a", {{"gw", "1"}}}});
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.Bundle("a") == rig.Entry("ca.crt"));
}

TEST_CASE("Without the API server, what is known goes on and is renewed") {
  Rig rig;
  rig.FailWith("", absl::UnavailableError("connection refused"));
  const absl::Status at_start = rig.one.Refresh();
  CHECK(absl::IsUnavailable(at_start));
  CHECK(Contains(MessageOf(at_start), "Secret portreeve-system/portreeve-authority"));
  CHECK(rig.one.certificate() == nullptr);
  rig.api.SetIntercept(nullptr);
  REQUIRE(rig.one.Refresh().ok());
  const auto certificate = rig.one.certificate();
  rig.FailWith("", absl::UnavailableError("connection refused"));
  rig.now += absl::Hours(13);
  CHECK_FALSE(rig.one.Refresh().ok());
  CHECK_FALSE(rig.one.health().status.ok());
  REQUIRE(rig.one.certificate() != nullptr);
  CHECK(rig.one.certificate() != certificate);
  rig.api.SetIntercept(nullptr);
  CHECK(rig.one.Refresh().ok());
  CHECK(rig.one.health().status.ok());
}

TEST_CASE("What RBAC forbids is said with the remedy") {
  const kube::ApiResponse forbidden{403, R"({"kind":"Status","message":"is forbidden"})", std::nullopt};
  Rig rig;
  rig.FailWith("GET", forbidden);
  CHECK(Contains(MessageOf(rig.one.Refresh()), "let the controller's role get it"));
  rig.FailWith("POST", forbidden);
  CHECK(Contains(MessageOf(rig.one.Refresh()), "let the controller's role create it"));
  rig.api.SetIntercept(nullptr);
  REQUIRE(rig.one.Refresh().ok());
  rig.PassTwoThirds();
  rig.FailWith("PATCH", forbidden);
  CHECK(Contains(MessageOf(rig.one.Refresh()), "let the controller's role patch it"));
  // Issued by the old CA, which is valid for months.
  CHECK(rig.one.certificate()->not_after == rig.now + absl::Hours(24));
}

TEST_CASE("A damaged Secret is named, never replaced, and what is known goes on") {
  Rig rig;
  REQUIRE(rig.one.Refresh().ok());
  const std::string good = rig.api.Object(kSecretPath);
  Json damaged = Json::parse(good);
  const char* const contents[] = {"cnViYmlzaA==", "not Base64", ""};
  for (const char* content : contents) {
    damaged["data"]["ca.key"] = content;
    rig.api.Put(kSecretPath, damaged.dump());
    const std::string before = rig.api.Object(kSecretPath);
    const std::string message = MessageOf(rig.one.Refresh());
    CHECK(Contains(message, "Secret portreeve-system/portreeve-authority"));
    CHECK(Contains(message, "delete it"));
    CHECK_FALSE(Contains(message, "rubbish"));
    CHECK(rig.api.Object(kSecretPath) == before);
  }
  rig.now += absl::Hours(13);
  rig.one.Refresh().IgnoreError();
  CHECK(rig.one.certificate()->not_after == rig.now + absl::Hours(24));
  rig.api.Put(kSecretPath, good);
  CHECK(rig.one.Refresh().ok());
}

TEST_CASE("An empty Secret is filled") {
  Rig rig;
  rig.api.Put(kSecretPath, R"({"metadata":{"name":"portreeve-authority","labels":{"a":"b"}}})");
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("POST") == 0);
  CHECK(Contains(rig.Entry("ca.crt"), "BEGIN CERTIFICATE"));
  CHECK(Json::parse(rig.api.Object(kSecretPath)).at("metadata").at("labels").at("a") == "b");
}

TEST_CASE("Somebody who writes all the time isn't fought with") {
  Rig rig;
  REQUIRE(rig.one.Refresh().ok());
  rig.PassTwoThirds();
  rig.FailWith("PATCH", kube::ApiResponse{409, "", std::nullopt});
  CHECK(absl::IsAborted(rig.one.Refresh()));
  CHECK(rig.api.Count("PATCH") == 5);
  CHECK(rig.one.certificate() != nullptr);
}

TEST_CASE("The bundle is published where Gateways are, and belongs to them") {
  Rig rig;
  rig.one.SetOwners({{"a", {{"gw", "1"}, {"other", "2"}}}, {"b", {{"gw", "3"}}}});
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.Bundle("a") == rig.Entry("ca.crt"));
  CHECK(rig.Bundle("b") == rig.Entry("ca.crt"));
  const std::string object = rig.api.Object(ConfigMapPath("a"));
  CHECK_FALSE(Contains(object, "PRIVATE"));
  const Json owners = Json::parse(object).at("metadata").at("ownerReferences");
  REQUIRE(owners.size() == 2);
  CHECK(owners[0] ==
        Json({{"apiVersion", "gateway.networking.k8s.io/v1"}, {"kind", "Gateway"}, {"name", "gw"}, {"uid", "1"}}));

  // Again only when something is new, or it is long ago: somebody may have deleted it.
  const int writes = rig.api.Count("PATCH");
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("PATCH") == writes);
  rig.one.SetOwners({{"a", {{"gw", "1"}}}, {"b", {{"gw", "3"}}}});
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("PATCH") == writes + 1);
  rig.api.Delete(ConfigMapPath("a"));
  rig.now += AuthorityKeeper::kRepublish;
  REQUIRE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("PATCH") == writes + 3);
  CHECK(rig.Bundle("a") == rig.Entry("ca.crt"));
  CHECK(rig.api.Count("GET " + ConfigMapPath("")) == 0);
}

TEST_CASE("After a rotation the new bundle is published at once, and never an old one over it") {
  Rig rig;
  rig.one.SetOwners({{"a", {{"gw", "1"}}}});
  rig.two.SetOwners({{"a", {{"gw", "1"}}}});
  REQUIRE(rig.one.Refresh().ok());
  REQUIRE(rig.two.Refresh().ok());
  rig.PassTwoThirds();
  REQUIRE(rig.one.Refresh().ok());
  const std::string bundle = rig.Entry("ca.crt");
  CHECK(rig.Bundle("a") == bundle);
  // The other can't read the Secret, and has the old one in its memory.
  rig.FailWith("GET", absl::UnavailableError("connection reset"));
  rig.now += AuthorityKeeper::kRepublish;
  CHECK_FALSE(rig.two.Refresh().ok());
  CHECK(rig.Bundle("a") == bundle);
  rig.api.SetIntercept(nullptr);
  CHECK(rig.two.Refresh().ok());
  CHECK(rig.Bundle("a") == bundle);
}

TEST_CASE("A namespace that can't be written to doesn't stop the others") {
  Rig rig;
  rig.one.SetOwners({{"a", {{"gw", "1"}}}, {"b", {{"gw", "2"}}}, {"c", {{"gw", "3"}}}});
  rig.FailWith("PATCH " + ConfigMapPath("a"), kube::ApiResponse{403, "", std::nullopt});
  const std::string message = MessageOf(rig.one.Refresh());
  CHECK(Contains(message, "ConfigMap a/portreeve-ca"));
  CHECK_FALSE(rig.Bundle("b").empty());
  CHECK_FALSE(rig.Bundle("c").empty());
  // A namespace that is gone is no error.
  rig.FailWith("PATCH " + ConfigMapPath("a"), kube::ApiResponse{404, "", std::nullopt});
  CHECK(rig.one.Refresh().ok());
  rig.FailWith(
      "PATCH " + ConfigMapPath("a"),
      kube::ApiResponse{403, R"({"details": {"causes": [{"reason": "NamespaceTerminating"}]}})", std::nullopt});
  CHECK(rig.one.Refresh().ok());
  // An API server that doesn't answer isn't asked a thousand times.
  rig.now += AuthorityKeeper::kRepublish;
  const int writes = rig.api.Count("PATCH");
  rig.FailWith("PATCH", absl::UnavailableError("connection refused"));
  CHECK_FALSE(rig.one.Refresh().ok());
  CHECK(rig.api.Count("PATCH") == writes + 1);
}

TEST_CASE("Its thread does that, when it is told to, too") {
  TestApiServer api;
  std::mutex mutex;
  std::condition_variable asked;
  int applied = 0;
  api.SetIntercept([&](const kube::ApiRequest& request) -> std::optional<absl::StatusOr<kube::ApiResponse>> {
    if (request.content_type != "application/apply-patch+yaml") return std::nullopt;
    std::lock_guard lock(mutex);
    ++applied;
    asked.notify_all();
    return std::nullopt;
  });
  AuthorityKeeper keeper(api, {"portreeve-system", {"portreeve"}, absl::Now});
  keeper.Start();
  keeper.SetOwners({{"a", {{"gw", "1"}}}});
  std::unique_lock lock(mutex);
  REQUIRE(asked.wait_for(lock, kDeadline, [&] { return applied == 1; }));
  lock.unlock();
  CHECK(keeper.certificate() != nullptr);
  keeper.SetOwners({{"a", {{"gw", "1"}}}, {"b", {{"gw", "2"}}}});
  lock.lock();
  REQUIRE(asked.wait_for(lock, kDeadline, [&] { return applied == 2; }));
}

}  // namespace
}  // namespace portreeve::serve
