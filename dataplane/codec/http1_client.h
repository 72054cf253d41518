// The client side of one HTTP/1.1 connection to an endpoint (RFC 9112). Endpoints aren't trusted.
#pragma once

#include <memory>

#include "dataplane/codec/server_stream.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/limits.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// One exchange at a time. One thread, the worker's. Sending and receiving may run at the same time. Waits for a
// body piece are bounded by response_idle_timeout_ms, sends by body_idle_timeout_ms; whoever wants less, and whoever
// waits for a head, ends the wait by transport().Cancel().
class Http1Client {
 public:
  virtual ~Http1Client() = default;

  // Owns the transport.
  static std::unique_ptr<Http1Client> Create(std::unique_ptr<net::Transport> transport, const http::Limits& limits);

  // Serialises the head from scratch (origin form, Host first, exactly one of Content-Length and chunked) and sends it
  // with the first bytes of the body in one write. Refuses (kInternal) what would not be one well-formed request.
  virtual net::Awaitable<http::Failure> SendHead(const http::RequestHead& head, std::string_view body, bool end) = 0;
  // head.expect_continue writes the Expect field, head.upgrade Connection and Upgrade; Host, Content-Length and the
  // hop-by-hop fields in head.headers are not written.
  virtual net::Awaitable<http::Failure> SendBody(std::string_view body, bool end) = 0;
  // The same without suspending: true when it is done (`failure` tells how), false when it would wait; then SendHead or
  // SendBody with the same arguments goes on from there.
  virtual bool TrySendHead(const http::RequestHead& head, std::string_view body, bool end, http::Failure& failure) = 0;
  virtual bool TrySendBody(std::string_view body, bool end, http::Failure& failure) = 0;

  // The next response head, interim (1xx) ones too; call again after an interim one. `head_request`: the request was a
  // HEAD, so no body follows. kUpstreamReset when the connection closed before a byte, kResponseMalformed,
  // kResponseTooLarge, kResponseTimeout when the transport's deadline passed. Checks all of S17: framing, 1xx count,
  // NUL, bare LF, Content-Length of a 204, status 100-599, an unasked 101 (`upgrade_asked` false: kUpgradeRefused).
  virtual net::Awaitable<http::Failure> ReadHead(http::ResponseHead& head, http::Arena& arena, bool head_request,
                                                 bool upgrade_asked) = 0;
  // The same from bytes that are here already; false: ReadHead would wait. No system call.
  virtual bool TryReadHead(http::ResponseHead& head, http::Arena& arena, bool head_request, bool upgrade_asked,
                           http::Failure& failure) = 0;
  // As on the server side. Failure kResponseTruncated when the body breaks off.
  virtual bool TryReadBody(BodyPiece& piece) = 0;
  virtual net::Awaitable<BodyPiece> ReadBody() = 0;
  // Trailer fields of a chunked answer, once the body has ended. Checked like fields; never framing, routing or
  // authentication fields.
  virtual const http::HeaderList& trailers() const = 0;

  // Request fully sent, response fully read, no byte left over, and both sides want to keep it.
  virtual bool reusable() const = 0;
  // The exchange is over: views of its response die, and the read buffer goes back to the pool. For the connection
  // pool, when it takes the connection back; the next SendHead does it too.
  virtual void Park() = 0;
  // Not a byte of a response has come on this exchange, and the connection had served one before: a retry is safe.
  virtual bool retryable() const = 0;
  // The bytes belong to a tunnel from here on; `early` are those already read.
  virtual net::Transport& TakeTransport(std::string_view& early) = 0;
  virtual net::Transport& transport() = 0;
};

}  // namespace portreeve::codec
