// The request that a command line asks about, and what the data plane makes of its head.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"
#include "dataplane/proxy/proxy_context.h"

namespace portreeve::cli {

struct AskedRequest {
  std::string method = "GET";
  std::string url;
  bool https = false;
  // The URL's, without port, lower case.
  std::string host;
  std::uint16_t port = 80;
  // What stands in the Host field unless a header says something else.
  std::string authority;
  // Path and query as written; "/" where the URL has none.
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
};

// `words`: [METHOD] URL; `headers`: "Name: value". Only what can be no request at all is an error: what the data plane
// would refuse is left for it to refuse.
absl::StatusOr<AskedRequest> ParseRequest(const std::vector<std::string>& words,
                                          const std::vector<std::string>& headers);

// The connection that a client would make for it: SNI as curl sends it, that is, for names and not for addresses.
proxy::ConnectionFacts ConnectionOf(const AskedRequest& asked);

// The request as HTTP/1.1, read and checked by the data plane's codec. Views point into itself.
class ReceivedRequest {
 public:
  explicit ReceivedRequest(const AskedRequest& asked);
  ReceivedRequest(const ReceivedRequest&) = delete;
  ReceivedRequest& operator=(const ReceivedRequest&) = delete;

  http::RequestHead& head() { return head_; }
  http::Arena& arena() { return arena_; }
  // kNone, or why the codec refuses it.
  http::Reason refused() const { return refused_; }

 private:
  const std::string bytes_;
  http::Arena arena_;
  codec::Http1HeadParser parser_;
  http::RequestHead head_;
  http::Reason refused_ = http::Reason::kNone;
};

}  // namespace portreeve::cli
