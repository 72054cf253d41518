// The requests of one HTTP/2 connection: an exchange for each stream.
#pragma once

#include "dataplane/codec/http2_server.h"
#include "dataplane/proxy/proxy_context.h"

namespace portreeve::proxy {

class Http2Requests final : public codec::Http2Handler {
 public:
  // Both outlive every exchange that is spawned: `connection` is copied.
  Http2Requests(ProxyContext& context, const ConnectionFacts& connection)
      : context_(context), connection_(std::make_shared<const ConnectionFacts>(connection)) {}

  void OnRequest(codec::Http2StreamPtr stream) override;

 private:
  ProxyContext& context_;
  std::shared_ptr<const ConnectionFacts> connection_;
};

}  // namespace portreeve::proxy
