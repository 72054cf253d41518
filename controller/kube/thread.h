// Thread: as std::thread, with a small stack: there is one for each kind and namespace.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>

namespace portreeve::kube {

class Thread {
 public:
  // What is beyond isn't touched, so it costs addresses, not memory.
  static constexpr std::size_t kStackBytes = 1024 * 1024;

  Thread() = default;
  ~Thread() { Join(); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Once. Signals stay with the threads that had them.
  void Start(const char* name, std::function<void()> run);
  // Waits until `run` has returned; nothing to do for one that never started.
  void Join();

 private:
  static void* Main(void* self);

  std::function<void()> run_;
  pthread_t thread_{};
  bool started_ = false;
};

}  // namespace portreeve::kube
