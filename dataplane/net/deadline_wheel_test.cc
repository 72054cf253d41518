#include "dataplane/net/deadline_wheel.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace portreeve::net {
namespace {

class Recorder final : public Deadline {
 public:
  Recorder(DeadlineWheel& wheel, std::function<void()> then) : Deadline(wheel), then_(std::move(then)) {}
  bool fired = false;
  Clock::time_point at;

 private:
  void OnDeadline() override {
    fired = true;
    at = Clock::now();
    if (then_) then_();
  }
  std::function<void()> then_;
};

constexpr std::chrono::milliseconds Ms(int value) {
  return std::chrono::milliseconds(value);
}

}  // namespace

TEST_CASE("deadlines fire once, never early") {
  boost::asio::io_context context;
  DeadlineWheel wheel(context);
  std::vector<std::unique_ptr<Recorder>> all;
  const auto start = Clock::now();
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<Recorder>(wheel, nullptr));
    all.back()->Arm(start + Ms(7 * i));
  }
  context.run();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(all[static_cast<std::size_t>(i)]->fired);
    CHECK(all[static_cast<std::size_t>(i)]->at >= start + Ms(7 * i));
  }
}

TEST_CASE("a deadline that moved back fires at its new time, and a disarmed one never") {
  boost::asio::io_context context;
  DeadlineWheel wheel(context);
  Recorder moved(wheel, nullptr);
  Recorder earlier(wheel, nullptr);
  Recorder disarmed(wheel, nullptr);
  const auto start = Clock::now();
  moved.Arm(start + Ms(20));
  moved.Arm(start + Ms(120));
  earlier.Arm(start + Ms(5000));
  earlier.Arm(start + Ms(40));
  disarmed.Arm(start + Ms(30));
  disarmed.Disarm();
  context.run();
  CHECK(moved.at >= start + Ms(120));
  CHECK(earlier.fired);
  CHECK(earlier.at < start + Ms(4000));
  CHECK_FALSE(disarmed.fired);
}

TEST_CASE("callbacks may arm, disarm and destroy any deadline") {
  boost::asio::io_context context;
  DeadlineWheel wheel(context);
  auto victim = std::make_unique<Recorder>(wheel, nullptr);
  Recorder other(wheel, nullptr);
  Recorder again(wheel, nullptr);
  const auto due = Clock::now() + Ms(10);
  int rounds = 0;
  std::unique_ptr<Recorder> repeating;
  Recorder killer(wheel, [&] {
    victim.reset();
    other.Disarm();
    again.Arm(Clock::now() + Ms(20));
  });
  repeating = std::make_unique<Recorder>(wheel, [&] {
    if (++rounds < 3) repeating->Arm(Clock::now() + Ms(1));
  });
  // All in one slot; the list is worked off in the reverse order of arming.
  victim->Arm(due);
  other.Arm(due);
  repeating->Arm(due);
  killer.Arm(due);
  context.run();
  CHECK(killer.fired);
  CHECK(again.fired);
  CHECK(rounds == 3);
  CHECK_FALSE(other.fired);
}

}  // namespace portreeve::net
