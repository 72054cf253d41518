// From the cluster to what data planes are configured with, and to what the objects' authors are told.
#pragma once

#include <absl/container/btree_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/types.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/resource_map.h"
#include "controller/translate/unclaimed.h"

namespace portreeve::translate {

inline constexpr std::string_view kDefaultControllerName = "portreeve.dev/controller";

// The spec.controllerName of the GatewayClasses that this process serves, and its name in the statuses of routes.
std::string_view ControllerName();
// A domain and a path. Once at most, before anything else here is called.
void SetControllerName(std::string name);

// The whole status that an object should have: ours, with foreign entries and conditions as they are stored.
struct ObjectStatus {
  gatewayapi::ObjectKey key;
  std::int64_t generation = 0;
  // One of them, by the kind of `key`.
  std::shared_ptr<const gatewayapi::GatewayClass::Status> gateway_class;
  std::shared_ptr<const gatewayapi::GatewayStatus> gateway;
  std::shared_ptr<const gatewayapi::HTTPRoute::Status> route;
};

// Of the same generation, and the same pointers.
bool SameStatus(const ObjectStatus& a, const ObjectStatus& b);

struct KeyOfStatus {
  const gatewayapi::ObjectKey& operator()(const ObjectStatus& status) const { return status.key; }
};
using StatusSet = store::ChunkedSet<ObjectStatus, KeyOfStatus>;

struct TranslatorOptions {
  // Endpoints on loopback and link-local addresses are configured. Standalone they are the usual thing; in a cluster
  // they lead to the node and to metadata services, whoever wrote the EndpointSlice.
  bool allow_loopback_endpoints = true;
  // One data plane serves all Gateways, as standalone: listeners of different Gateways must be distinct, too, and a
  // rule is one resource with its listeners of all Gateways. Otherwise each Gateway is told of its own listeners only.
  bool one_data_plane = true;
  // spec.addresses may ask for IP addresses: somebody provisions them, and says which a Gateway has got.
  bool addresses = false;
};

// In a cluster: a data plane for each Gateway, provisioned by us.
inline constexpr TranslatorOptions kInCluster{
    .allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true};

struct Translation {
  // By "NS/NAME" of the Gateway. A Gateway that serves nothing has an empty map.
  absl::btree_map<std::string, ResourceMap> gateways;
  // Of all objects that are ours to judge. lastTransitionTime is left empty: the writer knows it.
  StatusSet statuses;
  // See Unclaimed; sorted by key.
  std::vector<Unclaimed> unclaimed;
  // Secrets that Gateways of ours name, there or not: all that has to be read.
  std::set<gatewayapi::NamespacedName> secrets;
};

struct Memo;

// Pure and deterministic: the same state gives the same bytes, in whatever order its objects came. A full rebuild in
// meaning; inside, results are kept for as long as what they were made from stays the same, so that the cost of a
// change follows its size. One thread.
class Translator {
 public:
  explicit Translator(TranslatorOptions options = {});
  ~Translator();
  Translator(const Translator&) = delete;
  Translator& operator=(const Translator&) = delete;

  // Why the Gateway API's CRDs aren't of a version that this release knows; empty, as at first, if they are. Shows in
  // the statuses of GatewayClasses from the next translation on.
  void SetVersionProblem(std::string problem);

  Translation Translate(const store::ClusterState& state);

  // What the last call had to make anew, for tests and metrics.
  struct Work {
    std::size_t gateways = 0;
    std::size_t routes = 0;
    std::size_t endpoints = 0;
    std::size_t certificates = 0;
  };
  const Work& work() const;

 private:
  std::unique_ptr<Memo> memo_;
};

}  // namespace portreeve::translate
