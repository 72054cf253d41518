#include "controller/kube/backoff.h"

#include <algorithm>
#include <utility>

namespace portreeve::kube {

std::chrono::milliseconds Backoff::Next() {
  const auto now = std::exchange(next_, std::min(next_ * 2, most_));
  std::uniform_int_distribution<std::chrono::milliseconds::rep> off(0, now.count() / 4);
  return now - std::chrono::milliseconds(off(random_));
}

}  // namespace portreeve::kube
