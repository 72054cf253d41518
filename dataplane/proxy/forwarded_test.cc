#include "dataplane/proxy/forwarded.h"

#include <catch2/catch.hpp>
#include <deque>

namespace portreeve::proxy {
namespace {

using http::HeaderId;

http::RequestHead Spoofed() {
  http::RequestHead head;
  head.scheme = "https";
  head.headers.Add("X-Forwarded-For", "198.51.100.1");
  head.headers.Add("X-Forwarded-For", "198.51.100.2");
  head.headers.Add("X-Forwarded-Proto", "http");
  head.headers.Add("X-Forwarded-Host", "evil.example");
  head.headers.Add("X-Forwarded-Port", "1");
  head.headers.Add("X-Real-IP", "198.51.100.3");
  head.headers.Add("Forwarded", "for=198.51.100.4");
  head.headers.Add("X-Forwarded-Client-Cert", "Subject=\"root\"");
  head.headers.Add("X-Request-Id", "old");
  head.headers.Add("Accept", "*/*");
  return head;
}

// Values in the head are views of these: they live as long as the test program.
const ConnectionFacts& From(std::string client) {
  static std::deque<ConnectionFacts> all;
  all.emplace_back().client = std::move(client);
  return all.back();
}

std::string_view Value(const http::RequestHead& head, HeaderId id) {
  const http::HeaderField* field = head.headers.Find(id);
  return field == nullptr ? std::string_view("(absent)") : field->value;
}

}  // namespace

TEST_CASE("what a client says about itself is replaced") {
  http::Arena arena;
  ProxyOptions options;
  http::RequestHead head = Spoofed();
  SetForwarded(head, arena, options, From("192.0.2.9"), "a.example:8443", "id-1");
  CHECK(head.headers.Count(HeaderId::kXForwardedFor) == 1);
  CHECK(Value(head, HeaderId::kXForwardedFor) == "192.0.2.9");
  CHECK(Value(head, HeaderId::kXForwardedProto) == "https");
  CHECK(Value(head, HeaderId::kXForwardedHost) == "a.example:8443");
  CHECK(Value(head, HeaderId::kForwarded) == "for=192.0.2.9;host=\"a.example:8443\";proto=https");
  CHECK(Value(head, HeaderId::kXForwardedPort) == "(absent)");
  CHECK(Value(head, HeaderId::kXRealIp) == "(absent)");
  CHECK(Value(head, HeaderId::kXForwardedClientCert) == "(absent)");
  CHECK(Value(head, HeaderId::kXRequestId) == "id-1");
  CHECK(Value(head, HeaderId::kAccept) == "*/*");
}

TEST_CASE("a trusted proxy is believed and added to") {
  http::Arena arena;
  ProxyOptions options;
  REQUIRE(options.trusted_proxies.Add("192.0.2.0/24").ok());
  http::RequestHead head = Spoofed();
  SetForwarded(head, arena, options, From("192.0.2.9"), "a.example", "id-1");
  CHECK(Value(head, HeaderId::kXForwardedFor) == "198.51.100.1, 198.51.100.2, 192.0.2.9");
  CHECK(Value(head, HeaderId::kXForwardedProto) == "http");
  CHECK(Value(head, HeaderId::kForwarded) == "for=198.51.100.4, for=192.0.2.9;host=a.example;proto=https");
  CHECK(Value(head, HeaderId::kXForwardedClientCert) == "(absent)");
  http::RequestHead other = Spoofed();
  SetForwarded(other, arena, options, From("203.0.113.1"), "a.example", "id-1");
  CHECK(Value(other, HeaderId::kXForwardedFor) == "203.0.113.1");
}

TEST_CASE("IPv6 clients are bracketed in Forwarded") {
  http::Arena arena;
  ProxyOptions options;
  http::RequestHead head;
  head.scheme = "http";
  SetForwarded(head, arena, options, From("2001:db8::1"), "a.example", "id");
  CHECK(Value(head, HeaderId::kForwarded) == "for=\"[2001:db8::1]\";host=a.example;proto=http");
  CHECK(Value(head, HeaderId::kXForwardedFor) == "2001:db8::1");
}

TEST_CASE("without forwarded headers nothing is added, and spoofed ones go all the same") {
  http::Arena arena;
  ProxyOptions options;
  options.forwarded_headers = false;
  http::RequestHead head = Spoofed();
  SetForwarded(head, arena, options, From("192.0.2.9"), "a.example", "");
  CHECK(head.headers.size() == 1);
}

TEST_CASE("a sane request id is kept, any other is made anew") {
  http::Arena arena;
  upstream::Random random;
  http::RequestHead head;
  head.headers.Add("X-Request-Id", "abc-123");
  CHECK(RequestId(head, arena, random) == "abc-123");
  for (const std::string_view bad : {std::string_view("a b"), std::string_view(""), std::string_view("\xc3\xa9")}) {
    head.headers.Set("X-Request-Id", bad);
    CHECK(RequestId(head, arena, random).size() == 32);
  }
  head.headers.Clear();
  CHECK(RequestId(head, arena, random) != RequestId(head, arena, random));
}

}  // namespace portreeve::proxy
