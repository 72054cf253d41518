// portreeve: the command that people use.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/objects.h"
#include "cli/reasons.h"
#include "cli/run.h"
#include "cli/validate.h"
#include "common/command_line.h"
#include "common/version.h"
#include "dataplane/server/options.h"
#include "dataplane/server/signals.h"

namespace {

namespace cli = portreeve::cli;

constexpr double kMaxTimeout = 3600;

// --cluster, --kubeconfig, --namespace and --timeout, as far as the command has them.
struct ClusterFlags {
  bool cluster = false;
  std::string kubeconfig;
  std::string ns;
  double timeout = 30;

  void Add(CLI::App& app, const char* cluster_text) {
    app.add_flag("--cluster", cluster, cluster_text);
    app.add_option("--kubeconfig", kubeconfig, "The cluster of this kubeconfig")->type_name("FILE");
    app.add_option("--namespace", ns, "Only this namespace of the cluster (all)")->type_name("NS");
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
  validate.Add(app);
  CLI::App* reasons = app.add_subcommand("reasons", "Print docs/reasons.md: every reason of an answer of ours");
  app.add_subcommand("version", "Print the version");

  if (const auto code = portreeve::ParseCommandLine(app, argc, argv)) return *code;
  if (run->parsed()) {
    if (!signals) signals.emplace();
    return cli::Run(folder, options, *signals);
  }
  if (validate.parsed()) return validate.Run();
  if (reasons->parsed()) {
    cli::PrintReasons(std::cout);
  } else {
    std::cout << "portreeve " << portreeve::kVersion << "\n";
  }
  return 0;
}
