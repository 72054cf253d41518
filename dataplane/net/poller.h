// Readiness of sockets, edge-triggered: each socket is registered once, and a wait costs no system call.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "dataplane/net/executor.h"

namespace portreeve::net {

// Something with a file descriptor. Called on the worker's thread.
class Pollable {
 public:
  virtual ~Pollable() = default;
  // EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. May close and destroy this and any other pollable.
  virtual void OnEvents(std::uint32_t events) = 0;
};

// An epoll of our own: Asio re-arms its epoll for every wait, which is two system calls a request more than need be
// (docs/design/0002-poller.md). One per worker, and for its thread only, but for Post.
class Poller {
 public:
  // Nested in the epoll of an io_context, whose run then serves everything between Start and Stop.
  explicit Poller(boost::asio::io_context& context);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Registers edge-triggered for reading and writing. False: no more memory or watches.
  bool Add(int fd, Pollable& pollable, std::uint32_t events);
  // Before the descriptor is closed. Events already fetched for it aren't delivered any more.
  void Remove(int fd, Pollable& pollable);

  // Runs `task` on the worker's thread, soon. From any thread; after Stop it is dropped.
  void Post(std::function<void()> task);

  void Start();
  void Stop();

 private:
  void WaitForEvents();
  void Dispatch();
  void RunTasks();

  int epoll_fd_;
  int event_fd_;
  boost::asio::posix::basic_stream_descriptor<Executor> nested_;
  // Of the batch that is being dispatched; Remove blanks entries in it.
  struct Fetched {
    Pollable* pollable;
    std::uint32_t events;
  };
  std::vector<Fetched> fetched_;
  std::size_t next_fetched_ = 0;
  bool stopped_ = false;

  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // guarded by mutex_
};

}  // namespace portreeve::net
