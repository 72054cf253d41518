#include "dataplane/net/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace portreeve::net {
namespace {

constexpr int kBatch = 256;

int Checked(int fd, const char* what) {
  if (fd < 0) {
    std::perror(what);
    std::abort();
  }
  return fd;
}

}  // namespace

Poller::Poller(boost::asio::io_context& context)
    : epoll_fd_(Checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      event_fd_(Checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      nested_(context.get_executor(), epoll_fd_) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, event_fd_, &event);
  fetched_.reserve(kBatch);
}

Poller::~Poller() {
  close(event_fd_);  // nested_ closes epoll_fd_
}

bool Poller::Add(int fd, Pollable& pollable, std::uint32_t events) {
  epoll_event event{};
  event.events = events | EPOLLET;
  event.data.ptr = &pollable;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::Remove(int fd, Pollable& pollable) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = next_fetched_; i < fetched_.size(); ++i) {
    if (fetched_[i].pollable == &pollable) fetched_[i].pollable = nullptr;
  }
}

void Poller::Post(std::function<void()> task) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    wake = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!wake) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof(one));
}

void Poller::Start() {
  stopped_ = false;
  WaitForEvents();
}

void Poller::Stop() {
  stopped_ = true;
  nested_.cancel();
}

void Poller::WaitForEvents() {
  nested_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    Dispatch();
    if (!stopped_) WaitForEvents();
  });
}

void Poller::Dispatch() {
  std::array<epoll_event, kBatch> events;
  const int count = epoll_wait(epoll_fd_, events.data(), kBatch, 0);
  fetched_.clear();
  for (int i = 0; i < count; ++i) {
    fetched_.push_back({static_cast<Pollable*>(events[static_cast<std::size_t>(i)].data.ptr),
                        events[static_cast<std::size_t>(i)].events});
  }
  bool tasks = false;
  for (next_fetched_ = 0; next_fetched_ < fetched_.size();) {
    const Fetched one = fetched_[next_fetched_++];
    if (one.pollable == nullptr) {
      // The event descriptor, or one that was removed meanwhile.
      tasks = true;
      continue;
    }
    one.pollable->OnEvents(one.events);
  }
  fetched_.clear();
  next_fetched_ = 0;
  if (tasks) RunTasks();
}

void Poller::RunTasks() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = read(event_fd_, &count, sizeof(count));
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) task();
}

}  // namespace portreeve::net
