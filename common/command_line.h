// What the command lines of our programs have in common.
#pragma once

#include <optional>

namespace CLI {
class App;
}

namespace portreeve {

// --log-level debug|info|warning|error; takes effect while the command line is read.
void AddLogLevel(CLI::App& app);

// Reads the command line. A value: the program is to end with it (0 after --help, 2 after an error, which is printed).
std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv);

}  // namespace portreeve
