#include "dataplane/codec/http1_serializer.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::codec {
namespace {

TEST_CASE("numbers and growth of a head buffer") {
  HeadBuffer buffer;
  buffer.AppendNumber(0);
  buffer.Append(" ");
  buffer.AppendNumber(18446744073709551615ULL);
  buffer.Append(" ");
  buffer.AppendHex(0);
  buffer.Append(" ");
  buffer.AppendHex(0xDEADBEEF);
  CHECK(buffer.text() == "0 18446744073709551615 0 deadbeef");
  buffer.Clear();
  CHECK(buffer.text().empty());
  for (int i = 0; i < 100; ++i) buffer.Append(std::string(1000, 'x'));
  CHECK(buffer.text() == std::string(100000, 'x'));
}

TEST_CASE("the date is one of RFC 9110") {
  const std::string date(CurrentDate());
  REQUIRE(date.size() == 29);
  CHECK(date.ends_with(" GMT"));
  CHECK(date.substr(3, 2) == ", ");
  CHECK(date.find('?') == std::string::npos);
  const std::string day = date.substr(0, 3);
  CHECK(std::string("Sun Mon Tue Wed Thu Fri Sat").find(day) != std::string::npos);
  CHECK(std::string("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").find(date.substr(8, 3)) != std::string::npos);
}

TEST_CASE("status lines") {
  const auto line = [](int status) {
    HeadBuffer buffer;
    http::ResponseHead head;
    head.status = status;
    if (!SerializeResponse(head, {}, buffer)) return std::string("refused");
    const std::string text(buffer.text());
    return text.substr(0, text.find("\r\n"));
  };
  CHECK(line(200) == "HTTP/1.1 200 OK");
  CHECK(line(404) == "HTTP/1.1 404 Not Found");
  CHECK(line(299) == "HTTP/1.1 299 ");
  for (const int status : {-1, 0, 99, 600, 1000}) CHECK(line(status) == "refused");
  CHECK(line(101) == "refused");  // without a protocol to change to
}

TEST_CASE("response fields that would break the message are refused") {
  const auto refused = [](std::string_view name, std::string_view value) {
    HeadBuffer buffer;
    http::ResponseHead head;
    head.status = 200;
    head.headers.Add(name, value);
    return !SerializeResponse(head, {}, buffer);
  };
  CHECK_FALSE(refused("X", "a"));
  CHECK_FALSE(refused("X", ""));
  CHECK_FALSE(refused("X", "\xE9 b"));
  CHECK(refused("", "a"));
  CHECK(refused("X Y", "a"));
  CHECK(refused("X:", "a"));
  CHECK(refused("X\r\nY", "a"));
  CHECK(refused("X", "a\r\nSet-Cookie: evil"));
  CHECK(refused("X", "a\nb"));
  CHECK(refused("Location", "/\r\n\r\n<html>"));
  CHECK(refused("Location", " /"));
  CHECK(refused("Server", std::string_view("a\0", 2)));
}

}  // namespace
}  // namespace portreeve::codec
