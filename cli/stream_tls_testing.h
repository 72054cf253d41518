// For tests of the config stream over TLS: a controller with a CA, tokens, the log, and what a data plane reads.
#pragma once

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cli/stream_testing.h"
#include "common/log.h"
#include "controller/serve/authority.h"
#include "controller/serve/config_service.h"
#include "dataplane/config/config_client.h"

namespace portreeve::cli::testing {

inline const std::string kServerName = "portreeve.portreeve-system.svc";
inline constexpr char kUnfollowed[] = "the controller can't be followed";

// Whose tokens are whose. Can be made to wait, and to know nothing.
class Tokens {
 public:
  serve::Authenticator Function() {
    return [this](std::string_view token) -> absl::StatusOr<serve::Identity> {
      std::unique_lock lock(mutex_);
      ++asked_[std::string(token)];
      changed_.notify_all();
      changed_.wait_for(lock, kDeadline, [&] { return token != held_; });
      if (down_) return absl::UnavailableError("the API server can't be asked");
      const auto found = known_.find(std::string(token));
      if (found == known_.end()) return absl::UnauthenticatedError("the token is refused: it has expired");
      return found->second;
    };
  }
  void Set(const std::string& token, const std::string& gateway, const std::string& pod = "pod-1") {
    std::lock_guard lock(mutex_);
    known_[token] = serve::Identity{gateway, pod};
  }
  void Revoke(const std::string& token) {
    std::lock_guard lock(mutex_);
    known_.erase(token);
  }
  void Hold(const std::string& token) {
    std::lock_guard lock(mutex_);
    held_ = token;
    changed_.notify_all();
  }
  void SetDown(bool down) {
    std::lock_guard lock(mutex_);
    down_ = down;
  }
  int asked(const std::string& token) const {
    std::lock_guard lock(mutex_);
    const auto found = asked_.find(token);
    return found == asked_.end() ? 0 : found->second;
  }
  void WaitAsked(const std::string& token, int times) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, kDeadline, [&] { return asked_[token] >= times; }));
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, serve::Identity> known_;
  std::map<std::string, int> asked_;
  std::string held_;
  bool down_ = false;
};

// The log, in a file as long as this lives.
class LogFile {
 public:
  explicit LogFile(const std::string& path) : path_(path) {
    fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    watch_ = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    REQUIRE(fd_ >= 0);
    REQUIRE(inotify_add_watch(watch_, path.c_str(), IN_MODIFY) >= 0);
    log::Flush();
    log::SetOutput(fd_);
  }
  ~LogFile() {
    log::Flush();
    log::SetOutput(2);
    close(fd_);
    close(watch_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Lines with this in them.
  std::vector<std::string> Lines(const std::string& part) const {
    log::Flush();
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      if (line.find(part) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }
  bool Contains(const std::string& part) const { return !Lines(part).empty(); }
  // Until there is a line with both.
  void WaitFor(const std::string& part, const std::string& other) const {
    INFO(part << " … " << other);
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (true) {
      for (const std::string& line : Lines(part)) {
        if (line.find(other) != std::string::npos) return;
      }
      if (std::chrono::steady_clock::now() > deadline) break;
      pollfd changed{watch_, POLLIN, 0};
      poll(&changed, 1, 1000);
      char events[4096];
      while (read(watch_, events, sizeof(events)) > 0) continue;
    }
    FAIL("no such line in the log");
  }

 private:
  const std::string path_;
  int fd_ = -1;
  int watch_ = -1;
};

inline serve::Authority NewAuthority(absl::Time now = absl::Now()) {
  absl::StatusOr<serve::Authority> authority = serve::Authority::New(now);
  REQUIRE(authority.ok());
  return *std::move(authority);
}

inline serve::Authority Rotated(const serve::Authority& authority) {
  absl::StatusOr<serve::Authority> next = authority.Rotated(absl::Now());
  REQUIRE(next.ok());
  return *std::move(next);
}

// A controller with a CA, and data planes.
struct TlsRig {
  TlsRig() {
    tokens.Set("token-1", "ns/gw");
    WriteToken("token-1");
    WriteBundle(authority.bundle());
    Issue(authority);
    StartController();
  }

  void StartController(std::chrono::milliseconds proof_deadline = std::chrono::minutes(15)) {
    service.reset();
    cache = std::make_unique<serve::SnapshotCache>();
    serve::ConfigService::Options options;
    options.addresses = {absl::StrCat("127.0.0.1:", port), folder.address()};
    options.tls = serve::ConfigService::Tls{[this] { return certificate(); }, authenticator, proof_deadline};
    options.listener = reports.Listener();
    auto started = serve::ConfigService::Start(std::move(options), *cache);
    INFO(started.status());
    REQUIRE(started.ok());
    service = *std::move(started);
    port = service->ports()[0];
  }
  config::ClientOptions Options() const {
    config::ClientOptions options = OptionsOf(absl::StrCat("127.0.0.1:", port), "ns/gw", "");
    options.ca_file = folder.path() + "/ca.crt";
    options.token_file = folder.path() + "/token";
    options.server_name = kServerName;
    return options;
  }
  void StartDataPlane(const config::ClientOptions& options) {
    client = config::ConfigClient::Start(options, installer);
  }
  void StartDataPlane() { StartDataPlane(Options()); }

  // As the kubelet does it: the whole new file, or the old one.
  void WriteFile(const std::string& name, const std::string& text) const {
    const std::string path = folder.path() + "/" + name;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  void WriteToken(const std::string& token) const { WriteFile("token", token + "\n"); }
  void WriteBundle(const std::string& bundle) const { WriteFile("ca.crt", bundle); }

  void Issue(const serve::Authority& by, absl::Time at = absl::Now(), const std::string& name = kServerName) {
    absl::StatusOr<serve::ServerCertificate> issued = by.IssueServerCertificate({name}, at);
    INFO(issued.status());
    REQUIRE(issued.ok());
    std::lock_guard lock(mutex);
    current = std::make_shared<const serve::ServerCertificate>(*std::move(issued));
  }
  std::shared_ptr<const serve::ServerCertificate> certificate() const {
    std::lock_guard lock(mutex);
    return current;
  }

  // Returns the version of the snapshot.
  std::string Publish(const std::vector<Named>& resources) {
    cache->Publish({{"ns/gw", MapOf(resources)}, {"ns/other", MapOf({config::testing::Listener("x", 99)})}});
    return cache->Latest("ns/gw")->version;
  }
  // A change that every data plane which is connected gets and acknowledges.
  serve::DataPlaneReport Change() {
    auto resources = Basics();
    resources.push_back(RuleAt("more", absl::StrCat("/", ++changes)));
    return reports.WaitForSnapshot(Publish(resources));
  }
  // Tried several times, it isn't served, and one line says why.
  void ExpectRefused(const std::string& why) {
    log.WaitFor(kUnfollowed, why);
    CHECK(installer.installs() == 0);
    CHECK_FALSE(client->connected());
    CHECK(log.Lines(kUnfollowed).size() == 1);
  }

  Folder folder;
  LogFile log{folder.path() + "/log"};
  FakeInstaller installer;
  Reports reports;
  Tokens tokens;
  serve::Authenticator authenticator = tokens.Function();
  serve::Authority authority = NewAuthority();
  mutable std::mutex mutex;
  std::shared_ptr<const serve::ServerCertificate> current;
  int port = 0;
  int changes = 0;
  std::unique_ptr<serve::SnapshotCache> cache;
  std::unique_ptr<serve::ConfigService> service;
  std::unique_ptr<config::ConfigClient> client;
};

}  // namespace portreeve::cli::testing
