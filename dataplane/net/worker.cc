#include "dataplane/net/worker.h"

#include <pthread.h>

#include <future>
#include <string>

namespace portreeve::net {

Worker::Worker(unsigned index) : index_(index) {}

Worker::~Worker() {
  Stop();
  Join();
}

void Worker::Start() {
  started_ = true;
  thread_ = std::thread([this] {
    const std::string name = "worker-" + std::to_string(index_);
    pthread_setname_np(pthread_self(), name.c_str());
    poller_.Start();
    context_.run();
  });
}

void Worker::Stop() {
  if (!started_) return;
  poller_.Post([this] {
    poller_.Stop();
    context_.stop();
  });
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Call(const std::function<void()>& task) {
  std::promise<void> done;
  poller_.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace portreeve::net
