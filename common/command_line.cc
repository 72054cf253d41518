#include "common/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "common/log.h"

namespace portreeve {

void AddLogLevel(CLI::App& app) {
  app.add_option_function<std::string>(
         "--log-level",
         [](const std::string& name) {
           const auto level = log::LevelFromName(name);
           if (!level) {
             throw CLI::ValidationError("--log-level", "'" + name + "' is none of debug, info, warning, error");
           }
           log::SetLevel(*level);
         },
         "debug, info, warning or error (info)")
      ->type_name("LEVEL");
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::cerr << app.get_name() << ": " << error.what() << "\nRun with --help for the options.\n";
    return 2;
  }
}

}  // namespace portreeve
