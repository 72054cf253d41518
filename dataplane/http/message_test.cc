#include "dataplane/http/message.h"

#include <catch2/catch.hpp>

namespace portreeve::http {
namespace {

TEST_CASE("a cleared request head is as new") {
  RequestHead head;
  head.method = head.path = head.query = head.scheme = head.authority = head.host = head.upgrade = "x";
  head.has_query = head.expect_continue = true;
  head.keep_alive = false;
  head.version = Version::kHttp2;
  head.framing = Framing::kLength;
  head.content_length = 7;
  head.headers.Add("A", "b");
  head.Clear();
  CHECK((head.method.empty() && head.path.empty() && head.query.empty() && head.scheme.empty()));
  CHECK((head.authority.empty() && head.host.empty() && head.upgrade.empty() && head.headers.empty()));
  CHECK((!head.has_query && !head.expect_continue && head.keep_alive && head.content_length == 0));
  CHECK((head.version == Version::kHttp11 && head.framing == Framing::kNone));
}

TEST_CASE("a cleared response head is as new") {
  ResponseHead head;
  head.status = 200;
  head.version = Version::kHttp10;
  head.framing = Framing::kUntilClose;
  head.content_length = 1;
  head.has_content_length = true;
  head.keep_alive = false;
  head.upgrade = "x";
  head.headers.Add("A", "b");
  head.Clear();
  CHECK((head.status == 0 && head.version == Version::kHttp11 && head.framing == Framing::kNone));
  CHECK((head.content_length == 0 && !head.has_content_length && head.keep_alive));
  CHECK((head.upgrade.empty() && head.headers.empty()));
}

TEST_CASE("words for versions and status codes") {
  CHECK(VersionName(Version::kHttp10) == "HTTP/1.0");
  CHECK(VersionName(Version::kHttp11) == "HTTP/1.1");
  CHECK(VersionName(Version::kHttp2) == "HTTP/2");
  CHECK(ReasonPhrase(100) == "Continue");
  CHECK(ReasonPhrase(200) == "OK");
  CHECK(ReasonPhrase(503) == "Service Unavailable");
  for (int unknown : {-1, 0, 99, 299, 599, 600, 1000}) CHECK(ReasonPhrase(unknown).empty());
}

}  // namespace
}  // namespace portreeve::http
