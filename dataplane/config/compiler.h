// From deltas to what is run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/config/refusal.h"
#include "dataplane/config/runtime_config.h"

namespace portreeve::config::v1 {
class Delta;
}

namespace portreeve::config {

struct CompileResult {
  enum class Outcome {
    // Everything of the delta is in `config`, but for what is refused.
    kApplied,
    // Not what this delta starts from; nothing has changed.
    kMismatch,
    // Of a controller that has been replaced; nothing has changed.
    kStaleEpoch,
  };
  Outcome outcome = Outcome::kApplied;
  // What is to be run now; the same pointer as before when the delta changed nothing.
  std::shared_ptr<const RuntimeConfig> config;
  // All that is refused as things stand, whichever delta it came with. Sorted by key.
  std::vector<Refusal> refused;
  // What came into force with this delta, serialised v1::Resource by key; and what went.
  std::vector<std::pair<std::string, std::string>> in_force;
  std::vector<std::string> gone;
};

// Keeps what it has compiled by key, so that a delta costs its own size: touched hosts, backends and listeners are
// built again, all others are shared with the configuration before. A resource that can't be compiled is refused and
// its last good version stays; everything else goes on. One thread.
class ConfigCompiler {
 public:
  ConfigCompiler();
  ~ConfigCompiler();
  ConfigCompiler(const ConfigCompiler&) = delete;
  ConfigCompiler& operator=(const ConfigCompiler&) = delete;

  CompileResult Apply(const v1::Delta& delta);

  // Key and version of all that is in force.
  std::vector<std::pair<std::string, std::string>> Held() const;
  // Target of the last delta applied; empty: none yet.
  const std::string& snapshot() const;
  // Highest seen.
  std::uint64_t epoch() const;
  // Key, version and origin, for failures found later than by compiling.
  Refusal RefusalOfListener(const std::string& key, std::string message) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace portreeve::config
