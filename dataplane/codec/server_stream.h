// One request and its answer on the downstream side, whichever HTTP version carries them.
#pragma once

#include <string_view>

#include "dataplane/http/message.h"
#include "dataplane/http/reason.h"
#include "dataplane/net/executor.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// What one pull of a body brings. A piece may be empty only with `end` or `failure`.
struct BodyPiece {
  // Valid until the next pull.
  std::string_view bytes;
  // These were the last bytes.
  bool end = false;
  http::Failure failure;
};

// The downstream side of one exchange. Bodies are pulled: not pulling is the back-pressure, all the way to the peer's
// socket or flow-control window. One pull and one write may run at the same time, never two of a kind. Waits are
// bounded by the codec's own limits (body_idle_timeout_ms); Cancel ends them.
class ServerStream {
 public:
  virtual ~ServerStream() = default;

  // The next piece of the request body, if it is here already; false: ReadBody would wait. Never suspends.
  virtual bool TryReadBody(BodyPiece& piece) = 0;
  virtual net::Awaitable<BodyPiece> ReadBody() = 0;
  // Whether all of the request body has been pulled (true at once for a request without one).
  virtual bool body_done() const = 0;

  // A 1xx answer. Before WriteHead only. Nothing happens for an HTTP/1.0 client.
  virtual net::Awaitable<http::Failure> WriteInterim(const http::ResponseHead& head) = 0;
  // The final head and the first bytes of the body in one write; `end`: there is no more. The codec chooses the framing
  // on its side: head.framing kLength is kept; kChunked and kUntilClose become chunked, or close for HTTP/1.0; kNone
  // with `end` is the length of `body`. Adds Connection where needed, and Date where it is missing. Answers to HEAD,
  // 204 and 304 never get a body: what is given is dropped. Connection, Content-Length, Transfer-Encoding and the other
  // hop-by-hop fields in head.headers are not written. kInternal for what would not be one well-formed message.
  virtual net::Awaitable<http::Failure> WriteHead(const http::ResponseHead& head, std::string_view body, bool end) = 0;
  virtual net::Awaitable<http::Failure> WriteBody(std::string_view body, bool end) = 0;
  // The same without suspending, so that no coroutine frame is made where nothing has to wait: true when it is done
  // (`failure` tells how), false when it would wait; then WriteHead or WriteBody with the same arguments goes on from
  // there.
  virtual bool TryWriteHead(const http::ResponseHead& /*head*/, std::string_view /*body*/, bool /*end*/,
                            http::Failure& /*failure*/) {
    return false;
  }
  virtual bool TryWriteBody(std::string_view /*body*/, bool /*end*/, http::Failure& /*failure*/) { return false; }
  // Ends the body with trailer fields where the protocol and the client take them (HTTP/2); without, elsewhere.
  virtual net::Awaitable<http::Failure> WriteTrailers(const http::HeaderList& trailers) = 0;
  // The answer can't be completed: the client must be able to tell (HTTP/1: closed without the last chunk; HTTP/2:
  // RST_STREAM). Also for a request that is given up before a head was written.
  virtual void Abort() = 0;
  // After the answer, the connection must not serve another request.
  virtual void CloseAfter() = 0;

  // Ends running waits on this stream with a failure (kClientClosed).
  virtual void Cancel() = 0;
  // Whether the client has gone meanwhile; a cheap probe.
  virtual bool PeerGone() = 0;

  // HTTP/1, after a 101 was written: the bytes belong to the tunnel from here on. `early` are those already read.
  // Null for HTTP/2.
  virtual net::Transport* TakeTransport(std::string_view& early) = 0;
};

}  // namespace portreeve::codec
