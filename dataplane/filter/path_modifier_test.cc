#include "dataplane/filter/path_modifier.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

using Type = PathModifier::Type;

struct Row {
  std::string_view path;
  // As route::RouteMatch gives it: without "/" at its end.
  std::string_view matched;
  std::string_view replacement;
  std::string_view result;
  std::string_view new_prefix;
};

TEST_CASE("a prefix is replaced as the table of HTTPPathModifier says") {
  const Row rows[] = {
      {"/foo/bar", "/foo", "/xyz", "/xyz/bar", "/xyz"},
      {"/foo/bar", "/foo", "/xyz/", "/xyz/bar", "/xyz"},
      {"/foo", "/foo", "/xyz", "/xyz", "/xyz"},
      {"/foo/", "/foo", "/xyz", "/xyz/", "/xyz"},
      {"/foo/bar", "/foo", "", "/bar", ""},
      {"/foo/", "/foo", "", "/", ""},
      {"/foo", "/foo", "", "/", ""},
      {"/foo/", "/foo", "/", "/", ""},
      {"/foo", "/foo", "/", "/", ""},
      // The prefix "/".
      {"/bar", "", "/xyz", "/xyz/bar", "/xyz"},
      {"/", "", "/xyz", "/xyz/", "/xyz"},
      {"/", "", "", "/", ""},
      {"*", "", "/xyz", "/xyz", "/xyz"},
      // What follows stays as it is.
      {"/app/a%2Fb%20c", "/app", "/", "/a%2Fb%20c", ""},
      {"/app/%2525", "/app", "/x", "/x/%2525", "/x"},
      {"/app/caf%C3%A9/", "/app", "/x/y/", "/x/y/caf%C3%A9/", "/x/y"},
      {"/foo//bar", "/foo", "/xyz", "/xyz//bar", "/xyz"},
      // Never "//" at the start.
      {"/foo//evil.example", "/foo", "/", "/evil.example", ""},
      {"/foo///evil.example", "/foo", "", "/evil.example", ""},
      {"/foo/bar", "/foo", "//evil.example", "/evil.example/bar", "/evil.example"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path, row.matched, row.replacement);
    const absl::StatusOr<PathModifier> modifier = PathModifier::Create(Type::kPrefix, row.replacement, "f");
    REQUIRE(modifier.ok());
    http::Arena arena;
    const auto result = modifier->Apply(row.path, row.matched, arena);
    REQUIRE(result.has_value());
    CHECK(result->path == row.result);
    CHECK(result->prefix == row.new_prefix);
  }
}

TEST_CASE("a full path replaces all") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"/new", "/new"}, {"", "/"}, {"/", "/"}, {"/a/../b/%7e", "/b/~"}, {"//evil.example/x", "/evil.example/x"},
      {"/x/", "/x/"}};
  for (const auto& [value, wanted] : rows) {
    CAPTURE(value);
    const absl::StatusOr<PathModifier> modifier = PathModifier::Create(Type::kFull, value, "f");
    REQUIRE(modifier.ok());
    http::Arena arena;
    CHECK(modifier->Apply("/foo/bar", "/foo", arena)->path == wanted);
    CHECK(modifier->Apply("*", "", arena)->path == wanted);
  }
}

TEST_CASE("a prefix that isn't the path's can't be replaced") {
  const absl::StatusOr<PathModifier> modifier = PathModifier::Create(Type::kPrefix, "/x", "f");
  http::Arena arena;
  CHECK_FALSE(modifier->Apply("/other", "/foo", arena).has_value());
  CHECK_FALSE(modifier->Apply("/food", "/foo", arena).has_value());
  CHECK_FALSE(modifier->Apply("/f", "/foo", arena).has_value());
}

TEST_CASE("a value that is no path is refused") {
  using std::string_view_literals::operator""sv;
  for (std::string_view value :
       {"xyz"sv, "/a b"sv, "/a\r\nb"sv, "/a\0"sv, "/%00"sv, "/%zz"sv, "/a?b=c"sv, "/a#b"sv, "/\\evil"sv, "*"sv}) {
    CAPTURE(value);
    CHECK(ErrorOf(PathModifier::Create(Type::kFull, value, "path.replaceFullPath"))
              .starts_with("path.replaceFullPath: "));
    CHECK_FALSE(PathModifier::Create(Type::kPrefix, value, "f").ok());
  }
}

}  // namespace
}  // namespace portreeve::filter
