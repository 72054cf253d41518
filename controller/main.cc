// portreeve-controller: reads objects, serves what follows from them to data planes.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/command_line.h"
#include "common/log.h"
#include "common/version.h"
#include "controller/cluster_controller.h"
#include "controller/reconcile_loop.h"
#include "controller/serve/config_service.h"
#include "controller/source/file_source.h"
#include "controller/translate/translator.h"

namespace {

using portreeve::ReconcileLoop;
namespace log = portreeve::log;

struct Options {
  std::string folder;
  bool kubernetes = false;
  std::vector<std::string> listen;
  std::uint64_t epoch = 1;
  std::string controller_name;
  portreeve::ClusterOptions cluster;
};

void AddClusterOptions(CLI::App& app, portreeve::ClusterOptions& options, CLI::Option* kubernetes) {
  const auto add = [&](const char* name, auto& value, const char* text, const char* type) {
    return app.add_option(name, value, text)->needs(kubernetes)->type_name(type)->group("In a cluster");
  };
  add("--kubeconfig", options.kubeconfig, "How to reach the API server (in a pod: its own account)", "FILE");
  add("--namespace", options.ns, "The controller's own namespace ($POD_NAMESPACE)", "NS")->envname("POD_NAMESPACE");
  add("--pod", options.pod, "This process's name in the Lease and in events ($POD_NAME)", "NAME")->envname("POD_NAME");
  add("--pod-ip", options.pod_ip, "By which other replicas reach --listen ($POD_IP)", "IP")->envname("POD_IP");
  add("--service-account", options.service_account, "That all replicas run as ($POD_SERVICE_ACCOUNT)", "NAME")
      ->envname("POD_SERVICE_ACCOUNT");
  add("--token", options.token_file, "A token of it for the audience of data planes, shown to the leading replica",
      "FILE");
  add("--service-name", options.service_name, "By which data planes reach --listen: portreeve-controller.NS.svc",
      "HOST");
  add("--admin", options.admin, "Admin port: /healthz /readyz /metrics /dataplanes /version (none)", "ADDRESS");
  add("--dataplane-image", options.data_plane_image, "Image of the data planes", "IMAGE");
  add("--dataplane-pull-policy", options.data_plane_pull_policy, "When it is pulled (IfNotPresent)", "POLICY");
  add("--watch-namespace", options.watch_namespaces, "Only this namespace; several times if need be (all)", "NS")
      ->expected(1)
      ->take_all();
}

void AddOptions(CLI::App& app, Options& options) {
  auto* folder =
      app.add_option("--folder", options.folder, "Folder of Gateway API YAML; it is watched")->type_name("FOLDER");
  auto* kubernetes =
      app.add_flag("--kubernetes", options.kubernetes, "Follow the API server of a cluster")->excludes(folder);
  AddClusterOptions(app, options.cluster, kubernetes);
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
  app.add_option("--controller-name", options.controller_name,
                 "The controllerName of the GatewayClasses that are served (portreeve.dev/controller)")
      ->type_name("DOMAIN/PATH")
      ->check([](const std::string& name) {
        const std::size_t slash = name.find('/');
        return slash == 0 || slash == std::string::npos || slash + 1 == name.size()
                   ? "it must be of the form domain/path"
                   : "";
      });
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

int RunInCluster(const portreeve::ClusterOptions& options, const sigset_t& signals) {
  portreeve::ClusterController controller(options);
  absl::Status status;
  std::thread starter([&] {
    status = controller.Start();
    if (!status.ok()) kill(getpid(), SIGTERM);
  });
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  controller.Cancel();
  starter.join();
  if (!status.ok() && !absl::IsCancelled(status)) return Fail(status);
  log::Info("stopping; data planes go on with what they have");
  return 0;
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
  if (!options.controller_name.empty()) portreeve::translate::SetControllerName(options.controller_name);
  if (options.kubernetes) {
    options.cluster.listen = options.listen;
    for (const auto& [option, value] :
         {std::pair("--namespace", &options.cluster.ns), std::pair("--pod", &options.cluster.pod),
          std::pair("--service-name", &options.cluster.service_name),
          std::pair("--dataplane-image", &options.cluster.data_plane_image)}) {
      if (value->empty()) return Fail(absl::InvalidArgumentError(std::string(option) + " is needed with --kubernetes"));
    }
    const int code = RunInCluster(options.cluster, signals);
    log::Flush();
    return code;
  }
  if (options.folder.empty()) return Fail(absl::InvalidArgumentError("--folder or --kubernetes is needed"));
  return Run(options, signals);
}
