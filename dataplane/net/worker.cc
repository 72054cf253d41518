#include "dataplane/net/worker.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
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
    Run();
  });
}

// The loop is one handler of the context, so that whatever it resumes finds the thread's cache of coroutine frames.
void Worker::Run() {
  boost::asio::post(context_, [this] {
    while (!stopping_) {
      context_.poll();
      poller_.Wait(wheel_.WaitMs());
      wheel_.Turn();
    }
  });
  context_.run();
}

void Worker::Stop() {
  if (!started_) return;
  poller_.Post([this] { stopping_ = true; });
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
