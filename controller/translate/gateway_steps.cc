// Steps 1 and 2: GatewayClasses, Gateways, listeners, certificates.
#include <algorithm>
#include <optional>
#include <utility>

#include "controller/translate/changes.h"
#include "controller/translate/gateway_classes.h"
#include "controller/translate/steps.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::DataPlaneConfig;
using gatewayapi::Gateway;
using gatewayapi::GatewayClass;
using gatewayapi::NamespacedName;
using gatewayapi::ReferenceGrant;
using gatewayapi::Secret;
using store::ClusterState;
using store::Versioned;

// A Gateway of ours, and why nothing of it is served.
struct Candidate {
  const Versioned<Gateway>* gateway = nullptr;
  std::optional<Objection> refused;
};

bool SomethingChanged(const ClusterState& state, const Memo& memo) {
  if (&state.All<Gateway>() != &memo.last.All<Gateway>()) return true;
  if (&state.All<GatewayClass>() != &memo.last.All<GatewayClass>()) return true;
  if (&state.All<ReferenceGrant>() != &memo.last.All<ReferenceGrant>()) return true;
  if (&state.All<DataPlaneConfig>() != &memo.last.All<DataPlaneConfig>()) return true;
  return std::ranges::any_of(ChangesOf<Secret>(memo.last, state),
                             [&](const Change<Secret>& change) { return memo.secrets.contains(change.name()); });
}

std::vector<Candidate> FindOurs(const ClusterState& state, bool addresses) {
  std::vector<Candidate> ours;
  for (const Versioned<Gateway>& gateway : state.All<Gateway>()) {
    const auto* gateway_class = state.Find<GatewayClass>("", gateway->spec.gateway_class_name);
    if (gateway_class == nullptr || !IsOurs(**gateway_class)) continue;
    ours.push_back(
        {&gateway, ObjectionToGateway(state, *gateway, ObjectionToClass(state, **gateway_class), addresses)});
  }
  return ours;
}

// Gateways that are served from one place are judged together, all others alone.
std::map<NamespacedName, GatewayConflicts> ConflictsOf(const std::vector<Candidate>& ours, bool one_data_plane) {
  std::map<NamespacedName, GatewayConflicts> conflicts;
  std::vector<const Gateway*> together;
  for (const Candidate& candidate : ours) {
    const Gateway* gateway = candidate.gateway->object.get();
    if (one_data_plane && !candidate.refused.has_value()) {
      together.push_back(gateway);
    } else {
      conflicts.merge(FindConflicts({&gateway, 1}));
    }
  }
  conflicts.merge(FindConflicts(together));
  return conflicts;
}

bool AttachAlike(const JudgedGateway& a, const JudgedGateway& b) {
  return std::ranges::equal(a.listeners, b.listeners, {}, &JudgedListener::model, &JudgedListener::model);
}

void MarkRoutesOf(const NamespacedName& gateway, Memo& memo) {
  auto it = memo.routes_by_gateway.find(gateway);
  if (it != memo.routes_by_gateway.end()) memo.dirty_routes.insert(it->second.begin(), it->second.end());
}

// The resources that the Gateway itself brings.
void UpdateOutput(const JudgedGateway& gateway, GatewayOutput* output) {
  std::set<std::string> own;
  auto put = [&](const ResourcePtr& resource) {
    own.insert(resource->key());
    PutResource(&output->resources, resource);
  };
  for (const JudgedListener& listener : gateway.listeners) {
    if (listener.resource != nullptr) put(listener.resource);
  }
  for (const auto& [key, certificate] : gateway.certificates) put(certificate);
  for (const std::string& key : output->own) {
    if (!own.contains(key)) output->resources.erase(key);
  }
  output->own = std::move(own);
  output->stale = true;
}

}  // namespace

void UpdateClasses(const ClusterState& state, Memo& memo) {
  const bool configs_same = &state.All<DataPlaneConfig>() == &memo.last.All<DataPlaneConfig>();
  const bool version_same = memo.version_problem == memo.last_version_problem;
  std::map<std::string, ClassEntry> classes;
  for (const Versioned<GatewayClass>& gateway_class : state.All<GatewayClass>()) {
    if (!IsOurs(*gateway_class)) continue;
    const std::string& name = gateway_class->metadata.name;
    auto before = memo.classes.find(name);
    const bool same = configs_same && version_same && before != memo.classes.end() &&
                      before->second.gateway_class == gateway_class.object;
    classes[name] = same ? before->second
                         : ClassEntry{gateway_class.object, StatusOfClass(state, *gateway_class, memo.options.addresses,
                                                                          memo.version_problem)};
  }
  memo.last_version_problem = memo.version_problem;
  memo.classes = std::move(classes);
}

void UpdateGateways(const ClusterState& state, Memo& memo) {
  if (!SomethingChanged(state, memo)) return;
  const std::vector<Candidate> ours = FindOurs(state, memo.options.addresses);
  const std::map<NamespacedName, GatewayConflicts> conflicts = ConflictsOf(ours, memo.options.one_data_plane);
  const size_t reads = memo.certificates.reads();
  Gateways judged;
  memo.secrets.clear();
  for (const Candidate& candidate : ours) {
    const NamespacedName name = gatewayapi::NameOf((*candidate.gateway)->metadata);
    const GatewayContext context{state, conflicts.at(name), candidate.refused, memo.certificates};
    JudgedGateway& gateway = judged[name];
    gateway = JudgeGateway(context, *candidate.gateway);
    std::ranges::copy(SecretsOf(*gateway.object), std::inserter(memo.secrets, memo.secrets.end()));
    UpdateOutput(gateway, &memo.outputs[name]);
    auto before = memo.gateways.find(name);
    if (before == memo.gateways.end() || !AttachAlike(before->second, gateway)) MarkRoutesOf(name, memo);
  }
  for (const auto& [name, gateway] : memo.gateways) {
    if (!judged.contains(name)) MarkRoutesOf(name, memo);
  }
  memo.certificates.Sweep();
  memo.work.gateways = judged.size();
  memo.work.certificates = memo.certificates.reads() - reads;
  memo.gateways = std::move(judged);
}

}  // namespace portreeve::translate
