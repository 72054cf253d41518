// The rest of a request body, carried upstream while the answer is waited for.
#pragma once

#include "dataplane/codec/http1_client.h"
#include "dataplane/codec/server_stream.h"
#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/wait_slot.h"
#include "dataplane/net/worker.h"

namespace portreeve::proxy {

// Runs beside the exchange, which joins it before it ends. One thread, the worker's.
class RequestPump final : private net::Deadline {
 public:
  // What is read after the answer is complete: no more than that.
  static constexpr std::size_t kMaxDiscarded = 256 * 1024;

  RequestPump(net::Worker& worker, codec::ServerStream& stream)
      : Deadline(worker.wheel()), worker_(worker), stream_(stream) {}

  // Pulls from the stream and sends to `client` until the end. `client` stays until Join has returned.
  void Start(codec::Http1Client& client);
  bool started() const { return started_; }
  bool running() const { return running_; }
  // The whole body has been sent.
  bool complete() const { return complete_; }
  // Why the body could not be read (the client's fault); kNone otherwise.
  http::Failure read_failure() const { return read_failure_; }
  std::uint64_t bytes() const { return bytes_; }
  // When the endpoint was last given a piece.
  net::Clock::time_point last_sent() const { return last_sent_; }

  // The connection upstream is going to be closed: nothing more is sent on it, and it isn't touched any more once this
  // has returned.
  void Detach();

  // After the answer: nothing more is sent upstream. Reads and drops what still comes for one second, so that the
  // client gets to see the answer, then ends.
  net::Awaitable<void> Join();

 private:
  net::Awaitable<void> Run();
  net::Awaitable<void> Discard(std::size_t already);
  void OnDeadline() override { stream_.Cancel(); }

  net::Worker& worker_;
  codec::ServerStream& stream_;
  codec::Http1Client* client_ = nullptr;
  bool started_ = false;
  bool running_ = false;
  bool complete_ = false;
  bool discard_ = false;
  http::Failure read_failure_;
  std::uint64_t bytes_ = 0;
  net::Clock::time_point last_sent_;
  net::WaitSlot done_;
};

}  // namespace portreeve::proxy
