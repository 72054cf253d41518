// v1::Backend and v1::Endpoints, checked. What runs is made from one of each.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/upstream/backend.h"

namespace portreeve::config::v1 {
class Backend;
class Endpoints;
}  // namespace portreeve::config::v1

namespace portreeve::config {

struct CompiledBackend {
  std::string name;
  // Key of its endpoints.
  std::string endpoints;
  upstream::Balancing balancing = upstream::Balancing::kRoundRobin;
  std::chrono::milliseconds connect_timeout{0};
};

// Those to use: the ready ones, or those that drain where there is none.
using CompiledEndpoints = std::vector<upstream::Endpoint>;

absl::StatusOr<CompiledBackend> CompileBackend(const v1::Backend& backend);
absl::StatusOr<CompiledEndpoints> CompileEndpoints(const v1::Endpoints& endpoints);

// `endpoints` null: they aren't there yet, so none is ready.
std::shared_ptr<const upstream::Backend> MakeBackend(const CompiledBackend& backend,
                                                     const CompiledEndpoints* endpoints);

// The same with other endpoints.
std::shared_ptr<const upstream::Backend> WithEndpoints(const upstream::Backend& backend,
                                                       const CompiledEndpoints* endpoints);

}  // namespace portreeve::config
