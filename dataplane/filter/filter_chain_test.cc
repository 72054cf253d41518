#include "dataplane/filter/filter_chain.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

HeaderModifier Set(HeaderModifier::Direction direction, std::string name, std::string value) {
  HeaderModifierConfig config;
  config.set.push_back({std::move(name), std::move(value)});
  return *HeaderModifier::Create(direction, std::move(config), "f");
}
Filter ForRequest(std::string name, std::string value) {
  return RequestHeaders{Set(HeaderModifier::Direction::kRequest, std::move(name), std::move(value))};
}
Filter ForResponse(std::string name, std::string value) {
  return ResponseHeaders{Set(HeaderModifier::Direction::kResponse, std::move(name), std::move(value))};
}
Filter ToHttps() {
  return *Redirect::Create({.scheme = "https"}, "f");
}
Filter ToHost(std::string hostname) {
  return *Rewrite::Create({.hostname = std::move(hostname)}, "f");
}

TEST_CASE("filters run in order") {
  const absl::StatusOr<FilterChain> chain = FilterChain::Create(
      {ForRequest("X-A", "1"), ForResponse("X-R", "2"), ForRequest("X-A", "3"), ToHost("b")}, "filters");
  REQUIRE(chain.ok());
  http::RequestHead head = Request("/");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = ""};
  CHECK(chain->OnRequest(head, context) == FilterResult::kContinue);
  CHECK(Lines(head.headers) == "X-A: 3");
  CHECK(head.authority == "b");
  http::ResponseHead response;
  chain->OnResponse(response, context);
  CHECK(Lines(response.headers) == "X-R: 2");
}

TEST_CASE("a redirect ends the chain") {
  const absl::StatusOr<FilterChain> chain =
      FilterChain::Create({ForRequest("X-A", "1"), ToHttps(), ForRequest("X-A", "2")}, "filters");
  http::RequestHead head = Request("/x");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = ""};
  CHECK(chain->OnRequest(head, context) == FilterResult::kReply);
  CHECK(context.reply.location == "https://a.example.com/x");
  CHECK(Lines(head.headers) == "X-A: 1");
}

TEST_CASE("a failing filter ends the chain") {
  const Filter rewrite =
      *Rewrite::Create({.hostname = "", .path = *PathModifier::Create(PathModifier::Type::kPrefix, "/x", "p")}, "f");
  const absl::StatusOr<FilterChain> chain = FilterChain::Create({rewrite, ForRequest("X-A", "2")}, "filters");
  http::RequestHead head = Request("/x");
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = "/y"};
  CHECK(chain->OnRequest(head, context) == FilterResult::kFail);
  CHECK(head.headers.empty());
}

TEST_CASE("filters that exclude each other are refused") {
  CHECK(ErrorOf(FilterChain::Create({ToHttps(), ToHttps()}, "filters")) == "filters: more than one RequestRedirect");
  CHECK(ErrorOf(FilterChain::Create({ToHost("a"), ToHost("b")}, "filters")) == "filters: more than one URLRewrite");
  CHECK(ErrorOf(FilterChain::Create({ToHost("a"), ToHttps()}, "filters")) ==
        "filters: RequestRedirect and URLRewrite exclude each other");
  CHECK(FilterChain().empty());
}

}  // namespace
}  // namespace portreeve::filter
