#include "controller/provision/effective_config.h"

#include <string>
#include <string_view>

namespace portreeve::provision {
namespace {

using gatewayapi::DataPlaneConfig;
using Spec = DataPlaneConfig::Spec;

template <typename T>
void Take(const std::optional<T>& under, std::optional<T>* out) {
  if (!out->has_value()) *out = under;
}

template <typename T>
void TakeIfEmpty(const T& under, T* out) {
  if (out->empty()) *out = under;
}

const Spec* Find(const store::ClusterState& state, std::string_view group, std::string_view kind, std::string_view ns,
                 std::string_view name) {
  if (group != gatewayapi::kPortreeveGroup || kind != gatewayapi::ToString(gatewayapi::Kind::kDataPlaneConfig)) {
    return nullptr;
  }
  const auto* config = state.Find<DataPlaneConfig>(ns, name);
  return config == nullptr ? nullptr : &(*config)->spec;
}

}  // namespace

Spec Merge(const Spec& over, const Spec& under) {
  Spec merged = over;
  if (!over.replicas.has_value() && !over.autoscaling.has_value()) {
    merged.replicas = under.replicas;
    merged.autoscaling = under.autoscaling;
  }
  Take(under.resources, &merged.resources);
  Take(under.service, &merged.service);
  TakeIfEmpty(under.node_selector, &merged.node_selector);
  TakeIfEmpty(under.tolerations, &merged.tolerations);
  TakeIfEmpty(under.affinity, &merged.affinity);
  Take(under.priority_class_name, &merged.priority_class_name);
  TakeIfEmpty(under.image_pull_secrets, &merged.image_pull_secrets);
  Take(under.log_level, &merged.log_level);
  Take(under.access_log, &merged.access_log);
  Take(under.workers, &merged.workers);
  Take(under.drain_seconds, &merged.drain_seconds);
  TakeIfEmpty(under.trusted_proxies, &merged.trusted_proxies);
  return merged;
}

std::optional<Spec> EffectiveConfig(const store::ClusterState& state, const gatewayapi::Gateway& gateway) {
  Spec config;
  const auto* gateway_class = state.Find<gatewayapi::GatewayClass>("", gateway.spec.gateway_class_name);
  if (gateway_class == nullptr) return std::nullopt;
  if (const auto& ref = (*gateway_class)->spec.parameters_ref) {
    const Spec* found = Find(state, ref->group, ref->kind, ref->namespace_.value_or(""), ref->name);
    if (found == nullptr) return std::nullopt;
    config = *found;
  }
  if (gateway.spec.infrastructure.has_value() && gateway.spec.infrastructure->parameters_ref.has_value()) {
    const gatewayapi::LocalObjectReference& ref = *gateway.spec.infrastructure->parameters_ref;
    const Spec* found = Find(state, ref.group, ref.kind, gateway.metadata.namespace_, ref.name);
    if (found == nullptr) return std::nullopt;
    config = Merge(*found, config);
  }
  return config;
}

}  // namespace portreeve::provision
