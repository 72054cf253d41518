// The server side of one HTTP/2 connection (RFC 9113).
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "dataplane/codec/server_stream.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/limits.h"
#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// One request and its answer. Unlike in HTTP/1, a write is done when its bytes are queued: WriteHead and WriteBody
// suspend only while too much is queued already, and with `end` until all of it is on its way.
// The stream keeps one of the connection's slots (http2_concurrent_streams) until it is let go, even when the client
// has long reset it: a client can't have more work running than the limit says.
class Http2Stream : public ServerStream {
 public:
  // Checked and complete, unless head_failure() says otherwise. Views live as long as the stream; they point into
  // arena(). Filters may change it.
  virtual http::RequestHead& head() = 0;
  virtual http::Arena& arena() = 0;
  // kNone, or why the request must be answered with that reason's status by WriteHead and nothing else. `head` holds
  // what could be read (method, path, authority), for the log.
  virtual http::Failure head_failure() const = 0;

  // Called once when the client resets the stream or the connection ends while the stream is held: the callee ends what
  // the exchange waits for elsewhere; the waits on the stream itself end right after. Not called from within a call of
  // this interface, nor after the stream was let go.
  virtual void SetCancelCallback(std::function<void()> callback) = 0;

 private:
  friend struct Http2StreamRelease;
  virtual void Release() = 0;
};

struct Http2StreamRelease {
  void operator()(Http2Stream* stream) const { stream->Release(); }
};

// Letting it go ends the exchange: an answer that isn't complete by then is aborted. May outlive the Http2Server.
using Http2StreamPtr = std::unique_ptr<Http2Stream, Http2StreamRelease>;

// Who serves the requests of a connection.
class Http2Handler {
 public:
  virtual ~Http2Handler() = default;
  // Spawns an exchange that owns the stream, and returns. May also let it go at once.
  virtual void OnRequest(Http2StreamPtr stream) = 0;
};

// Every flood that nghttp2 1.52 lets through is stopped here (http2_cost.h). One thread, the
// worker's.
class Http2Server {
 public:
  virtual ~Http2Server() = default;

  // `transport`, `limits` and `wheel` outlive Run. `scheme` is "http" or "https", a literal. `early`: bytes read from
  // the transport before (the peek that told HTTP/2 apart); copied.
  static std::shared_ptr<Http2Server> Create(net::Transport& transport, net::DeadlineWheel& wheel,
                                             const http::Limits& limits, std::string_view scheme,
                                             std::string_view early);

  // Runs the connection until it ends, and then until the exchanges have let their streams go. Sends
  // GOAWAY, lingers and closes the transport by itself. Once only. How it ended: kNone (drained or closed by the client
  // with nothing running), kClientClosed (something was running), kIdleTimeout, kHeaderTimeout, kClientStalled,
  // kProtocolError, kFlood.
  virtual net::Awaitable<http::Failure> Run(Http2Handler& handler) = 0;

  // Graceful end: GOAWAY that refuses nothing yet, after a round trip (2 s at most) the final one, and the connection
  // closes when the last exchange has ended. The caller bounds that with Cancel.
  virtual void Drain() = 0;
  // Ends the connection now; exchanges are cancelled and Run returns.
  virtual void Cancel() = 0;
  // No request is running.
  virtual bool idle() const = 0;
  // Requests handed to the handler so far.
  virtual std::uint64_t requests() const = 0;
};

}  // namespace portreeve::codec
