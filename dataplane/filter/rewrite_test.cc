#include "dataplane/filter/rewrite.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

Rewrite Make(std::string hostname, std::optional<PathModifier::Type> type = std::nullopt, std::string_view value = "") {
  RewriteConfig config{.hostname = std::move(hostname)};
  if (type.has_value()) config.path = *PathModifier::Create(*type, value, "path");
  absl::StatusOr<Rewrite> rewrite = Rewrite::Create(std::move(config), "f");
  REQUIRE(rewrite.ok());
  return *std::move(rewrite);
}

TEST_CASE("a hostname replaces all of Host") {
  const Rewrite rewrite = Make("Inner.example.com");
  http::RequestHead head = Request("/x?q=1", "a.example.com:8080");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = ""};
  CHECK(rewrite.Apply(head, context) == FilterResult::kContinue);
  CHECK(head.authority == "inner.example.com");
  CHECK(head.host == "inner.example.com");
  CHECK(head.path == "/x");
}

TEST_CASE("a path is rewritten, the query and Host stay") {
  const Rewrite rewrite = Make("", PathModifier::Type::kPrefix, "/api/service/");
  http::RequestHead head = Request("/service/version?c=d", "a.example.com:8080");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = "/service"};
  CHECK(rewrite.Apply(head, context) == FilterResult::kContinue);
  CHECK(head.path == "/api/service/version");
  CHECK(head.query == "c=d");
  CHECK(head.has_query);
  CHECK(head.authority == "a.example.com:8080");
  CHECK(context.matched_prefix == "/api/service");
}

TEST_CASE("a second rewrite replaces what the first one wrote") {
  http::RequestHead head = Request("/service/version");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = "/service"};
  const Rewrite first = Make("", PathModifier::Type::kPrefix, "/one/two");
  const Rewrite second = Make("", PathModifier::Type::kPrefix, "/");
  const Rewrite third = Make("", PathModifier::Type::kPrefix, "/three");
  CHECK(first.Apply(head, context) == FilterResult::kContinue);
  CHECK(second.Apply(head, context) == FilterResult::kContinue);
  CHECK(head.path == "/version");
  CHECK(third.Apply(head, context) == FilterResult::kContinue);
  CHECK(head.path == "/three/version");
}

TEST_CASE("a rewrite that can't be made fails and changes nothing") {
  http::RequestHead head = Request("/other");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = "/foo"};
  const Rewrite rewrite = Make("b.example.com", PathModifier::Type::kPrefix, "/x");
  CHECK(rewrite.Apply(head, context) == FilterResult::kFail);
  CHECK(context.reason == http::Reason::kInvalidRewrite);
  CHECK(head.path == "/other");
  CHECK(head.authority == "a.example.com");
}

TEST_CASE("a bad hostname is refused with its place") {
  CHECK(ErrorOf(Rewrite::Create({.hostname = "a:80"}, "filters[0].urlRewrite")) ==
        "filters[0].urlRewrite.hostname: not a hostname without port");
}

}  // namespace
}  // namespace portreeve::filter
