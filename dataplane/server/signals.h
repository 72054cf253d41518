// SIGTERM and SIGINT: the first asks for a drain, the second for a stop at once. SIGPIPE is ignored.
#pragma once

#include <functional>
#include <thread>

namespace portreeve::server {

// Made first thing in main, before any thread is started: threads inherit the mask that keeps the signals for this one.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Calls `drain` on the first signal and `stop` on each later one, from a thread of its own; signals that came before
  // are not lost. Once only.
  void Start(std::function<void()> drain, std::function<void()> stop);
  // Neither is called any more once this returns; call it before what they act on goes. Signals do nothing from then
  // on.
  void Finish();

 private:
  void Run(const std::function<void()>& drain, const std::function<void()>& stop) const;

  int signals_ = -1;
  int wake_ = -1;
  std::thread thread_;
};

}  // namespace portreeve::server
