// `portreeve run`: controller and data plane in one process, with the wire between them.
#pragma once

#include <string>

#include "dataplane/server/options.h"
#include "dataplane/server/signals.h"

namespace portreeve::cli {

// Serves what the folder says until it has drained. `options.controller` is set here. Exit code: 0, or 2 with a message
// for what the command line asks and can't be had.
int Run(const std::string& folder, server::Options options, server::Signals& signals);

}  // namespace portreeve::cli
