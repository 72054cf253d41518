#include "controller/gatewayapi/text_rules.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::gatewayapi {
namespace {

using std::chrono::milliseconds;

TEST_CASE("Durations are those of GEP-2257") {
  CHECK(ParseDuration("0s") == milliseconds(0));
  CHECK(ParseDuration("500ms") == milliseconds(500));
  CHECK(ParseDuration("1h30m10s5ms") == milliseconds(5'410'005));
  CHECK(ParseDuration("99999h") == milliseconds(int64_t{99999} * 3'600'000));
  for (const char* bad : {"", "1", "s", "1d", "1.5s", "-1s", "100000s", "1h1h1h1h1h", " 1s", "1s ", "1S", "1m s"}) {
    INFO(bad);
    CHECK_FALSE(ParseDuration(bad));
  }
}

TEST_CASE("Host names") {
  for (const char* good : {"a", "a.example.com", "*.example.com", "xn--bcher-kva.example", "1.2.3.4", "*.com"}) {
    INFO(good);
    CHECK(IsHostname(good));
  }
  for (const char* bad : {"", "*", "*.", "a.*.com", "A.example.com", "a..b", ".a", "a.", "a_b", "-a", "a-", "a:80",
                          "*a.com", "**.com", "a b", "a/b"}) {
    INFO(bad);
    CHECK_FALSE(IsHostname(bad));
  }
  CHECK_FALSE(IsHostname(std::string(254, 'a')));
}

TEST_CASE("Names, tokens and values") {
  CHECK(IsDnsLabel("a-1"));
  CHECK_FALSE(IsDnsLabel("a.b"));
  CHECK_FALSE(IsDnsLabel(std::string(64, 'a')));
  CHECK(IsToken("X-Forwarded_For!#$%&'*+.^`|~"));
  for (const char* bad : {"", "a b", "a:", "a\tb", "a\r\nb", "ä", "a(b", "a\"b"}) CHECK_FALSE(IsToken(bad));
  CHECK(IsFieldValue("a,\t b \xC3\xA4"));
  CHECK_FALSE(IsFieldValue("a\r\nb"));
  CHECK_FALSE(IsFieldValue(std::string_view("a\0b", 3)));
  CHECK_FALSE(IsFieldValue("\x7F"));
  CHECK(IsControllerName("portreeve.dev/gateway-controller"));
  CHECK_FALSE(IsControllerName("portreeve"));
  CHECK_FALSE(IsControllerName("portreeve.dev/"));
  CHECK(IsQualifiedName("kubernetes.io/service-name"));
  CHECK(IsQualifiedName("app"));
  CHECK_FALSE(IsQualifiedName("a/b/c"));
  CHECK_FALSE(IsQualifiedName("/a"));
  CHECK(IsUriPath("/a%20b/~c;d=1"));
  CHECK_FALSE(IsUriPath("/a b"));
  CHECK_FALSE(IsUriPath("/a%2"));
  CHECK_FALSE(IsUriPath("/a?b"));
  CHECK(IsIPv4("192.0.2.1"));
  CHECK_FALSE(IsIPv4("192.0.2.256"));
  CHECK_FALSE(IsIPv4(std::string_view("192.0.2.1\0x", 11)));
  CHECK(IsIPv6("2001:db8::1"));
  CHECK_FALSE(IsIPv6("[::1]"));
}

TEST_CASE("Base64 is strict") {
  CHECK(DecodeBase64("") == "");
  CHECK(DecodeBase64("aGVsbG8=") == "hello");
  CHECK(DecodeBase64("aGVs\nbG8=\n") == "hello");
  CHECK(DecodeBase64("+/+/") == "\xFB\xFF\xBF");
  for (const char* bad : {"aGVsbG8", "a=b=", "aGVsbG8-", "====", "=", "aGVs bG8="}) {
    INFO(bad);
    CHECK_FALSE(DecodeBase64(bad));
  }
}

TEST_CASE("Timestamps") {
  CHECK(ParseTimestamp("1970-01-01T00:00:10Z") == 10);
  CHECK(ParseTimestamp("2024-01-01T01:00:00+01:00") == 1704067200);
  CHECK_FALSE(ParseTimestamp("2024-01-01"));
  CHECK_FALSE(ParseTimestamp("yesterday"));
}

}  // namespace
}  // namespace portreeve::gatewayapi
