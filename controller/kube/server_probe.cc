#include "controller/kube/server_probe.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/log.h"

namespace portreeve::kube {
namespace {

constexpr std::chrono::milliseconds kDeadline{2'000};

ApiRequest Question() {
  ApiRequest request;
  request.path = "/readyz";
  request.deadline = kDeadline;
  return request;
}

}  // namespace

ServerProbe::Caller::Caller(ServerProbe& probe, std::function<void()> wake) : probe_(probe), wake_(std::move(wake)) {
  const std::lock_guard lock(probe_.mutex_);
  probe_.callers_.push_back(this);
}

ServerProbe::Caller::~Caller() {
  const std::lock_guard lock(probe_.mutex_);
  std::erase(probe_.callers_, this);
}

void ServerProbe::Caller::Report(bool unreachable, std::string_view what, std::string_view reason) {
  const std::lock_guard lock(probe_.mutex_);
  const std::size_t before = probe_.Unreachable();
  unreachable_ = unreachable;
  if (!unreachable) woken_ = false;
  const std::size_t now = probe_.Unreachable();
  if (before == 0 && now > 0) {
    log::Warning("the API server can't be reached; what is known stays in service",
                 {{"kind", what}, {"reason", std::string(reason)}});
    probe_.failed_ = false;
    probe_.next_ = Clock::now();
    probe_.changed_.notify_all();
  } else if (before > 0 && now == 0) {
    log::Info("the API server is reached again");
  }
}

ServerProbe::ServerProbe(std::unique_ptr<ApiClient> client, std::chrono::milliseconds wait)
    : client_(std::move(client)), wait_(wait) {
  if (client_ != nullptr) thread_.Start("kube-probe", [this] { Run(); });
}

ServerProbe::~ServerProbe() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (client_ != nullptr) client_->Cancel();
  thread_.Join();
}

bool ServerProbe::Ready(ApiClient& client) {
  const auto answer = client.Send(Question());
  return answer.ok() && answer->ok();
}

std::size_t ServerProbe::Unreachable() const {
  return static_cast<std::size_t>(std::ranges::count_if(callers_, [](const Caller* c) { return c->unreachable_; }));
}

void ServerProbe::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (Unreachable() == 0) {
      changed_.wait(lock);
    } else if (Clock::now() < next_) {
      changed_.wait_until(lock, next_);
    } else {
      next_ = Clock::now() + wait_;
      lock.unlock();
      Ask();
      lock.lock();
    }
  }
}

// A server that was away and is back wakes all that wait; one that was never seen away wakes each of them once: where
// it answers this and fails them, their own back-off stands.
void ServerProbe::Ask() {
  const auto answer = client_->Send(Question());
  // Not every server shows this to everybody.
  const bool up = answer.ok() && answer->status < 500 && answer->status != 429;
  const std::lock_guard lock(mutex_);
  const bool was_away = std::exchange(failed_, !up);
  if (!up) return;
  for (Caller* caller : callers_) {
    if (!caller->unreachable_) continue;
    if (!std::exchange(caller->woken_, true) || was_away) caller->wake_();
  }
}

}  // namespace portreeve::kube
