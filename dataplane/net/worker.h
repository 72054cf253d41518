// One thread of the data plane with everything that is its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/poller.h"

namespace portreeve::net {

// Nothing in here is shared with other threads but
// Post. Objects that live on the worker must be destroyed on its thread, or after Join.
class Worker {
 public:
  explicit Worker(unsigned index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  // Ends the loop soon. From any thread.
  void Stop();
  void Join();

  // From any thread.
  void Post(std::function<void()> task) { poller_.Post(std::move(task)); }
  // Runs `task` on the worker's thread and waits for its end. Not from a worker's thread.
  void Call(const std::function<void()>& task);

  unsigned index() const { return index_; }
  boost::asio::io_context& context() { return context_; }
  Executor executor() { return context_.get_executor(); }
  DeadlineWheel& wheel() { return wheel_; }
  Poller& poller() { return poller_; }

 private:
  unsigned index_;
  boost::asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  DeadlineWheel wheel_{context_};
  Poller poller_{context_};
  std::thread thread_;
  bool started_ = false;
};

}  // namespace portreeve::net
