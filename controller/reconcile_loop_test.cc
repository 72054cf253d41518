#include "controller/reconcile_loop.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/log.h"
#include "controller/source/file_source.h"

namespace portreeve {
namespace {

constexpr std::chrono::seconds kDeadline(20);

constexpr const char* kGateway = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: portreeve}
spec: {controllerName: portreeve.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ns}
spec:
  gatewayClassName: portreeve
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
)";

std::string Route(const std::string& name, const std::string& path) {
  return R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: )" +
         name + R"(, namespace: ns}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: ")" +
         path + R"("}}]
    backendRefs: [{name: ghost, port: 80}]
)";
}

// A folder that is served until the end of the test.
class Rig {
 public:
  Rig() {
    REQUIRE(mkdtemp(path_) != nullptr);
    REQUIRE(pipe(log_) == 0);
    log::SetOutput(log_[1]);
  }
  ~Rig() {
    if (loop_ != nullptr) loop_->Stop();
    if (thread_.joinable()) thread_.join();
    cache.SetWatcher(nullptr);
    log::Flush();
    log::SetOutput(STDERR_FILENO);
    close(log_[0]);
    close(log_[1]);
    std::filesystem::remove_all(path_);
  }

  // As editors do: beside, and renamed over.
  void Write(const std::string& file, const std::string& text) const {
    const std::string path = std::string(path_) + "/" + file;
    std::ofstream(path + ".tmp") << text;
    std::filesystem::rename(path + ".tmp", path);
  }
  void Start() {
    auto opened = source::FileSource::Open(path_);
    REQUIRE(opened.ok());
    source_ = *std::move(opened);
    cache.SetWatcher([this] {
      std::lock_guard lock(mutex_);
      ++published_;
      changed_.notify_all();
    });
    loop_ = std::make_unique<ReconcileLoop>(*source_, cache);
    thread_ = std::thread([this] { loop_->Run(); });
  }
  bool WaitFor(const std::function<bool(const translate::ResourceMap&)>& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] {
      const auto latest = cache.Latest("ns/gw");
      return latest != nullptr && wanted(latest->resources);
    });
  }
  int published() const {
    std::lock_guard lock(mutex_);
    return published_;
  }
  // Lines of the log since the last call that have this text in them.
  std::vector<nlohmann::json> Log(const std::string& text) {
    log::Flush();
    char buffer[1 << 16];
    const ssize_t n = read(log_[0], buffer, sizeof(buffer));
    std::vector<nlohmann::json> found;
    std::istringstream lines(std::string(buffer, static_cast<std::size_t>(n)));
    for (std::string line; std::getline(lines, line);) {
      if (line.find(text) != std::string::npos) found.push_back(nlohmann::json::parse(line));
    }
    return found;
  }
  // Waits until the loop has taken everything that was written before.
  void Settle() {
    Write("marker.yaml", Route("marker" + std::to_string(++markers_), "/marker"));
    const std::string key = "rule/ns/marker" + std::to_string(markers_) + "/0";
    REQUIRE(WaitFor([&](const auto& resources) { return resources.contains(key); }));
    loop_->Stop();
    thread_.join();
  }

  serve::SnapshotCache cache;

 private:
  char path_[32] = "/tmp/portreeve-loop-XXXXXX";
  int log_[2] = {-1, -1};
  std::unique_ptr<source::FileSource> source_;
  std::unique_ptr<ReconcileLoop> loop_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int published_ = 0;
  int markers_ = 0;
};

TEST_CASE("Everything is loaded before anything is published, and changes follow") {
  Rig rig;
  rig.Write("gateway.yaml", kGateway);
  for (int i = 0; i < 20; ++i) {
    rig.Write("route" + std::to_string(i) + ".yaml", Route("r" + std::to_string(i), "/x"));
  }
  REQUIRE(rig.cache.Latest("ns/gw") == nullptr);
  rig.Start();
  REQUIRE(rig.WaitFor([](const auto&) { return true; }));
  CHECK(rig.published() == 1);
  CHECK(rig.cache.Latest("ns/gw")->resources.contains("rule/ns/r19/0"));
  CHECK(rig.cache.Latest("ns/gw")->resources.contains("listener/ns/gw/http"));

  rig.Write("more.yaml", Route("more", "/more"));
  CHECK(rig.WaitFor([](const auto& resources) { return resources.contains("rule/ns/more/0"); }));
}

TEST_CASE("A condition that turns bad is said once, and again only when it says something else") {
  Rig rig;
  rig.Write("gateway.yaml", kGateway);
  rig.Write("a.yaml", Route("a", "/a"));
  rig.Start();
  REQUIRE(rig.WaitFor([](const auto& resources) { return resources.contains("rule/ns/a/0"); }));
  rig.Write("a.yaml", Route("a", "/b"));
  rig.Settle();
  const auto lines = rig.Log("HTTPRoute ns/a");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["condition"] == "ResolvedRefs");
  CHECK(lines[0]["reason"] == "BackendNotFound");
  CHECK(lines[0]["part"] == "parent ns/gw");
  CHECK(lines[0]["file"].get<std::string>().ends_with("/a.yaml"));
  CHECK(lines[0]["line"] == 2);
}

TEST_CASE("A file that doesn't parse is said once, with its place, and changes nothing") {
  Rig rig;
  rig.Write("gateway.yaml", kGateway);
  rig.Write("a.yaml", Route("a", "/a"));
  rig.Start();
  REQUIRE(rig.WaitFor([](const auto& resources) { return resources.contains("rule/ns/a/0"); }));
  rig.Write("a.yaml", "apiVersion: v1\nkind: [unclosed\n");
  rig.Settle();
  CHECK(rig.cache.Latest("ns/gw")->resources.contains("rule/ns/a/0"));
  const auto lines = rig.Log("what was served before stays");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["level"] == "error");
  CHECK(lines[0]["file"].get<std::string>().ends_with("/a.yaml"));
  CHECK(lines[0]["line"].get<int>() >= 2);
}

}  // namespace
}  // namespace portreeve
