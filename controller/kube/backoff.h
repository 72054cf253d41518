// Backoff: how long to wait before the next try.
#pragma once

#include <chrono>
#include <random>

namespace portreeve::kube {

// Belongs to one thread.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most) : first_(first), most_(most), next_(first) {}

  // Twice as long each time, up to the most; chance takes up to a quarter off, so that many don't come at once.
  std::chrono::milliseconds Next();
  void Reset() { next_ = first_; }

 private:
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace portreeve::kube
