#include "controller/kube/thread.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace portreeve::kube {

void Thread::Start(const char* name, std::function<void()> run) {
  run_ = std::move(run);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&thread_, &attributes, &Thread::Main, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    std::fputs("pthread_create fails: too many threads for this process\n", stderr);
    std::abort();
  }
  started_ = true;
  pthread_setname_np(thread_, name);
}

void Thread::Join() {
  if (!std::exchange(started_, false)) return;
  pthread_join(thread_, nullptr);
}

void* Thread::Main(void* self) {
  static_cast<Thread*>(self)->run_();
  return nullptr;
}

}  // namespace portreeve::kube
