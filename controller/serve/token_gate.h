// Finds out who sends a token, on threads of its own: gRPC's never wait for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/secret_bytes.h"
#include "controller/serve/identity.h"

namespace portreeve::serve {

// Any thread.
class TokenGate {
 public:
  using Done = std::function<void(const absl::StatusOr<Identity>&)>;

  // So many are asked about at once; so many may wait for that.
  static constexpr std::size_t kThreads = 4;
  static constexpr std::size_t kMaxWaiting = 1000;
  // Who has waited for so long isn't asked about any more, and is told UNAVAILABLE: a slow API server would otherwise
  // be asked about streams that have given up.
  static constexpr std::chrono::seconds kMaxWait{5};

  using Clock = std::chrono::steady_clock;

  explicit TokenGate(Authenticator authenticator, std::function<Clock::time_point()> now = Clock::now);
  // Waits for questions under way. What is left isn't asked, and its `done` never called.
  ~TokenGate();
  TokenGate(const TokenGate&) = delete;
  TokenGate& operator=(const TokenGate&) = delete;

  // `done` is called once, by a thread of the gate. False: too many wait; `done` isn't called.
  bool Ask(SecretBytes token, Done done);

 private:
  struct Question {
    SecretBytes token;
    Done done;
    Clock::time_point since;
  };

  void Run();
  void Answer(Question question) const;

  const Authenticator authenticator_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> waiting_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace portreeve::serve
