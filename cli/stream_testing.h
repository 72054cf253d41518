// For tests of the config stream: a fake in place of the listeners, what the controller is told, and resources.
#pragma once

#include <absl/strings/str_cat.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "controller/serve/config_service.h"
#include "dataplane/config/config_client.h"
#include "dataplane/config/installer.h"
#include "dataplane/config/test_resources.h"

namespace portreeve::cli::testing {

using config::testing::Named;

inline constexpr std::chrono::seconds kDeadline(20);

// Counts installs, can be held up, and can refuse to open ports.
class FakeInstaller : public config::Installer {
 public:
  config::InstallResult Install(std::shared_ptr<const config::RuntimeConfig> config) override {
    std::unique_lock lock(mutex_);
    config_ = std::move(config);
    ++installs_;
    changed_.notify_all();
    changed_.wait_for(lock, kDeadline, [&] { return !held_; });
    config::InstallResult result;
    for (const auto& [number, port] : config_->ports) {
      if (number == busy_port_) {
        result.failures.push_back({port->first->key, absl::StrCat("port ", number, " is in use")});
      } else {
        result.listening.push_back(port->first->key);
      }
    }
    return result;
  }

  void Hold(bool held) {
    std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void SetBusyPort(int port) {
    std::lock_guard lock(mutex_);
    busy_port_ = port;
  }
  bool WaitInstalls(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return installs_ >= wanted; });
  }
  int installs() const {
    std::lock_guard lock(mutex_);
    return installs_;
  }
  std::string Ask(const std::string& path, int port = 80) const {
    std::lock_guard lock(mutex_);
    return config_ == nullptr ? "nothing installed" : config::testing::Ask(*config_, port, "host", path);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const config::RuntimeConfig> config_;
  int installs_ = 0;
  bool held_ = false;
  int busy_port_ = 0;
};

// Reports as status will get them.
class Reports {
 public:
  serve::VerdictListener Listener() {
    return [this](const serve::DataPlaneReport& report) {
      std::lock_guard lock(mutex_);
      all_.push_back(report);
      changed_.notify_all();
    };
  }
  // The first report from `from` on that `wanted` likes.
  serve::DataPlaneReport WaitFor(const std::function<bool(const serve::DataPlaneReport&)>& wanted) {
    std::unique_lock lock(mutex_);
    serve::DataPlaneReport found;
    const bool came = changed_.wait_for(lock, kDeadline, [&] {
      for (; next_ < all_.size(); ++next_) {
        if (!wanted(all_[next_])) continue;
        found = all_[next_++];
        return true;
      }
      return false;
    });
    CHECK(came);
    return found;
  }
  serve::DataPlaneReport WaitForSnapshot(const std::string& snapshot) {
    return WaitFor(
        [&](const serve::DataPlaneReport& report) { return report.connected && report.snapshot == snapshot; });
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return all_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<serve::DataPlaneReport> all_;
  std::size_t next_ = 0;
};

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_; }
  std::string address() const { return absl::StrCat("unix:", path_, "/config.sock"); }

 private:
  char path_[32] = "/tmp/portreeve-stream-XXXXXX";
};

inline config::ClientOptions OptionsOf(const std::string& controller, const std::string& gateway,
                                       const std::string& state) {
  config::ClientOptions options;
  options.controller = controller;
  options.gateway = gateway;
  options.state_folder = state;
  return options;
}

inline translate::ResourceMap MapOf(const std::vector<Named>& resources) {
  return {resources.begin(), resources.end()};
}

inline std::vector<Named> Basics() {
  return {config::testing::Listener("http", 80), config::testing::Rule({}), config::testing::Backend("b"),
          config::testing::Endpoints("b", {1})};
}

inline Named RuleAt(const std::string& route, const std::string& prefix, const std::string& more = "") {
  config::testing::RuleSpec spec;
  spec.route = route;
  spec.prefix = prefix;
  spec.more = more;
  return config::testing::Rule(spec);
}

}  // namespace portreeve::cli::testing
