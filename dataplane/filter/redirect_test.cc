#include "dataplane/filter/redirect.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

std::optional<PathModifier> Path(PathModifier::Type type, std::string_view value) {
  absl::StatusOr<PathModifier> modifier = PathModifier::Create(type, value, "path");
  REQUIRE(modifier.ok());
  return *std::move(modifier);
}
std::optional<PathModifier> Full(std::string_view value) {
  return Path(PathModifier::Type::kFull, value);
}
std::optional<PathModifier> Prefix(std::string_view value) {
  return Path(PathModifier::Type::kPrefix, value);
}

struct Row {
  RedirectConfig config;
  http::RequestHead head;
  std::uint16_t listener_port;
  std::string_view matched_prefix;
  int status;
  std::string_view location;
};

void Check(const Row& row) {
  CAPTURE(row.config.scheme, row.config.port, row.head.path, row.head.authority, row.listener_port);
  const absl::StatusOr<Redirect> redirect = Redirect::Create(row.config, "f");
  REQUIRE(redirect.ok());
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = row.listener_port, .matched_prefix = row.matched_prefix};
  CHECK(redirect->Apply(row.head, context) == FilterResult::kReply);
  CHECK(context.reply.status == row.status);
  CHECK(context.reply.location == row.location);
  CHECK(context.reason == http::Reason::kRedirected);
}

TEST_CASE("the port of a redirect") {
  const auto http = [](std::string_view target = "/x") { return Request(target, "a.example.com:9999", "http"); };
  const auto https = [](std::string_view target = "/x") { return Request(target, "a.example.com", "https"); };
  const Row rows[] = {
      // No scheme, no port: the listener's.
      {{}, http(), 80, "", 302, "http://a.example.com/x"},
      {{}, http(), 8080, "", 302, "http://a.example.com:8080/x"},
      {{}, https(), 443, "", 302, "https://a.example.com/x"},
      {{}, https(), 8443, "", 302, "https://a.example.com:8443/x"},
      {{}, https(), 80, "", 302, "https://a.example.com:80/x"},
      // With a scheme, its own.
      {{.scheme = "https"}, http(), 8080, "", 302, "https://a.example.com/x"},
      {{.scheme = "http"}, https(), 8443, "", 302, "http://a.example.com/x"},
      {{.scheme = "http"}, http(), 8080, "", 302, "http://a.example.com/x"},
      // A port that is given, but for the default one.
      {{.port = 8443}, http(), 80, "", 302, "http://a.example.com:8443/x"},
      {{.scheme = "https", .port = 8443}, http(), 80, "", 302, "https://a.example.com:8443/x"},
      {{.scheme = "https", .port = 443}, http(), 80, "", 302, "https://a.example.com/x"},
      {{.scheme = "https", .port = 80}, http(), 80, "", 302, "https://a.example.com:80/x"},
      {{.port = 80}, http(), 8080, "", 302, "http://a.example.com/x"},
      {{.port = 443}, https(), 8443, "", 302, "https://a.example.com/x"},
  };
  for (const Row& row : rows) Check(row);
}

TEST_CASE("host, path and query of a redirect") {
  const Row rows[] = {
      {{.hostname = "B.example.com"}, Request("/x"), 80, "", 302, "http://b.example.com/x"},
      {{.scheme = "https"}, Request("/x/y?q=1&r=%2F"), 80, "", 302, "https://a.example.com/x/y?q=1&r=%2F"},
      {{}, Request("/x?"), 80, "", 302, "http://a.example.com/x?"},
      {{}, Request("*"), 80, "", 302, "http://a.example.com/"},
      {{}, Request("//evil.example"), 80, "", 302, "http://a.example.com/evil.example"},
      {{.path = Full("/new")}, Request("/old/x?q=1"), 80, "/old", 302, "http://a.example.com/new?q=1"},
      {{.path = Prefix("/")}, Request("/api/public/bar?q=1"), 80, "/api/public", 302, "http://a.example.com/bar?q=1"},
      {{.path = Prefix("/")}, Request("/api/public"), 80, "/api/public", 302, "http://a.example.com/"},
      {{.path = Prefix("")}, Request("/a//evil.example"), 80, "/a", 302, "http://a.example.com/evil.example"},
      {{.path = Prefix("/n")},
       Request("/a/%0D%0ASet-Cookie:x"),
       80,
       "/a",
       302,
       "http://a.example.com/n/%0D%0ASet-Cookie:x"},
  };
  for (const Row& row : rows) Check(row);
  http::RequestHead ipv6 = Request("/x");
  ipv6.authority = "[::1]:8080";
  ipv6.host = "[::1]";
  Check({{}, ipv6, 8080, "", 302, "http://[::1]:8080/x"});
  // HTTP/1.0 without Host.
  Check({{}, Request("//x?q", ""), 8080, "", 302, "/x?q"});
}

TEST_CASE("each status of the API") {
  for (const std::uint32_t status : {301, 302, 303, 307, 308}) {
    Check({{.status = status}, Request("/x"), 80, "", static_cast<int>(status), "http://a.example.com/x"});
  }
}

TEST_CASE("a redirect that can't be made fails") {
  http::Arena arena;
  FilterContext context{.arena = arena, .listener_port = 80, .matched_prefix = "/foo"};
  const absl::StatusOr<Redirect> moved = Redirect::Create({.path = Prefix("/x")}, "f");
  CHECK(moved->Apply(Request("/other"), context) == FilterResult::kFail);
  CHECK(context.reason == http::Reason::kInvalidRewrite);
  const absl::StatusOr<Redirect> secure = Redirect::Create({.scheme = "https"}, "f");
  CHECK(secure->Apply(Request("/other", ""), context) == FilterResult::kFail);
}

TEST_CASE("a bad redirect is refused with its place") {
  CHECK(ErrorOf(Redirect::Create({.scheme = "ftp"}, "f")) == "f.scheme: must be \"http\" or \"https\"");
  CHECK(ErrorOf(Redirect::Create({.hostname = "a:80"}, "f")) == "f.hostname: not a hostname without port");
  CHECK(ErrorOf(Redirect::Create({.hostname = "a\r\nX: y"}, "f")) == "f.hostname: not a hostname without port");
  CHECK(ErrorOf(Redirect::Create({.port = 65536}, "f")) == "f.port: must be from 1 to 65535");
  CHECK(ErrorOf(Redirect::Create({.status = 304}, "f")) == "f.statusCode: 304 is none of 301, 302, 303, 307 and 308");
}

}  // namespace
}  // namespace portreeve::filter
