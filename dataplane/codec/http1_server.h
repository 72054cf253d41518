// The server side of one HTTP/1 connection (RFC 9112).
#pragma once

#include <memory>

#include "dataplane/codec/server_stream.h"
#include "dataplane/http/arena.h"
#include "dataplane/http/limits.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// Reads requests one after the other; each is answered before the next is read (pipelined bytes wait in the buffer).
// One thread, the worker's. While idle it holds no read buffer.
class Http1Server : public ServerStream {
 public:
  // All outlive this object. `scheme` is "http" or "https". `early`: bytes read from the transport before (the peek
  // that tells HTTP/2 prior knowledge apart).
  static std::unique_ptr<Http1Server> Create(net::Transport& transport, const http::Limits& limits,
                                             std::string_view scheme, std::string_view early);

  // Waits for the next request (idle timeout before its first byte, header_read_timeout_ms from then on) and fills
  // `head` with a checked one. Views of `head` live until the next call or WriteHead's end of exchange.
  // A failure: kIdleTimeout and kClientClosed (phase kHead; nothing to answer when no byte had come), else a reason
  // whose status is to be answered by WriteHead, after which the connection closes by itself.
  // `head` holds what could be read even then (method, target), for the log.
  virtual net::Awaitable<http::Failure> ReadHead(http::RequestHead& head, http::Arena& arena) = 0;
  // The same from bytes that are here already (pipelined ones); false: ReadHead would wait, nothing was done. No system
  // call.
  virtual bool TryReadHead(http::RequestHead& head, http::Arena& arena, http::Failure& failure) = 0;

  // After the answer: finishes the exchange. Reads what is left of a request body, a bounded amount (64 KiB) for a
  // bounded time (1 s). True: ReadHead may be called again. False: close (lingering: CloseSend, drain up to 1 s,
  // close).
  virtual net::Awaitable<bool> Finish() = 0;
  // The same where nothing is left to read and the connection stays: true, ReadHead may be called again. False: call
  // Finish.
  virtual bool TryFinish() = 0;

  // No further request is taken: the answer in hand gets `Connection: close`; an idle wait ends with kDraining.
  virtual void Drain() = 0;
  // Waiting for a request, without a byte of it.
  virtual bool idle() const = 0;
};

}  // namespace portreeve::codec
