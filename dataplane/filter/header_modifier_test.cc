#include "dataplane/filter/header_modifier.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

using Direction = HeaderModifier::Direction;

HeaderModifier Modifier(HeaderModifierConfig config, Direction direction = Direction::kRequest) {
  absl::StatusOr<HeaderModifier> result = HeaderModifier::Create(direction, std::move(config), "f");
  INFO(result.status().ToString());
  REQUIRE(result.ok());
  return *std::move(result);
}

std::string Refusal(HeaderModifierConfig config, Direction direction = Direction::kRequest) {
  return ErrorOf(HeaderModifier::Create(direction, std::move(config), "filters[1].requestHeaderModifier"));
}

TEST_CASE("set leaves one line, add adds one, remove takes all") {
  struct Row {
    std::string_view about;
    HeaderModifierConfig config;
    http::HeaderList before;
    std::string_view after;
  };
  const auto list = [](std::initializer_list<std::pair<std::string_view, std::string_view>> lines) {
    http::HeaderList headers;
    for (const auto& [name, value] : lines) headers.Add(name, value);
    return headers;
  };
  const std::vector<Row> rows = {
      {"set makes a missing field", {{{"X-Set", "one"}}, {}, {}}, list({}), "X-Set: one"},
      {"set overwrites all lines, in any case",
       {{{"X-Set", "one"}}, {}, {}},
       list({{"x-set", "old"}, {"A", "1"}, {"X-SET", "older"}}),
       "X-Set: one|A: 1"},
      {"a comma doesn't split a value",
       {{{"X-List", "red, green"}}, {}, {}},
       list({{"X-List", "blue"}}),
       "X-List: red, green"},
      {"add keeps what is there", {{}, {{"X-Add", "two"}}, {}}, list({{"x-add", "zero"}}), "x-add: zero|X-Add: two"},
      {"add makes a missing field", {{}, {{"X-Add", "two"}}, {}}, list({}), "X-Add: two"},
      {"cookies stay apart",
       {{}, {{"Set-Cookie", "b=2"}}, {}},
       list({{"Set-Cookie", "a=1"}}),
       "Set-Cookie: a=1|Set-Cookie: b=2"},
      {"remove takes all lines, in any case",
       {{}, {}, {"x-gone"}},
       list({{"X-GONE", "1"}, {"X-Other", "kept"}, {"x-Gone", "2"}}),
       "X-Other: kept"},
      {"removing nothing does nothing", {{}, {}, {"x-gone"}}, list({{"X-Other", "kept"}}), "X-Other: kept"},
      {"known names too",
       {{{"User-Agent", "u"}}, {}, {"Cookie"}},
       list({{"user-agent", "x"}, {"cookie", "a"}}),
       "User-Agent: u"},
      {"an empty value is one", {{{"X-Empty", ""}}, {}, {}}, list({{"X-Empty", "x"}}), "X-Empty: "},
  };
  for (const Row& row : rows) {
    INFO(row.about);
    http::RequestHead request = Request("/");
    request.headers = row.before;
    const HeaderModifier for_request = Modifier(row.config);
    for_request.Apply(request);
    CHECK(Lines(request.headers) == row.after);
    http::ResponseHead response;
    response.headers = row.before;
    const HeaderModifier for_response = Modifier(row.config, Direction::kResponse);
    for_response.Apply(response);
    CHECK(Lines(response.headers) == row.after);
  }
}

TEST_CASE("setting Host rewrites the authority") {
  http::RequestHead head = Request("/", "a.example.com:8080");
  const HeaderModifier modifier = Modifier({{{"host", "Inner.example.com:81"}, {"X-A", "1"}}, {}, {}});
  modifier.Apply(head);
  CHECK(head.authority == "Inner.example.com:81");
  CHECK(head.host == "inner.example.com");
  CHECK(Lines(head.headers) == "X-A: 1");
}

TEST_CASE("what a filter may not write is refused with its place") {
  CHECK(Refusal({{{"Host", "a b"}}, {}, {}}) ==
        "filters[1].requestHeaderModifier.set[0].value: not a host with optional port");
  CHECK(Refusal({{}, {{"Host", "a"}}, {}}) ==
        "filters[1].requestHeaderModifier.add[0].name: Host can be set, not added: a request has one");
  CHECK(Refusal({{}, {}, {"x", "HOST"}}) ==
        "filters[1].requestHeaderModifier.remove[1]: a request can't go without Host");
  CHECK(Refusal({{{"X-A", "1"}, {"X-B", "a\r\nX-C: 2"}}, {}, {}}) ==
        "filters[1].requestHeaderModifier.set[1].value: holds a control character, or a blank at an end (RFC 9110 "
        "section 5.5)");
  CHECK(Refusal({{}, {{"X A", "1"}}, {}}) ==
        "filters[1].requestHeaderModifier.add[0].name: not a field name (RFC 9110 section 5.1)");
  CHECK(Refusal({{}, {}, {"Transfer-Encoding"}}) ==
        "filters[1].requestHeaderModifier.remove[0]: the gateway itself frames messages; a filter may not touch this "
        "field");
  CHECK(Refusal({{{"Content-Length", "0"}}, {}, {}}, Direction::kResponse) ==
        "filters[1].requestHeaderModifier.set[0].name: the gateway itself frames messages; a filter may not touch this "
        "field");
  CHECK(Refusal({{{"Host", "anything"}}, {}, {}}, Direction::kResponse).empty());
}

}  // namespace
}  // namespace portreeve::filter
