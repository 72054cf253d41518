// Puts a compiled configuration to work on all workers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "dataplane/config/installer.h"
#include "dataplane/net/worker.h"
#include "dataplane/server/worker_server.h"

namespace portreeve::server {

// Called from one control thread, never from a worker's.
class ListenerManager final : public config::Installer {
 public:
  // `workers` run already; servers[i] belongs to workers[i]. All outlive this.
  ListenerManager(std::vector<net::Worker*> workers, std::vector<WorkerServer*> servers)
      : workers_(std::move(workers)), servers_(std::move(servers)) {}

  config::InstallResult Install(std::shared_ptr<const config::RuntimeConfig> config) override;

  // From here on nothing is installed any more: a drain has begun.
  void Freeze();
  // Whether a configuration has been installed.
  bool installed() const;

 private:
  // Descriptors for each worker, or why not.
  absl::StatusOr<std::vector<int>> OpenPort(std::uint16_t port) const;
  void OnEachWorker(const std::function<void(std::size_t)>& task);

  std::vector<net::Worker*> workers_;
  std::vector<WorkerServer*> servers_;
  mutable std::mutex mutex_;
  bool frozen_ = false;           // guarded by mutex_
  bool installed_ = false;        // guarded by mutex_
  std::set<std::uint16_t> open_;  // guarded by mutex_
};

}  // namespace portreeve::server
