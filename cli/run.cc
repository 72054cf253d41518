#include "cli/run.h"

#include <absl/status/statusor.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "common/log.h"
#include "controller/reconcile_loop.h"
#include "controller/serve/config_service.h"
#include "controller/source/file_source.h"
#include "dataplane/server/data_plane.h"

namespace portreeve::cli {
namespace {

// A path of a socket has 107 bytes at most.
constexpr std::size_t kMaxFolderBytes = 80;

// A folder that only this user can enter, for as long as the object lives.
class PrivateFolder {
 public:
  static absl::StatusOr<std::unique_ptr<PrivateFolder>> Create() {
    const char* asked = std::getenv("TMPDIR");
    std::string path = asked != nullptr && *asked != '\0' && std::strlen(asked) < kMaxFolderBytes ? asked : "/tmp";
    path += "/portreeve-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError("no temporary folder can be made as " + path + ": " + std::strerror(errno));
    }
    return std::unique_ptr<PrivateFolder>(new PrivateFolder(std::move(path)));
  }
  ~PrivateFolder() {
    unlink(socket().c_str());
    rmdir(path_.c_str());
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  std::string socket() const { return path_ + "/config.sock"; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The controller's half, on threads of its own.
class Controller {
 public:
  static absl::StatusOr<std::unique_ptr<Controller>> Start(const std::string& folder, const std::string& address) {
    auto source = source::FileSource::Open(folder);
    if (!source.ok()) return source.status();
    std::unique_ptr<Controller> controller(new Controller(*std::move(source)));
    serve::ConfigService::Options options;
    options.addresses = {address};
    auto service = serve::ConfigService::Start(std::move(options), controller->cache_);
    if (!service.ok()) return service.status();
    controller->service_ = *std::move(service);
    controller->thread_ = std::thread([loop = &controller->loop_] { loop->Run(); });
    return controller;
  }
  ~Controller() {
    loop_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

 private:
  explicit Controller(std::unique_ptr<source::FileSource> source)
      : source_(std::move(source)), loop_(*source_, cache_) {}

  std::unique_ptr<source::FileSource> source_;
  serve::SnapshotCache cache_;
  ReconcileLoop loop_;
  std::unique_ptr<serve::ConfigService> service_;
  std::thread thread_;
};

int Fail(const absl::Status& status) {
  log::Flush();
  std::cerr << "portreeve run: " << status.message() << "\n";
  return 2;
}

}  // namespace

int Run(const std::string& folder, server::Options options, server::Signals& signals) {
  auto place = PrivateFolder::Create();
  if (!place.ok()) return Fail(place.status());
  options.controller = "unix:" + (*place)->socket();
  auto controller = Controller::Start(folder, options.controller);
  if (!controller.ok()) return Fail(controller.status());
  auto data_plane = server::DataPlane::Start(std::move(options));
  if (!data_plane.ok()) return Fail(data_plane.status());
  signals.Start([&] { (*data_plane)->Drain(); }, [&] { (*data_plane)->Stop(); });
  (*data_plane)->Wait();
  signals.Finish();
  data_plane->reset();
  controller->reset();
  log::Info("stopped");
  log::Flush();
  return 0;
}

}  // namespace portreeve::cli
