// portreeve: the command that people use.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "cli/reasons.h"
#include "cli/run.h"
#include "cli/validate.h"
#include "common/command_line.h"
#include "common/version.h"
#include "dataplane/server/options.h"
#include "dataplane/server/signals.h"

int main(int argc, char** argv) {
  namespace server = portreeve::server;
  server::Signals signals;
  CLI::App app("A Gateway API controller with its own data plane.", "portreeve");
  app.require_subcommand(1);

  server::Options options;
  std::string folder;
  CLI::App* run = app.add_subcommand("run", "Serve what a folder of Gateway API YAML says; the folder is watched");
  run->add_option("folder", folder, "The folder")->required()->type_name("FOLDER");
  server::AddOptions(*run, options);

  std::string output = "text";
  CLI::App* validate = app.add_subcommand("validate", "Print the conditions that the objects in a folder would have");
  validate->add_option("folder", folder, "The folder")->required()->type_name("FOLDER");
  validate->add_option("--output", output, "text or json (text)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORM");

  CLI::App* reasons = app.add_subcommand("reasons", "Print docs/reasons.md: every reason of an answer of ours");
  app.add_subcommand("version", "Print the version");

  if (const auto code = portreeve::ParseCommandLine(app, argc, argv)) return *code;
  if (run->parsed()) return portreeve::cli::Run(folder, options, signals);
  if (validate->parsed()) return portreeve::cli::Validate(folder, output == "json");
  if (reasons->parsed()) {
    portreeve::cli::PrintReasons(std::cout);
  } else {
    std::cout << "portreeve " << portreeve::kVersion << "\n";
  }
  return 0;
}
