#include "cli/request.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "dataplane/codec/message_checks.h"
#include "dataplane/http/path.h"

namespace portreeve::cli {
namespace {

constexpr std::string_view kBlanks = " \t";

bool HasBlankOrControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

absl::Status WrongUrl(const std::string& url, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", url, "' ", std::string(why), "; write it like https://shop.example.com/cart?id=1"));
}

absl::Status ParseUrl(const std::string& url, AskedRequest& asked) {
  if (HasBlankOrControl(url)) return WrongUrl(url, "has a blank or control character in it");
  std::string_view rest = url;
  const std::size_t scheme_end = rest.find("://");
  if (scheme_end == std::string_view::npos) return WrongUrl(url, "is no URL: it has no scheme");
  const std::string_view scheme = rest.substr(0, scheme_end);
  asked.https = scheme == "https";
  if (!asked.https && scheme != "http") return WrongUrl(url, "has a scheme other than http and https");
  rest.remove_prefix(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  asked.authority = std::string(rest.substr(0, authority_end));
  if (asked.authority.find('@') != std::string::npos)
    return WrongUrl(url, "has a user in it: give -H 'Authorization: …'");
  http::Arena arena;
  const std::optional<http::Authority> authority = http::ParseAuthority(asked.authority, arena);
  if (!authority || authority->host.empty()) return WrongUrl(url, "has no valid host and port");
  asked.host = std::string(authority->host);
  asked.port = authority->port.value_or(asked.https ? 443 : 80);
  const std::string_view target = rest.substr(authority_end);
  asked.target = target.starts_with('/') ? std::string(target) : absl::StrCat("/", std::string(target));
  return absl::OkStatus();
}

absl::Status ParseHeader(const std::string& text, AskedRequest& asked) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0) {
    return absl::InvalidArgumentError(absl::StrCat("-H '", text, "': a header is written 'Name: value'"));
  }
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("-H '", text.substr(0, colon), "': a header is one line"));
  }
  std::string_view value = std::string_view(text).substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(kBlanks), value.size()));
  while (!value.empty() && kBlanks.find(value.back()) != std::string_view::npos) value.remove_suffix(1);
  asked.headers.emplace_back(text.substr(0, colon), std::string(value));
  return absl::OkStatus();
}

bool IsAddress(const std::string& host) {
  in_addr ignored{};
  return host.starts_with('[') || inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

std::string BytesOf(const AskedRequest& asked) {
  std::string bytes = absl::StrCat(asked.method, " ", asked.target, " HTTP/1.1\r\n");
  const bool own_host = std::ranges::any_of(
      asked.headers, [](const auto& header) { return http::HeaderIdOf(header.first) == http::HeaderId::kHost; });
  if (!own_host) absl::StrAppend(&bytes, "Host: ", asked.authority, "\r\n");
  for (const auto& [name, value] : asked.headers) absl::StrAppend(&bytes, name, ": ", value, "\r\n");
  return bytes + "\r\n";
}

}  // namespace

absl::StatusOr<AskedRequest> ParseRequest(const std::vector<std::string>& words,
                                          const std::vector<std::string>& headers) {
  if (words.empty() || words.size() > 2) return absl::InvalidArgumentError("give [METHOD] URL");
  AskedRequest asked;
  asked.url = words.back();
  if (absl::Status status = ParseUrl(asked.url, asked); !status.ok()) return status;
  if (words.size() == 2) asked.method = words.front();
  if (asked.method.empty() || HasBlankOrControl(asked.method) || asked.method.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("'", asked.method, "' is no method; give [METHOD] URL"));
  }
  for (const std::string& header : headers) {
    if (absl::Status status = ParseHeader(header, asked); !status.ok()) return status;
  }
  return asked;
}

proxy::ConnectionFacts ConnectionOf(const AskedRequest& asked) {
  proxy::ConnectionFacts facts;
  facts.port = asked.port;
  facts.tls = asked.https;
  // Some client; which one is known only when it connects.
  facts.client = "192.0.2.1";
  if (asked.https && !IsAddress(asked.host)) facts.server_name = asked.host;
  return facts;
}

ReceivedRequest::ReceivedRequest(const AskedRequest& asked)
    : bytes_(BytesOf(asked)), parser_(codec::Http1HeadParser::Kind::kRequest, http::Limits()) {
  switch (parser_.Parse(bytes_)) {
    case codec::Http1HeadParser::Status::kComplete:
      refused_ = codec::CheckRequest(parser_, asked.https ? "https" : "http", arena_, head_);
      return;
    case codec::Http1HeadParser::Status::kFailed:
      refused_ = parser_.reason();
      return;
    case codec::Http1HeadParser::Status::kIncomplete:
      refused_ = http::Reason::kMalformedRequest;
  }
}

}  // namespace portreeve::cli
