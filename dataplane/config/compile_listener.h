// v1::Listener, checked.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace portreeve::config::v1 {
class Listener;
}

namespace portreeve::config {

struct CompiledListener {
  std::string name;
  std::uint16_t port = 0;
  bool tls = false;
  std::string hostname;
  // Keys.
  std::vector<std::string> certificates;
};

absl::StatusOr<CompiledListener> CompileListener(const v1::Listener& listener);

}  // namespace portreeve::config
