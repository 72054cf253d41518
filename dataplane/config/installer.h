// Where a compiled configuration goes to work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/config/runtime_config.h"

namespace portreeve::config {

// A listener that could not be opened: "port 8080 is in use".
struct ListenFailure {
  // Key of the listener resource.
  std::string listener;
  std::string message;
};

struct InstallResult {
  // Keys of the listeners that accept connections now.
  std::vector<std::string> listening;
  std::vector<ListenFailure> failures;
};

// Implemented by server::ListenerManager; a fake in tests.
class Installer {
 public:
  virtual ~Installer() = default;

  // Hands the configuration to every worker and opens, moves or drains listeners. Returns when all workers run it.
  // Called from one thread only, never a worker's. A listener that can't be opened hurts no other one, and is tried
  // again with the next install.
  virtual InstallResult Install(std::shared_ptr<const RuntimeConfig> config) = 0;
};

}  // namespace portreeve::config
