#include "controller/gatewayapi/types.h"

#include <absl/hash/hash.h>

#include <catch2/catch.hpp>
#include <memory>
#include <sstream>

namespace portreeve::gatewayapi {
namespace {

TEST_CASE("ObjectKey orders, hashes and prints") {
  const ObjectKey route{Kind::kHTTPRoute, "team-a", "r"};
  CHECK(route.ToString() == "HTTPRoute team-a/r");
  CHECK(ObjectKey{Kind::kGatewayClass, "", "portreeve"}.ToString() == "GatewayClass portreeve");
  CHECK(route < ObjectKey{Kind::kHTTPRoute, "team-b", "a"});
  CHECK(ObjectKey{Kind::kGateway, "z", "z"} < route);
  CHECK(absl::HashOf(route) == absl::HashOf(ObjectKey{Kind::kHTTPRoute, "team-a", "r"}));
  CHECK(absl::HashOf(route) != absl::HashOf(ObjectKey{Kind::kHTTPRoute, "team-ar", ""}));
}

TEST_CASE("Every kind has a name, a group and a place in Object") {
  for (const Kind kind : kAllKinds) CHECK(KindFromName(ToString(kind)) == kind);
  CHECK_FALSE(KindFromName("Pod"));
  CHECK(GroupOf(Kind::kHTTPRoute) == "gateway.networking.k8s.io");
  CHECK(GroupOf(Kind::kEndpointSlice) == "discovery.k8s.io");
  CHECK(GroupOf(Kind::kSecret).empty());
  CHECK(KindOf(Object(Ptr<GatewayClass>())) == Kind::kGatewayClass);
  CHECK(KindOf(Object(Ptr<ReferenceGrant>())) == Kind::kReferenceGrant);
  CHECK(KindOf(Object(Ptr<EndpointSlice>())) == Kind::kEndpointSlice);
  CHECK(KindOf(Object(Ptr<ConfigMap>())) == Kind::kConfigMap);
}

TEST_CASE("SameSpec looks at the spec, SameContent at everything") {
  auto a = std::make_shared<HTTPRoute>();
  a->metadata.name = "r";
  auto b = std::make_shared<HTTPRoute>(*a);
  CHECK(SameContent(Ptr<HTTPRoute>(a), Ptr<HTTPRoute>(b)));
  b->status.parents.emplace_back();
  b->metadata.labels["x"] = "y";
  CHECK(SameSpec(Ptr<HTTPRoute>(a), Ptr<HTTPRoute>(b)));
  CHECK_FALSE(SameContent(Ptr<HTTPRoute>(a), Ptr<HTTPRoute>(b)));
  b->spec.hostnames.push_back("a.example.com");
  CHECK_FALSE(SameSpec(Ptr<HTTPRoute>(a), Ptr<HTTPRoute>(b)));

  auto slice = std::make_shared<EndpointSlice>();
  auto other = std::make_shared<EndpointSlice>();
  other->metadata.labels["x"] = "y";
  CHECK(SameSpec(Ptr<EndpointSlice>(slice), Ptr<EndpointSlice>(other)));
  other->endpoints.emplace_back();
  CHECK_FALSE(SameSpec(Ptr<EndpointSlice>(slice), Ptr<EndpointSlice>(other)));
  CHECK_FALSE(SameSpec(Ptr<EndpointSlice>(slice), Ptr<HTTPRoute>(a)));
}

TEST_CASE("WithGeneration changes nothing else") {
  auto route = std::make_shared<HTTPRoute>();
  route->spec.hostnames = {"a.example.com"};
  const Object counted = WithGeneration(Ptr<HTTPRoute>(route), 7);
  CHECK(MetaOf(counted).generation == 7);
  CHECK(route->metadata.generation == 0);
  CHECK(SameSpec(counted, Ptr<HTTPRoute>(route)));
}

TEST_CASE("LabelSelector") {
  using Operator = LabelSelectorRequirement::Operator;
  const std::map<std::string, std::string> labels = {{"team", "a"}, {"stage", "prod"}};
  CHECK(LabelSelector{}.Matches(labels));
  CHECK(LabelSelector{{{"team", "a"}}, {}}.Matches(labels));
  CHECK_FALSE(LabelSelector{{{"team", "b"}}, {}}.Matches(labels));
  CHECK_FALSE(LabelSelector{{{"other", "a"}}, {}}.Matches(labels));
  CHECK(LabelSelector{{}, {{"team", Operator::kIn, {"b", "a"}}}}.Matches(labels));
  CHECK_FALSE(LabelSelector{{}, {{"team", Operator::kNotIn, {"b", "a"}}}}.Matches(labels));
  CHECK(LabelSelector{{}, {{"other", Operator::kNotIn, {"a"}}}}.Matches(labels));
  CHECK(LabelSelector{{}, {{"stage", Operator::kExists, {}}}}.Matches(labels));
  CHECK(LabelSelector{{}, {{"other", Operator::kDoesNotExist, {}}}}.Matches(labels));
  CHECK_FALSE(LabelSelector{{{"team", "a"}}, {{"stage", Operator::kDoesNotExist, {}}}}.Matches(labels));
}

TEST_CASE("SecretBytes do not print") {
  std::ostringstream text;
  text << SecretBytes("hunter2");
  CHECK(text.str() == "[redacted]");
}

}  // namespace
}  // namespace portreeve::gatewayapi
