#include "controller/status/write_queue.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace portreeve::status {
namespace {

using gatewayapi::Kind;
using gatewayapi::ObjectKey;
using std::chrono::milliseconds;
using Clock = WriteQueue::Clock;
using Result = WriteQueue::Result;

ObjectKey Key(const std::string& name) {
  return {Kind::kHTTPRoute, "ns", name};
}

struct Rig {
  explicit Rig(double per_second = 1e9, double burst = 1e9) : queue({per_second, burst, [] { return 0.0; }}, now) {}

  std::string Take() {
    const auto key = queue.Take(now, &wake);
    return key.has_value() ? key->name : "";
  }
  // Goes on to when something is due.
  std::string TakeNext() {
    const std::string taken = Take();
    if (!taken.empty() || wake == Clock::time_point::max()) return taken;
    now = wake;
    return Take();
  }

  Clock::time_point now{std::chrono::hours(1)};
  Clock::time_point wake;
  WriteQueue queue;
};

TEST_CASE("the first write is at once, and one object is in the queue once") {
  Rig rig;
  rig.queue.Put(Key("a"), true, rig.now);
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.queue.size() == 1);
  CHECK(rig.Take() == "a");
  CHECK(rig.Take().empty());
  CHECK(rig.wake == Clock::time_point::max());
}

TEST_CASE("what comes during a write is one write after it, a tenth of a second later") {
  Rig rig;
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
  for (int i = 0; i < 5; ++i) rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take().empty());
  rig.queue.Done(Key("a"), Result::kWritten, rig.now);
  const auto written = rig.now;
  CHECK(rig.TakeNext() == "a");
  CHECK(rig.now - written == WriteQueue::kInterval);
  rig.queue.Done(Key("a"), Result::kWritten, rig.now);
  CHECK(rig.TakeNext().empty());
}

TEST_CASE("urgent ones come first") {
  Rig rig;
  rig.queue.Put(Key("counts-1"), false, rig.now);
  rig.queue.Put(Key("counts-2"), false, rig.now);
  rig.queue.Put(Key("urgent"), true, rig.now);
  rig.queue.Put(Key("counts-2"), true, rig.now);
  CHECK(rig.Take() == "urgent");
  CHECK(rig.Take() == "counts-2");
  CHECK(rig.Take() == "counts-1");
  CHECK(rig.Take().empty());
}

TEST_CASE("an urgent one that isn't due holds up nobody") {
  Rig rig;
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
  rig.queue.Done(Key("a"), Result::kWritten, rig.now);
  rig.queue.Put(Key("a"), true, rig.now);
  rig.queue.Put(Key("b"), false, rig.now);
  CHECK(rig.Take() == "b");
}

// 1,000 routes that are attached one after the other, at 70 a second, and go at 100 a second.
TEST_CASE("counts that keep changing are written ever more seldom, and then the last") {
  Rig rig;
  int writes = 0;
  const auto run_until = [&](Clock::time_point end) {
    while (true) {
      if (!rig.Take().empty()) {
        ++writes;
        rig.queue.Done(Key("gateway"), Result::kWritten, rig.now);
        continue;
      }
      if (rig.wake > end) break;
      rig.now = rig.wake;
    }
    rig.now = end;
  };
  for (int i = 0; i < 1000; ++i) {
    rig.queue.Put(Key("gateway"), false, rig.now);
    run_until(rig.now + milliseconds(14));
  }
  for (int i = 0; i < 1000; ++i) {
    rig.queue.Put(Key("gateway"), false, rig.now);
    run_until(rig.now + milliseconds(10));
  }
  const auto last = rig.now;
  rig.queue.Put(Key("gateway"), false, rig.now);
  run_until(last + WriteQueue::kMaxCounts);
  CHECK(writes <= 14);
  CHECK(writes >= 8);
  // Quiet again: the next is at once.
  rig.now += std::chrono::minutes(1);
  rig.queue.Put(Key("gateway"), false, rig.now);
  CHECK(rig.Take() == "gateway");
  rig.queue.Done(Key("gateway"), Result::kWritten, rig.now);
  rig.queue.Put(Key("gateway"), false, rig.now);
  const auto written = rig.now;
  CHECK(rig.TakeNext() == "gateway");
  CHECK(rig.now - written == WriteQueue::kFirstCounts);
}

TEST_CASE("a condition doesn't wait for counts") {
  Rig rig;
  rig.queue.Put(Key("a"), false, rig.now);
  CHECK(rig.Take() == "a");
  rig.queue.Done(Key("a"), Result::kWritten, rig.now);
  rig.queue.Put(Key("a"), false, rig.now);
  rig.queue.Put(Key("a"), true, rig.now);
  const auto written = rig.now;
  CHECK(rig.TakeNext() == "a");
  CHECK(rig.now - written == WriteQueue::kInterval);
}

TEST_CASE("a write that failed is tried again, later each time, with what the server asks for at least") {
  Rig rig;
  rig.queue.Put(Key("a"), true, rig.now);
  std::vector<Clock::duration> waits;
  for (int i = 0; i < 9; ++i) {
    const auto before = rig.now;
    CHECK(rig.TakeNext() == "a");
    waits.push_back(rig.now - before);
    rig.queue.Done(Key("a"), Result::kRetry, rig.now);
  }
  CHECK(waits[1] == milliseconds(500));
  CHECK(waits[2] == milliseconds(1000));
  CHECK(waits[8] == WriteQueue::kMaxRetry);
  CHECK(rig.TakeNext() == "a");
  rig.queue.Done(Key("a"), Result::kRetry, rig.now, std::chrono::seconds(90));
  const auto before = rig.now;
  CHECK(rig.TakeNext() == "a");
  CHECK(rig.now - before == std::chrono::seconds(90));
  // A success forgets all that.
  rig.queue.Done(Key("a"), Result::kWritten, rig.now);
  rig.now += std::chrono::seconds(1);
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
}

TEST_CASE("all share a bucket of tokens") {
  Rig rig(200, 5);
  for (int i = 0; i < 7; ++i) rig.queue.Put(Key("r" + std::to_string(i)), true, rig.now);
  for (int i = 0; i < 5; ++i) CHECK(rig.Take() == "r" + std::to_string(i));
  const auto begin = rig.now;
  CHECK(rig.TakeNext() == "r5");
  CHECK(rig.now - begin >= milliseconds(5));
  CHECK(rig.now - begin < milliseconds(6));
  CHECK(rig.TakeNext() == "r6");
}

TEST_CASE("what is forgotten isn't written, and what is gone isn't tried again") {
  Rig rig;
  rig.queue.Put(Key("a"), true, rig.now);
  rig.queue.Forget(Key("a"));
  CHECK(rig.Take().empty());
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
  rig.queue.Put(Key("a"), true, rig.now);
  rig.queue.Forget(Key("a"));
  rig.queue.Done(Key("a"), Result::kRetry, rig.now);
  CHECK(rig.TakeNext().empty());
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
  CHECK(rig.queue.InFlight(Key("a")));
  rig.queue.Done(Key("a"), Result::kGone, rig.now);
  CHECK_FALSE(rig.queue.Has(Key("a")));
  // Made anew under its name while the write of the old one was under way.
  rig.queue.Put(Key("a"), true, rig.now);
  CHECK(rig.Take() == "a");
  rig.queue.Clear();
  rig.queue.Put(Key("a"), true, rig.now);
  rig.queue.Done(Key("a"), Result::kGone, rig.now);
  CHECK(rig.TakeNext() == "a");
}

}  // namespace
}  // namespace portreeve::status
