#include "dataplane/proxy/local_reply.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::proxy {

TEST_CASE("every reason with a status makes an answer that says why") {
  for (std::size_t i = 1; i < http::kReasonCount; ++i) {
    const auto reason = static_cast<http::Reason>(i);
    const http::ReasonText& text = http::Describe(reason);
    CAPTURE(std::string(text.word));
    CHECK_FALSE(text.sentence.empty());
    CHECK_FALSE(text.remedy.empty());
    if (text.status == 0) continue;
    http::Arena arena;
    http::ResponseHead head;
    const http::Failure failure{reason, http::Phase::kRoute};
    const LocalReply reply = MakeLocalReply(failure, arena);
    FillLocalReply(reply, failure, true, arena, head);
    CHECK(head.status == text.status);
    CHECK(head.content_length == reply.body.size());
    CHECK(reply.body.find(text.word) == 0);
    const http::HeaderField* status = head.headers.Find(http::HeaderId::kProxyStatus);
    REQUIRE(status != nullptr);
    CHECK(status->value.find("details=\"" + std::string(text.word) + "\"") != std::string_view::npos);
    CHECK((head.headers.Find("Allow") != nullptr) == (head.status == 405));
  }
}

TEST_CASE("words are unique and fit for a metric label") {
  for (std::size_t i = 0; i < http::kReasonCount; ++i) {
    for (const char c : http::kReasonTexts[i].word)
      CHECK((c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')));
    for (std::size_t j = i + 1; j < http::kReasonCount; ++j)
      CHECK(http::kReasonTexts[i].word != http::kReasonTexts[j].word);
  }
}

TEST_CASE("a redirect has its Location and no body") {
  http::Arena arena;
  http::ResponseHead head;
  LocalReply reply;
  reply.status = 308;
  reply.location = "https://a.example/";
  FillLocalReply(reply, {http::Reason::kRedirected, http::Phase::kPolicy}, false, arena, head);
  CHECK(head.status == 308);
  CHECK(head.headers.Find(http::HeaderId::kLocation)->value == "https://a.example/");
  CHECK(head.content_length == 0);
  CHECK(head.headers.size() == 1);
}

}  // namespace portreeve::proxy
