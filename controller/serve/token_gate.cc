#include "controller/serve/token_gate.h"

#include <absl/status/status.h>

#include <utility>

namespace portreeve::serve {

TokenGate::TokenGate(Authenticator authenticator, std::function<Clock::time_point()> now)
    : authenticator_(std::move(authenticator)), now_(std::move(now)) {
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Run(); });
}

TokenGate::~TokenGate() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool TokenGate::Ask(SecretBytes token, Done done) {
  std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMaxWaiting) return false;
  waiting_.push_back({std::move(token), std::move(done), now_()});
  changed_.notify_one();
  return true;
}

void TokenGate::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Answer(std::move(question));
    lock.lock();
  }
}

void TokenGate::Answer(Question question) const {
  if (now_() - question.since > kMaxWait) {
    question.done(absl::UnavailableError("too many wait for the API server to say whose their tokens are"));
  } else {
    question.done(authenticator_(question.token.Reveal()));
  }
}

}  // namespace portreeve::serve
