// portreeve: the command that people use.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/explain_command.h"
#include "cli/objects.h"
#include "cli/reasons.h"
#include "cli/run.h"
#include "cli/status.h"
#include "cli/validate.h"
#include "common/command_line.h"
#include "common/version.h"
#include "controller/translate/translator.h"
#include "dataplane/server/options.h"
#include "dataplane/server/signals.h"

namespace {

namespace cli = portreeve::cli;

constexpr double kMaxTimeout = 3600;

// --cluster, --kubeconfig, --namespace, --controller-name and --timeout.
struct ClusterFlags {
  bool cluster = false;
  std::string kubeconfig;
  std::string ns;
  double timeout = 30;

  void Add(CLI::App& app, const char* cluster_text) {
    app.add_flag("--cluster", cluster, cluster_text);
    app.add_option("--kubeconfig", kubeconfig, "The cluster of this kubeconfig")->type_name("FILE");
    app.add_option("--namespace", ns, "Only this namespace of the cluster (all)")->type_name("NS");
    app.add_option_function<std::string>(
           "--controller-name", portreeve::translate::SetControllerName,
           "The controllerName of the GatewayClasses that count (portreeve.dev/controller)")
        ->type_name("DOMAIN/PATH");
    app.add_option("--timeout", timeout, "Until when the cluster must have been read (30)")
        ->check(CLI::Range(0.1, kMaxTimeout))
        ->type_name("SECONDS");
  }
  bool asked() const { return cluster || !kubeconfig.empty(); }
  // Together with this folder (empty: none) the flags say exactly one place.
  bool Fits(const std::string& folder) const { return folder.empty() ? asked() : !asked() && ns.empty(); }
  cli::ClusterAccess Access() const {
    cli::ClusterAccess access;
    access.kubeconfig = kubeconfig;
    if (!ns.empty()) access.namespaces = {ns};
    access.timeout = std::chrono::milliseconds(std::llround(timeout * 1000));
    return access;
  }
};

int Fail(const char* command, const char* message) {
  std::cerr << "portreeve " << command << ": " << message << "\n";
  return 2;
}

class Validate {
 public:
  void Add(CLI::App& app) {
    app_ = app.add_subcommand(
        "validate", "Print the conditions that the objects in a folder or cluster would have; writes nothing");
    app_->add_option("folder", folder_, "The folder")->type_name("FOLDER");
    flags_.Add(*app_, "The cluster that kubectl would use");
    app_->add_option("--output", output_, "text or json (text)")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORM");
  }
  bool parsed() const { return app_->parsed(); }
  int Run() const {
    if (!flags_.Fits(folder_)) return Fail("validate", "give a FOLDER alone, or --cluster, or --kubeconfig FILE");
    return cli::Validate({folder_, flags_.asked(), flags_.Access()}, output_ == "json");
  }

 private:
  CLI::App* app_ = nullptr;
  std::string folder_;
  ClusterFlags flags_;
  std::string output_ = "text";
};

class Explain {
 public:
  void Add(CLI::App& app) {
    app_ = app.add_subcommand("explain", "Say which rule and backends a request gets, and why no other");
    app_->add_option("request", command_.words, "[METHOD] URL; GET without a method")
        ->required()
        ->expected(1, 2)
        ->type_name("TEXT");
    app_->add_option("-H,--header", command_.headers, "A header of the request; several times if need be")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false)
        ->type_name("'NAME: VALUE'");
    app_->add_option("--folder", command_.from.folder, "Objects of this folder")->type_name("FOLDER");
    flags_.Add(*app_, "Objects of the cluster that kubectl would use");
    app_->add_option("--gateway", command_.gateway, "The data plane of this Gateway alone, as in a cluster")
        ->type_name("NS/NAME");
    app_->add_flag("--json", command_.json, "Print JSON");
    app_->add_flag("--all", command_.all, "All other rules, not the closest 20 only");
  }
  bool parsed() const { return app_->parsed(); }
  int Run() {
    if (!flags_.Fits(command_.from.folder)) {
      return Fail("explain", "give --folder FOLDER alone, or --cluster, or --kubeconfig FILE");
    }
    command_.from.cluster = flags_.asked();
    command_.from.access = flags_.Access();
    return cli::RunExplain(command_);
  }

 private:
  CLI::App* app_ = nullptr;
  cli::ExplainCommand command_;
  ClusterFlags flags_;
};

class Status {
 public:
  void Add(CLI::App& app) {
    app_ = app.add_subcommand("status", "Say whether all Gateways, routes and data planes of a cluster are well");
    flags_.Add(*app_, "The cluster that kubectl would use; so it is without this, too");
    app_->add_option("--controller-namespace", options_.controller_namespace,
                     "Where the controllers' pods are (portreeve-system)")
        ->type_name("NS");
    app_->add_flag("--json", json_, "Print JSON");
  }
  bool parsed() const { return app_->parsed(); }
  int Run() {
    options_.access = flags_.Access();
    return cli::RunStatus(options_, json_);
  }

 private:
  CLI::App* app_ = nullptr;
  cli::StatusOptions options_;
  ClusterFlags flags_;
  bool json_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  namespace server = portreeve::server;
  // Only `run` drains: who stops another command wants it to end.
  std::optional<server::Signals> signals;
  if (argc > 1 && std::string_view(argv[1]) == "run") signals.emplace();
  CLI::App app("A Gateway API controller with its own data plane.", "portreeve");
  app.require_subcommand(1);

  server::Options options;
  std::string folder;
  CLI::App* run = app.add_subcommand("run", "Serve what a folder of Gateway API YAML says; the folder is watched");
  run->add_option("folder", folder, "The folder")->required()->type_name("FOLDER");
  server::AddOptions(*run, options);

  Validate validate;
  Explain explain;
  Status status;
  validate.Add(app);
  explain.Add(app);
  status.Add(app);
  CLI::App* reasons = app.add_subcommand("reasons", "Print docs/reasons.md: every reason of an answer of ours");
  app.add_subcommand("version", "Print the version");

  if (const auto code = portreeve::ParseCommandLine(app, argc, argv)) return *code;
  if (run->parsed()) {
    if (!signals) signals.emplace();
    return cli::Run(folder, options, *signals);
  }
  if (validate.parsed()) return validate.Run();
  if (explain.parsed()) return explain.Run();
  if (status.parsed()) return status.Run();
  if (reasons->parsed()) {
    cli::PrintReasons(std::cout);
  } else {
    std::cout << "portreeve " << portreeve::kVersion << "\n";
  }
  return 0;
}
