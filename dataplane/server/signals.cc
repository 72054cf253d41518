#include "dataplane/server/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/log.h"

namespace portreeve::server {

Signals::Signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wake_ < 0) {
    std::perror("signalfd");
    std::abort();
  }
}

Signals::~Signals() {
  Finish();
  close(signals_);
  close(wake_);
}

void Signals::Start(std::function<void()> drain, std::function<void()> stop) {
  thread_ = std::thread([this, drain = std::move(drain), stop = std::move(stop)] { Run(drain, stop); });
}

void Signals::Finish() {
  const std::uint64_t one = 1;
  if (write(wake_, &one, sizeof(one)) < 0) std::perror("eventfd");
  if (thread_.joinable()) thread_.join();
}

void Signals::Run(const std::function<void()>& drain, const std::function<void()>& stop) const {
  bool draining = false;
  while (true) {
    pollfd ready[] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
      log::Info(draining ? "stopping at once" : "draining; a second signal stops at once",
                {{"signal", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"}});
      (draining ? stop : drain)();
      draining = true;
    }
  }
}

}  // namespace portreeve::server
