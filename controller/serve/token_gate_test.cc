#include "controller/serve/token_gate.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace portreeve::serve {
namespace {

constexpr std::chrono::seconds kDeadline(20);

// A gate whose authenticator waits for Open, and what it answers.
class Rig {
 public:
  ~Rig() { Open(); }

  bool Ask(const std::string& token) {
    return gate_->Ask(SecretBytes(token), [this](const absl::StatusOr<Identity>& identity) {
      std::lock_guard lock(mutex_);
      answers_.push_back(identity.ok() ? identity->gateway : std::string(identity.status().message()));
      changed_.notify_all();
    });
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool WaitAsked(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return asked_ >= count; });
  }
  // The answers, once there are as many.
  std::vector<std::string> WaitAnswers(std::size_t count) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, kDeadline, [&] { return answers_.size() >= count; }));
    return answers_;
  }
  void Pass(std::chrono::seconds time) {
    std::lock_guard lock(mutex_);
    now_ += time;
  }
  void Stop() { gate_.reset(); }
  std::size_t asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  absl::StatusOr<Identity> Answer(std::string_view token) {
    std::unique_lock lock(mutex_);
    ++asked_;
    changed_.notify_all();
    changed_.wait_for(lock, kDeadline, [&] { return open_; });
    if (token == "bad") return absl::UnauthenticatedError("refused");
    return Identity{std::string(token), "pod"};
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  std::size_t asked_ = 0;
  TokenGate::Clock::time_point now_{};
  std::vector<std::string> answers_;
  std::unique_ptr<TokenGate> gate_ =
      std::make_unique<TokenGate>([this](std::string_view token) { return Answer(token); },
                                  [this] {
                                    std::lock_guard lock(mutex_);
                                    return now_;
                                  });
};

TEST_CASE("Every question gets the authenticator's answer, and nobody waits for it") {
  Rig rig;
  REQUIRE(rig.Ask("ns/a"));
  REQUIRE(rig.WaitAsked(1));
  rig.Open();
  CHECK(rig.WaitAnswers(1) == std::vector<std::string>{"ns/a"});
  REQUIRE(rig.Ask("bad"));
  CHECK(rig.WaitAnswers(2)[1] == "refused");
}

TEST_CASE("So many are asked about at once, so many may wait, and the next is turned away") {
  Rig rig;
  for (std::size_t i = 0; i < TokenGate::kThreads; ++i) REQUIRE(rig.Ask("ns/a"));
  REQUIRE(rig.WaitAsked(TokenGate::kThreads));
  for (std::size_t i = 0; i < TokenGate::kMaxWaiting; ++i) REQUIRE(rig.Ask("ns/b"));
  CHECK_FALSE(rig.Ask("ns/c"));
  rig.Open();
  CHECK(rig.WaitAnswers(TokenGate::kThreads + TokenGate::kMaxWaiting).size() ==
        TokenGate::kThreads + TokenGate::kMaxWaiting);
  CHECK(rig.Ask("ns/c"));
}

TEST_CASE("Who has waited too long isn't asked about any more") {
  Rig rig;
  for (std::size_t i = 0; i < TokenGate::kThreads; ++i) REQUIRE(rig.Ask("ns/a"));
  REQUIRE(rig.WaitAsked(TokenGate::kThreads));
  REQUIRE(rig.Ask("ns/late"));
  rig.Pass(TokenGate::kMaxWait + std::chrono::seconds(1));
  rig.Open();
  const std::vector<std::string> answers = rig.WaitAnswers(TokenGate::kThreads + 1);
  CHECK(rig.asked() == TokenGate::kThreads);
  CHECK(std::ranges::count_if(
            answers, [](const std::string& answer) { return answer.find("too many wait") != std::string::npos; }) == 1);
}

TEST_CASE("A gate that goes leaves what waits unanswered") {
  Rig rig;
  for (std::size_t i = 0; i < TokenGate::kThreads; ++i) REQUIRE(rig.Ask("ns/a"));
  REQUIRE(rig.WaitAsked(TokenGate::kThreads));
  REQUIRE(rig.Ask("ns/b"));
  std::thread stopper([&] { rig.Stop(); });
  rig.Open();
  stopper.join();
  CHECK(rig.WaitAnswers(TokenGate::kThreads).size() >= TokenGate::kThreads);
}

}  // namespace
}  // namespace portreeve::serve
