#include "dataplane/server/listener_manager.h"

#include <unistd.h>

#include <latch>
#include <string>
#include <utility>

namespace portreeve::server {

config::InstallResult ListenerManager::Install(std::shared_ptr<const config::RuntimeConfig> config) {
  std::lock_guard lock(mutex_);
  config::InstallResult result;
  if (frozen_) return result;
  std::vector<std::vector<NewPort>> opened(workers_.size());
  std::set<std::uint16_t> open;
  for (const auto& [number, port] : config->ports) {
    std::string problem;
    if (!open_.contains(number)) {
      const absl::StatusOr<std::vector<int>> descriptors = OpenPort(number);
      if (descriptors.ok()) {
        for (std::size_t i = 0; i < workers_.size(); ++i) opened[i].push_back({number, (*descriptors)[i]});
      } else {
        problem = std::string(descriptors.status().message());
      }
    }
    if (problem.empty()) open.insert(number);
    port->listeners.ForEach([&](std::string_view, const std::shared_ptr<const config::Listener>& listener) {
      if (problem.empty()) {
        result.listening.push_back(listener->key);
      } else {
        result.failures.push_back({listener->key, problem});
      }
    });
  }
  OnEachWorker([&](std::size_t i) { servers_[i]->Install(config, std::move(opened[i])); });
  open_ = std::move(open);
  installed_ = true;
  return result;
}

absl::StatusOr<std::vector<int>> ListenerManager::OpenPort(std::uint16_t port) const {
  absl::Status free = net::ProbePort(port);
  if (!free.ok()) return free;
  std::vector<int> descriptors;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const absl::StatusOr<int> descriptor = net::OpenListenSocket(port);
    if (!descriptor.ok()) {
      for (const int fd : descriptors) close(fd);
      return descriptor.status();
    }
    descriptors.push_back(*descriptor);
  }
  return descriptors;
}

void ListenerManager::OnEachWorker(const std::function<void(std::size_t)>& task) {
  std::latch done(static_cast<std::ptrdiff_t>(workers_.size()));
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([&, i] {
      task(i);
      done.count_down();
    });
  }
  done.wait();
}

void ListenerManager::Freeze() {
  std::lock_guard lock(mutex_);
  frozen_ = true;
}

bool ListenerManager::installed() const {
  std::lock_guard lock(mutex_);
  return installed_;
}

}  // namespace portreeve::server
