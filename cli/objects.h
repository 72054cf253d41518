// Where commands take objects from, a folder or a cluster, and what follows from them.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "controller/gatewayapi/problem.h"
#include "controller/kube/api_client.h"
#include "controller/source/source.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/translator.h"

namespace portreeve::cli {

struct ClusterAccess {
  // Empty: $KUBECONFIG, the pod's own account, ~/.kube/config.
  std::string kubeconfig;
  // Namespaced objects of these only; empty: of all.
  std::vector<std::string> namespaces;
  // For all that is read.
  std::chrono::milliseconds timeout{30'000};
};

// One of the two.
struct ObjectsFrom {
  std::string folder;
  bool cluster = false;
  ClusterAccess access;
};

struct Objects {
  std::shared_ptr<const store::ClusterState> state;
  translate::Translation translation;
  // Of the objects' texts.
  std::vector<gatewayapi::Problem> problems;
  // Kinds that this user may not read, with the reason: what refers to their objects is judged as if there were none.
  std::vector<std::string> unread;
  // Knows where objects stand. Null for a cluster.
  std::shared_ptr<const source::Source> folder;
};

// For one data plane that serves all Gateways of the folder, as `portreeve run` has it, or for one for each Gateway, as
// in a cluster.
absl::StatusOr<Objects> ReadFolder(const std::string& folder, bool one_data_plane = true);

// Everything is read once; nothing is written. An error names what couldn't be read, and why.
absl::StatusOr<Objects> ReadCluster(std::unique_ptr<kube::ApiClient> client, const ClusterAccess& access);

// A client for the API server that the kubeconfig names.
absl::StatusOr<std::unique_ptr<kube::ApiClient>> Connect(const ClusterAccess& access);

absl::StatusOr<Objects> ReadObjects(const ObjectsFrom& from, bool one_data_plane = true);

}  // namespace portreeve::cli
