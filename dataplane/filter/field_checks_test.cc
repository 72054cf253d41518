#include "dataplane/filter/field_checks.h"

#include <catch2/catch.hpp>

#include "dataplane/filter/test_messages.h"

namespace portreeve::filter {
namespace {

TEST_CASE("header names are tokens that a filter may touch") {
  for (std::string_view name : {"X-Team", "x_y", "Set-Cookie", "Host", "Authorization", "!#$%&'*+-.^_`|~"}) {
    CAPTURE(name);
    CHECK(ValidateHeaderName("f", name).ok());
  }
  using std::string_view_literals::operator""sv;
  for (std::string_view name :
       {""sv, "X Team"sv, "X-Team:"sv, ":path"sv, "X\r\nY"sv, "X\0"sv, "X(Y)"sv, "caf\xC3\xA9"sv}) {
    CAPTURE(name);
    CHECK(ErrorOf(ValidateHeaderName("set[0].name", name)) == "set[0].name: not a field name (RFC 9110 section 5.1)");
  }
  for (std::string_view name : {"Connection", "content-length", "CONTENT-LENGTH", "Transfer-Encoding", "Upgrade", "TE",
                                "Trailer", "Keep-Alive", "Proxy-Connection", "Expect", "HTTP2-Settings"}) {
    CAPTURE(name);
    CHECK_FALSE(ValidateHeaderName("f", name).ok());
  }
}

TEST_CASE("header values hold nothing that could end a line") {
  using std::string_view_literals::operator""sv;
  for (std::string_view value : {"one"sv, ""sv, "a, b"sv, "a\tb"sv, "caf\xC3\xA9"sv, "%0d%0a"sv}) {
    CAPTURE(value);
    CHECK(ValidateHeaderValue("f", value).ok());
  }
  for (std::string_view value :
       {"a\r\nSet-Cookie: x"sv, "a\n"sv, "a\r"sv, "a\0b"sv, " a"sv, "a\t"sv, "a\x7F"sv, "\x01"sv}) {
    CAPTURE(value);
    CHECK_FALSE(ValidateHeaderValue("f", value).ok());
  }
}

TEST_CASE("hostnames have no port and come out in lower case") {
  CHECK(*ValidateHostname("f", "A.Example.com") == "a.example.com");
  for (std::string_view name : {"", "a.example.com:80", "a b", "a/b", "user@a", "//evil", "a\r\n", "*.example.com"}) {
    CAPTURE(name);
    CHECK(ErrorOf(ValidateHostname("hostname", name)) == "hostname: not a hostname without port");
  }
}

}  // namespace
}  // namespace portreeve::filter
