#include "cli/request.h"

#include <catch2/catch.hpp>

namespace portreeve::cli {
namespace {

AskedRequest Parse(const std::vector<std::string>& words, const std::vector<std::string>& headers = {}) {
  const auto asked = ParseRequest(words, headers);
  INFO(asked.status());
  REQUIRE(asked.ok());
  return *asked;
}

std::string ErrorOf(const std::vector<std::string>& words, const std::vector<std::string>& headers = {}) {
  const auto asked = ParseRequest(words, headers);
  REQUIRE_FALSE(asked.ok());
  return std::string(asked.status().message());
}

TEST_CASE("A URL gives scheme, host, port and target, with the defaults of its scheme") {
  const AskedRequest plain = Parse({"http://Shop.Example.com"});
  CHECK(plain.method == "GET");
  CHECK_FALSE(plain.https);
  CHECK(plain.host == "shop.example.com");
  CHECK(plain.port == 80);
  CHECK(plain.authority == "Shop.Example.com");
  CHECK(plain.target == "/");
  const AskedRequest full = Parse({"POST", "https://h:8443/a/b?c=d#e"}, {"X-A:  b ", "Empty:"});
  CHECK(full.method == "POST");
  CHECK(full.https);
  CHECK(full.port == 8443);
  CHECK(full.target == "/a/b?c=d");
  CHECK(full.headers == std::vector<std::pair<std::string, std::string>>{{"X-A", "b"}, {"Empty", ""}});
  CHECK(Parse({"https://h"}).port == 443);
  CHECK(Parse({"http://h?a=b"}).target == "/?a=b");
  CHECK(Parse({"http://[::1]:8080/"}).host == "[::1]");
}

TEST_CASE("What can be no request is an error that says what to write") {
  CHECK(ErrorOf({"shop.example.com/"}).find("no scheme") != std::string::npos);
  CHECK(ErrorOf({"ftp://h/"}).find("scheme other than") != std::string::npos);
  CHECK(ErrorOf({"http:///x"}).find("no valid host") != std::string::npos);
  CHECK(ErrorOf({"http://h:99999/"}).find("no valid host and port") != std::string::npos);
  CHECK(ErrorOf({"http://h/a b"}).find("blank") != std::string::npos);
  CHECK(ErrorOf({"http://me@h/"}).find("user") != std::string::npos);
  CHECK(ErrorOf({"http://h/", "GET"}).find("no URL") != std::string::npos);
  CHECK(ErrorOf({"http://a/", "http://b/"}).find("no method") != std::string::npos);
  CHECK(ErrorOf({"G T", "http://b/"}).find("no method") != std::string::npos);
  CHECK(ErrorOf({}).find("[METHOD] URL") != std::string::npos);
  CHECK(ErrorOf({"http://h/"}, {"x-a"}).find("'Name: value'") != std::string::npos);
  CHECK(ErrorOf({"http://h/"}, {": b"}).find("'Name: value'") != std::string::npos);
  CHECK(ErrorOf({"http://h/"}, {"a: b\r\nc: d"}).find("one line") != std::string::npos);
}

TEST_CASE("SNI is sent for names, and not for addresses or without TLS") {
  CHECK(ConnectionOf(Parse({"https://a.example/"})).server_name == "a.example");
  CHECK(ConnectionOf(Parse({"https://192.0.2.7/"})).server_name.empty());
  CHECK(ConnectionOf(Parse({"https://[2001:db8::7]/"})).server_name.empty());
  CHECK(ConnectionOf(Parse({"http://a.example/"})).server_name.empty());
}

TEST_CASE("The head is what the data plane's codec makes of it") {
  ReceivedRequest received(Parse({"http://H:8080/a/../b/%7ex?q=1"}, {"X-A: 1", "Connection: x-gone", "X-Gone: 1"}));
  REQUIRE(received.refused() == http::Reason::kNone);
  CHECK(received.head().path == "/b/~x");
  CHECK(received.head().query == "q=1");
  CHECK(received.head().authority == "H:8080");
  CHECK(received.head().host == "h");
  CHECK(received.head().headers.Find("x-a") != nullptr);
  CHECK(received.head().headers.Find("x-gone") == nullptr);
  ReceivedRequest with_host(Parse({"http://h/"}, {"Host: other"}));
  CHECK(with_host.head().host == "other");
}

TEST_CASE("What the codec refuses is refused with its reason") {
  const auto refusal = [](const std::vector<std::string>& words, const std::vector<std::string>& headers) {
    return ReceivedRequest(Parse(words, headers)).refused();
  };
  CHECK(refusal({"http://h/<"}, {}) == http::Reason::kInvalidTarget);
  CHECK(refusal({"TRACE", "http://h/"}, {}) == http::Reason::kMethodNotAllowed);
  CHECK(refusal({"http://h/"}, {"Host: a", "Host: b"}) == http::Reason::kInvalidHost);
  CHECK(refusal({"http://h/"}, {"x a: b"}) == http::Reason::kInvalidHeader);
  CHECK(refusal({"http://h/"}, {"Content-Length: x"}) == http::Reason::kInvalidFraming);
}

}  // namespace
}  // namespace portreeve::cli
