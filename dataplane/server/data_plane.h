// The data plane as a whole: workers, listeners, configuration, admin port.
#pragma once

#include <absl/status/statusor.h>

#include <memory>

#include "dataplane/server/options.h"

namespace portreeve::server {

// Any thread.
class DataPlane {
 public:
  // Starts everything. Errors name the option and the remedy.
  static absl::StatusOr<std::unique_ptr<DataPlane>> Start(Options options);
  // Stops now, if nothing did before.
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // Not ready from now on; answers what is in hand, accepts till the last moment, then Wait returns. After
  // limits.drain_ms what is left is cut.
  void Drain();
  // Cuts everything; Wait returns soon.
  void Stop();
  // Until drained or stopped.
  void Wait();

  // A complete snapshot is installed and no drain has begun.
  bool ready() const;
  int admin_port() const;

 private:
  struct State;
  explicit DataPlane(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace portreeve::server
