// portreeve-dataplane: a data plane by itself, configured by a controller elsewhere.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "common/command_line.h"
#include "dataplane/server/data_plane.h"
#include "dataplane/server/options.h"
#include "dataplane/server/signals.h"

int main(int argc, char** argv) {
  portreeve::server::Signals signals;
  CLI::App app{"The data plane of Portreeve: terminates TLS, routes traffic and enforces policy."};
  portreeve::server::Options options;
  portreeve::server::AddOptions(app, options);
  portreeve::server::AddControllerOptions(app, options);
  if (const auto code = portreeve::ParseCommandLine(app, argc, argv)) return *code;
  auto data_plane = portreeve::server::DataPlane::Start(options);
  if (!data_plane.ok()) {
    std::fprintf(stderr, "portreeve-dataplane: %s\n", std::string(data_plane.status().message()).c_str());
    return 2;
  }
  signals.Start([&] { (*data_plane)->Drain(); }, [&] { (*data_plane)->Stop(); });
  (*data_plane)->Wait();
  // No late signal reaches a data plane that is going.
  signals.Finish();
  return 0;
}
