// ServerProbe: whether the API server is there. Whoever calls it tells when it can't be reached; while one of them
// can't reach it the probe asks, with one small request, and wakes them when it answers again. It is said in the log
// once, however many they are.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/kube/thread.h"

namespace portreeve::kube {

class ServerProbe {
 public:
  static constexpr std::chrono::milliseconds kWait{2'000};

  // Somebody who calls the server.
  class Caller {
   public:
    // `wake` is called by the probe's thread when the server is back; it may not call the probe. The probe outlives it.
    Caller(ServerProbe& probe, std::function<void()> wake);
    // Waits for a `wake` under way.
    ~Caller();
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    // How its last call went. `what` and `reason` are for the log. Any thread.
    void Report(bool unreachable, std::string_view what, std::string_view reason);

   private:
    friend class ServerProbe;

    ServerProbe& probe_;
    const std::function<void()> wake_;
    // Guarded by the probe's mutex.
    bool unreachable_ = false;
    bool woken_ = false;  // since it last reached the server
  };

  // Asks every `wait`. The client is the probe's own; without one nothing is asked and nobody is woken, which will do
  // for who doesn't stay.
  explicit ServerProbe(std::unique_ptr<ApiClient> client, std::chrono::milliseconds wait = kWait);
  // No caller is left.
  ~ServerProbe();
  ServerProbe(const ServerProbe&) = delete;
  ServerProbe& operator=(const ServerProbe&) = delete;

  // That the server itself says it has read all that it needs, as it doesn't for some seconds after its start.
  static bool Ready(ApiClient& client);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  void Ask();
  std::size_t Unreachable() const;

  const std::unique_ptr<ApiClient> client_;
  const std::chrono::milliseconds wait_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Caller*> callers_;
  Clock::time_point next_;
  bool failed_ = false;  // the last time it asked, since somebody couldn't reach the server
  bool stop_ = false;
  Thread thread_;
};

}  // namespace portreeve::kube
