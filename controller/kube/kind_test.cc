#include "controller/kube/kind.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <set>
#include <string>

#include "controller/gatewayapi/json_tree.h"
#include "controller/kube/backoff.h"

namespace portreeve::kube {
namespace {

TEST_CASE("Every kind that Portreeve reads is watched, where its group is") {
  for (const gatewayapi::Kind kind : gatewayapi::kAllKinds) {
    INFO(gatewayapi::ToString(kind));
    const WatchedKind& watched = WatchedKindOf(kind);
    CHECK(watched.name == gatewayapi::ToString(kind));
    CHECK(watched.group == gatewayapi::GroupOf(kind));
    CHECK(watched.versions[0] == gatewayapi::VersionOf(kind));
    CHECK(watched.namespaced != gatewayapi::IsClusterScoped(kind));
    CHECK(watched.from_crd == IsOurCrd(watched.FullName()));
  }
  CHECK(WatchedKinds().size() == gatewayapi::kAllKinds.size() + 1);
}

TEST_CASE("Paths are the API server's") {
  const WatchedKind& route = WatchedKindOf(gatewayapi::Kind::kHTTPRoute);
  const WatchedKind& secret = WatchedKindOf(gatewayapi::Kind::kSecret);
  CHECK(CollectionPath(route, "v1", "") == "/apis/gateway.networking.k8s.io/v1/httproutes");
  CHECK(CollectionPath(route, "v1beta1", "a") == "/apis/gateway.networking.k8s.io/v1beta1/namespaces/a/httproutes");
  CHECK(ObjectPath(secret, "v1", {"ns", "tls.crt"}) == "/api/v1/namespaces/ns/secrets/tls.crt");
  CHECK(ObjectPath(CrdKind(), "v1", {"", "a.b"}) == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a.b");
}

TEST_CASE("A name that a reference made up stays one segment") {
  const WatchedKind& secret = WatchedKindOf(gatewayapi::Kind::kSecret);
  CHECK(ObjectPath(secret, "v1", {"../kube-system", "a/b?watch=true#\r\nX: y"}) ==
        "/api/v1/namespaces/..%2Fkube-system/secrets/a%2Fb%3Fwatch%3Dtrue%23%0D%0AX%3A%20y");
}

TEST_CASE("Versions are compared as numbers, and only if they are") {
  CHECK(IsOlderVersion("9", "10"));
  CHECK(IsOlderVersion("009", "10"));
  CHECK(IsOlderVersion("18446744073709551615", "18446744073709551616"));
  CHECK_FALSE(IsOlderVersion("10", "10"));
  CHECK_FALSE(IsOlderVersion("11", "10"));
  CHECK_FALSE(IsOlderVersion("a9", "b10"));
  CHECK_FALSE(IsOlderVersion("", "10"));
  CHECK_FALSE(IsOlderVersion("9", ""));
}

TEST_CASE("Of a CRD its served versions, bundle and channel are read") {
  const auto tree = gatewayapi::ParseJson(R"({"metadata":{"name":"gateways.gateway.networking.k8s.io","annotations":{
      "gateway.networking.k8s.io/bundle-version":"v1.7.0","gateway.networking.k8s.io/channel":"experimental"}},
      "spec":{"versions":[{"name":"v1","served":true,"schema":{"a":[1]}},{"name":"v1beta1","served":false},
                          {"name":"v2","served":true}]}})",
                                          kSkippedCrdKeys);
  const CrdInfo crd = DecodeCrd(tree.root);
  CHECK(crd.name == "gateways.gateway.networking.k8s.io");
  CHECK(crd.versions == std::vector<std::string>{"v1", "v2"});
  CHECK(crd.bundle_version == "v1.7.0");
  CHECK(crd.channel == "experimental");
  CHECK(gatewayapi::NodeAt(tree.root.items[1].items[0].items[0], {"schema"}) == nullptr);
  CHECK(IsOurCrd("dataplaneconfigs.portreeve.dev"));
  CHECK_FALSE(IsOurCrd("widgets.example.com"));
  CHECK_FALSE(IsOurCrd("gateways"));
}

TEST_CASE("Waits double up to the most, with chance") {
  using std::chrono::milliseconds;
  Backoff backoff(milliseconds(200), milliseconds(30'000));
  milliseconds full(200);
  std::set<milliseconds> seen;
  for (int i = 0; i < 40; ++i) {
    const milliseconds wait = backoff.Next();
    CHECK(wait <= full);
    CHECK(wait >= full * 3 / 4);
    full = std::min(full * 2, milliseconds(30'000));
    seen.insert(wait);
  }
  CHECK(seen.size() > 20);
  backoff.Reset();
  CHECK(backoff.Next() <= milliseconds(200));
}

}  // namespace
}  // namespace portreeve::kube
