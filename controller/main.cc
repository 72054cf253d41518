// portreeve-controller: reads objects, serves what follows from them to data planes.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/command_line.h"
#include "common/log.h"
#include "common/version.h"
#include "controller/reconcile_loop.h"
#include "controller/serve/config_service.h"
#include "controller/source/file_source.h"

namespace {

using portreeve::ReconcileLoop;
namespace log = portreeve::log;

struct Options {
  std::string folder;
  std::vector<std::string> listen;
  std::uint64_t epoch = 1;
};

void AddOptions(CLI::App& app, Options& options) {
  app.add_option("--folder", options.folder, "Folder of Gateway API YAML; it is watched")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--listen", options.listen,
                 "Where data planes connect: unix:PATH or HOST:PORT; several times if need be")
      ->required()
      ->expected(1)
      ->take_all()
      ->type_name("ADDRESS");
  app.add_option(
         "--epoch", options.epoch,
         "Data planes that have seen a higher one aren't served; raise it to take over from another controller (1)")
      ->type_name("N");
  portreeve::AddLogLevel(app);
  app.set_version_flag("--version", portreeve::kVersion);
}

int Fail(const absl::Status& status) {
  std::cerr << "portreeve-controller: " << status.message() << "\n";
  return 2;
}

// Blocked before any thread starts, so that only sigwait gets them.
sigset_t BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int Run(const Options& options, const sigset_t& signals) {
  auto source = portreeve::source::FileSource::Open(options.folder);
  if (!source.ok()) return Fail(source.status());
  portreeve::serve::SnapshotCache cache;
  portreeve::serve::ConfigService::Options service_options;
  service_options.addresses = options.listen;
  service_options.epoch = options.epoch;
  auto service = portreeve::serve::ConfigService::Start(std::move(service_options), cache);
  if (!service.ok()) return Fail(service.status());
  ReconcileLoop loop(**source, cache);
  std::thread thread([&loop] { loop.Run(); });
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  log::Info("stopping; data planes go on with what they have");
  loop.Stop();
  thread.join();
  service->reset();
  log::Flush();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const sigset_t signals = BlockSignals();
  CLI::App app("Serves the configuration in a folder of Gateway API YAML to data planes.", "portreeve-controller");
  Options options;
  AddOptions(app, options);
  if (const auto code = portreeve::ParseCommandLine(app, argc, argv)) return *code;
  return Run(options, signals);
}
