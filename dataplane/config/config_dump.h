// /config: what runs, as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/config/config_store.h"
#include "dataplane/config/refusal.h"

namespace portreeve::config {

struct DumpHead {
  std::string gateway;
  std::string instance;
  bool connected = false;
  bool ready = false;
  std::uint64_t epoch = 0;
  std::string snapshot;
  std::vector<Refusal> refused;
  std::vector<std::string> listening;
};

// Certificates show their key and version, and "[redacted]".
std::string DumpConfig(const DumpHead& head, const ConfigStore::Resources& resources);

}  // namespace portreeve::config
