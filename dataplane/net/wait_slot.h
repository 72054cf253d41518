// A place where one coroutine waits to be told a status.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <optional>
#include <utility>

#include "dataplane/net/executor.h"
#include "dataplane/net/transport.h"

namespace portreeve::net {

// One waiter at a time. One thread. Nothing is allocated but the coroutine's own frame.
class WaitSlot {
 public:
  WaitSlot() = default;
  // Takes the waiter over.
  WaitSlot(WaitSlot&& other) noexcept : handler_(std::move(other.handler_)) { other.handler_.reset(); }
  WaitSlot& operator=(WaitSlot&&) = delete;

  // Suspends until Resume.
  Awaitable<IoStatus> Wait() {
    assert(!handler_);
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>, void(IoStatus)>(
        [this](Handler handler) { handler_.emplace(std::move(handler)); }, kAwait);
  }
  bool waiting() const { return handler_.has_value(); }
  // Lets the waiter go on, right here, before Resume returns; it may destroy this slot. Nothing if none waits.
  void Resume(IoStatus status) {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    std::move(handler)(status);
  }

 private:
  using Handler = boost::asio::detail::awaitable_handler<Executor, IoStatus>;
  std::optional<Handler> handler_;
};

}  // namespace portreeve::net
