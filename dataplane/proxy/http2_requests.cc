#include "dataplane/proxy/http2_requests.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "dataplane/proxy/exchange.h"

namespace portreeve::proxy {
namespace {

// The stream is let go when the exchange has really ended: until then it keeps its slot of the connection.
net::Awaitable<void> Serve(ProxyContext& context, std::shared_ptr<const ConnectionFacts> connection,
                           codec::Http2StreamPtr stream) {
  http::ResponseHead response;
  Exchange exchange(context, *connection, *stream, stream->head(), response, stream->arena());
  stream->SetCancelCallback([&exchange] { exchange.ClientGone(); });
  co_await exchange.Run(stream->head_failure());
  stream->SetCancelCallback(nullptr);
}

}  // namespace

void Http2Requests::OnRequest(codec::Http2StreamPtr stream) {
  boost::asio::co_spawn(context_.worker.executor(), Serve(context_, connection_, std::move(stream)),
                        boost::asio::detached);
}

}  // namespace portreeve::proxy
