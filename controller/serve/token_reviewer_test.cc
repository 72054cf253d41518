#include "controller/serve/token_reviewer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "controller/serve/test_api_server.h"

namespace portreeve::serve {
namespace {

using testing::TestApiServer;
using Json = nlohmann::json;

constexpr char kReviews[] = "POST /apis/authentication.k8s.io/v1/tokenreviews";

struct Rig {
  Rig() { api.SetToken("good", TestApiServer::BoundToken("team-a", "gw-sa", "gw-1")); }

  absl::StatusOr<Identity> Ask(std::string_view token = "good") { return reviewer.Authenticate(token); }
  int reviews() const { return api.Count(kReviews); }

  TestApiServer api;
  TokenReviewer::Clock::time_point now{};
  std::optional<std::string> gateway = "team-a/gw";
  TokenReviewer reviewer{api,
                         {[this](std::string_view ns, std::string_view account) {
                            return ns == "team-a" && account == "gw-sa" ? gateway : std::nullopt;
                          },
                          [this] { return now; }}};
};

TEST_CASE("A token that is bound to a pod says which Gateway's data plane it is") {
  Rig rig;
  std::string sent;
  rig.api.SetIntercept([&](const kube::ApiRequest& request) {
    sent = request.body;
    CHECK(request.deadline == std::chrono::seconds(5));
    return std::nullopt;
  });
  const absl::StatusOr<Identity> identity = rig.Ask();
  REQUIRE(identity.ok());
  CHECK(identity->gateway == "team-a/gw");
  CHECK(identity->pod == "gw-1");
  const Json body = Json::parse(sent);
  CHECK(body.at("kind") == "TokenReview");
  CHECK(body.at("spec") == Json({{"token", "good"}, {"audiences", Json::array({"portreeve.dev"})}}));
}

TEST_CASE("Whatever else a TokenReview says is a refusal, and no message quotes the token") {
  const Json good = Json::parse(TestApiServer::BoundToken("team-a", "gw-sa", "gw-1"));
  const auto with = [&](const char* pointer, const Json& value) {
    Json status = good;
    status[Json::json_pointer(pointer)] = value;
    return status;
  };
  const std::string extra = "/user/extra/authentication.kubernetes.io~1pod-name";
  struct Case {
    Json status;
    const char* says;
  };
  const Case cases[] = {
      {with("/authenticated", false), "has expired"},
      {with("/authenticated", "true"), "has expired"},
      {{{"error", "the-token is bad"}}, "has expired"},
      {with("/audiences", Json::array({"https://kubernetes.default.svc"})), "audience"},
      {with("/audiences", nullptr), "audience"},
      {with("/user/username", "system:node:n1"), "no ServiceAccount"},
      {with("/user/username", "system:serviceaccount:team-a"), "no ServiceAccount"},
      {with("/user/username", "system:serviceaccount::gw-sa"), "no ServiceAccount"},
      {with("/user/username", "system:serviceaccount:team-a:"), "no ServiceAccount"},
      {with("/user/username", 7), "no ServiceAccount"},
      {with("/user/extra", nullptr), "bound to a pod"},
      {with(extra.c_str(), Json::array()), "bound to a pod"},
      {with(extra.c_str(), Json::array({"a", "b"})), "bound to a pod"},
      {with(extra.c_str(), "gw-1"), "bound to a pod"},
  };
  for (const Case& one : cases) {
    Rig rig;
    rig.api.SetToken("the-token", one.status.dump());
    const absl::Status status = rig.Ask("the-token").status();
    INFO(one.status.dump() << " " << status);
    CHECK(absl::IsUnauthenticated(status));
    CHECK(std::string(status.message()).find(one.says) != std::string::npos);
    CHECK(std::string(status.message()).find("the-token") == std::string::npos);
  }
  Rig rig;
  CHECK(absl::IsUnauthenticated(rig.Ask("unknown").status()));
  const int reviews = rig.reviews();
  CHECK(absl::IsUnauthenticated(rig.Ask("").status()));
  CHECK(absl::IsUnauthenticated(rig.Ask(std::string(20'000, 'x')).status()));
  CHECK(rig.reviews() == reviews);
  CHECK(absl::IsUnauthenticated(rig.Ask("\xFF\xFE").status()));
}

TEST_CASE("An account of no Gateway is somebody, but isn't served") {
  Rig rig;
  rig.gateway.reset();
  const absl::Status status = rig.Ask().status();
  CHECK(absl::IsPermissionDenied(status));
  CHECK(std::string(status.message()).find("team-a/gw-sa") != std::string::npos);
  // Which Gateway an account is of isn't remembered.
  rig.gateway = "team-a/late";
  REQUIRE(rig.Ask().ok());
  CHECK(rig.Ask()->gateway == "team-a/late");
  CHECK(rig.reviews() == 1);
}

TEST_CASE("The controller's own account is a controller, and nobody else's is") {
  Rig rig;
  rig.api.SetToken("replica", TestApiServer::BoundToken("system", "controller", "controller-7"));
  rig.api.SetToken("elsewhere", TestApiServer::BoundToken("team-a", "controller", "pod"));
  const auto any = [](std::string_view, std::string_view) { return std::optional<std::string>("team-a/gw"); };
  TokenReviewer::Options options{.gateway_of = any};
  options.controller = TokenReviewer::ServiceAccount{"system", "controller"};
  TokenReviewer reviewer(rig.api, options);
  const absl::StatusOr<Identity> replica = reviewer.Authenticate("replica");
  REQUIRE(replica.ok());
  CHECK(replica->controller);
  CHECK(replica->gateway.empty());
  CHECK(replica->pod == "controller-7");
  const absl::StatusOr<Identity> elsewhere = reviewer.Authenticate("elsewhere");
  REQUIRE(elsewhere.ok());
  CHECK_FALSE(elsewhere->controller);
  // One that isn't told whom it runs as takes nobody for a controller.
  TokenReviewer untold(rig.api, {.gateway_of = any});
  CHECK_FALSE(untold.Authenticate("replica")->controller);
  CHECK_FALSE(rig.Ask()->controller);
}

TEST_CASE("A verdict is remembered for a minute, a refusal for seconds") {
  Rig rig;
  for (int i = 0; i < 3; ++i) CHECK(rig.Ask().ok());
  CHECK(rig.reviews() == 1);
  rig.now += std::chrono::seconds(59);
  rig.api.SetToken("good", "");
  CHECK(rig.Ask().ok());
  rig.now += std::chrono::seconds(1);
  CHECK(absl::IsUnauthenticated(rig.Ask().status()));
  CHECK(absl::IsUnauthenticated(rig.Ask().status()));
  CHECK(rig.reviews() == 2);
  rig.api.SetToken("good", TestApiServer::BoundToken("team-a", "gw-sa", "gw-2"));
  CHECK_FALSE(rig.Ask().ok());
  rig.now += std::chrono::seconds(5);
  REQUIRE(rig.Ask().ok());
  CHECK(rig.Ask()->pod == "gw-2");
  CHECK(rig.reviews() == 3);
}

TEST_CASE("That nobody could be asked is no verdict") {
  Rig rig;
  const absl::StatusOr<kube::ApiResponse> answers[] = {
      absl::UnavailableError("connection refused"),
      kube::ApiResponse{500, "good", std::nullopt},
      kube::ApiResponse{429, "", std::chrono::seconds(1)},
      kube::ApiResponse{403, R"({"kind":"Status","message":"may not create tokenreviews"})", std::nullopt},
      kube::ApiResponse{201, "no JSON", std::nullopt},
      kube::ApiResponse{201, "[]", std::nullopt},
  };
  for (const auto& answer : answers) {
    rig.api.SetIntercept([&](const kube::ApiRequest&) { return std::optional(answer); });
    const absl::Status status = rig.Ask().status();
    INFO(status);
    CHECK(absl::IsUnavailable(status));
    CHECK(std::string(status.message()).find("good") == std::string::npos);
  }
  rig.api.SetIntercept(nullptr);
  CHECK(rig.Ask().ok());
}

TEST_CASE("Made-up tokens don't fill the memory") {
  Rig rig;
  CHECK(rig.Ask().ok());
  for (int i = 0; i < 10'000; ++i) rig.Ask("made-up-" + std::to_string(i)).IgnoreError();
  CHECK(rig.Ask().ok());
  // Forgotten with all others, and asked again.
  CHECK(rig.reviews() == 10'002);
}

}  // namespace
}  // namespace portreeve::serve
