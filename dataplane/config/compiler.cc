#include "dataplane/config/compiler.h"

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/config/backend_table.h"
#include "dataplane/config/compile_certificate.h"
#include "dataplane/config/compile_listener.h"
#include "dataplane/config/compile_rule.h"
#include "dataplane/config/listener_table.h"
#include "dataplane/config/route_index.h"
#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

// In the order of compiling: what is referred to comes first.
constexpr std::array<v1::Resource::ContentCase, 5> kKinds = {v1::Resource::kCertificate, v1::Resource::kEndpoints,
                                                             v1::Resource::kBackend, v1::Resource::kListener,
                                                             v1::Resource::kRule};

std::string_view PrefixOf(v1::Resource::ContentCase kind) {
  switch (kind) {
    case v1::Resource::kListener:
      return "listener/";
    case v1::Resource::kRule:
      return "rule/";
    case v1::Resource::kBackend:
      return "backend/";
    case v1::Resource::kEndpoints:
      return "endpoints/";
    case v1::Resource::kCertificate:
      return "certificate/";
    default:
      return "";
  }
}

v1::Resource::ContentCase KindOf(std::string_view key) {
  for (const auto kind : kKinds) {
    if (key.starts_with(PrefixOf(kind))) return kind;
  }
  return v1::Resource::CONTENT_NOT_SET;
}

absl::Status CheckResource(const v1::Resource& resource) {
  if (resource.content_case() == v1::Resource::CONTENT_NOT_SET) {
    return absl::InvalidArgumentError("a kind of resource that this data plane doesn't know; upgrade it");
  }
  if (KindOf(resource.key()) != resource.content_case()) {
    return absl::InvalidArgumentError("the key belongs to another kind of resource");
  }
  if (resource.version().empty()) return filter::FieldError("version", "empty");
  return absl::OkStatus();
}

}  // namespace

struct ConfigCompiler::State {
  void Remove(const std::string& key);
  void RemoveRule(const std::string& key);
  void Put(const v1::Resource& resource, CompileResult& result);
  absl::Status Compile(const v1::Resource& resource);
  absl::Status CompileRuleOf(const v1::Resource& resource);
  void SettleListeners(CompileResult& result);
  void ResolveBackends();
  void Build(const std::string& target);
  std::shared_ptr<const Listener> MakeListener(const std::string& key, const CompiledListener& compiled,
                                               std::uint32_t metrics_index) const;
  std::vector<std::string> KeysNotIn(const v1::Delta& delta) const;
  std::uint32_t LookUp(const std::string& key) const { return backends.IndexOf(key); }

  std::string snapshot;
  std::uint64_t epoch = 0;
  std::shared_ptr<const RuntimeConfig> config;
  // Of all resources in force.
  absl::flat_hash_map<std::string, std::string> versions;
  absl::btree_map<std::string, Refusal> refused;

  absl::flat_hash_map<std::string, std::shared_ptr<const tls::Certificate>> certificates;
  absl::flat_hash_set<std::string> touched_certificates;
  BackendTable backends;
  ListenerTable listeners;
  RouteIndex routes;
  // Rules by the key of a backend that they refer to and that isn't there.
  absl::flat_hash_map<std::string, absl::btree_set<std::string>> dangling;
};

ConfigCompiler::ConfigCompiler() : state_(std::make_unique<State>()) {}
ConfigCompiler::~ConfigCompiler() = default;

CompileResult ConfigCompiler::Apply(const v1::Delta& delta) {
  State& state = *state_;
  CompileResult result;
  const bool full = delta.base().empty();
  if (delta.epoch() < state.epoch) {
    result.outcome = CompileResult::Outcome::kStaleEpoch;
  } else if (!full && delta.base() != state.snapshot) {
    result.outcome = CompileResult::Outcome::kMismatch;
  } else {
    state.epoch = delta.epoch();
    result.gone.assign(delta.removed().begin(), delta.removed().end());
    if (full) result.gone = state.KeysNotIn(delta);
    for (const std::string& key : result.gone) state.Remove(key);
    for (const auto kind : kKinds) {
      for (const v1::Resource& resource : delta.changed()) {
        if (resource.content_case() == kind) state.Put(resource, result);
      }
    }
    for (const v1::Resource& resource : delta.changed()) {
      if (resource.content_case() == v1::Resource::CONTENT_NOT_SET) state.Put(resource, result);
    }
    state.SettleListeners(result);
    const bool changed = !delta.changed().empty() || !result.gone.empty() || delta.target() != state.snapshot;
    if (changed || state.config == nullptr) state.Build(delta.target());
  }
  result.config = state.config;
  for (const auto& [key, refusal] : state.refused) result.refused.push_back(refusal);
  return result;
}

std::vector<std::pair<std::string, std::string>> ConfigCompiler::Held() const {
  return {state_->versions.begin(), state_->versions.end()};
}

const std::string& ConfigCompiler::snapshot() const {
  return state_->snapshot;
}

std::uint64_t ConfigCompiler::epoch() const {
  return state_->epoch;
}

Refusal ConfigCompiler::RefusalOfListener(const std::string& key, std::string message) const {
  Refusal refusal{key, "", "", "port", std::move(message)};
  if (const ListenerTable::Version* listener = state_->listeners.Find(key)) {
    refusal.version = listener->version;
    refusal.origin = listener->origin;
  }
  return refusal;
}

std::vector<std::string> ConfigCompiler::State::KeysNotIn(const v1::Delta& delta) const {
  absl::flat_hash_set<std::string_view> kept;
  for (const v1::Resource& resource : delta.changed()) kept.insert(resource.key());
  std::vector<std::string> gone;
  for (const auto& [key, version] : versions) {
    if (!kept.contains(key)) gone.push_back(key);
  }
  for (const auto& [key, refusal] : refused) {
    if (!kept.contains(key) && !versions.contains(key)) gone.push_back(key);
  }
  std::ranges::sort(gone);
  return gone;
}

void ConfigCompiler::State::Remove(const std::string& key) {
  refused.erase(key);
  versions.erase(key);
  switch (KindOf(key)) {
    case v1::Resource::kListener:
      return listeners.Remove(key);
    case v1::Resource::kRule:
      return RemoveRule(key);
    case v1::Resource::kBackend:
      return backends.RemoveBackend(key);
    case v1::Resource::kEndpoints:
      return backends.RemoveEndpoints(key);
    case v1::Resource::kCertificate:
      if (certificates.erase(key) > 0) touched_certificates.insert(key);
      return;
    default:
      return;
  }
}

void ConfigCompiler::State::RemoveRule(const std::string& key) {
  const CompiledRule* rule = routes.Find(key);
  if (rule == nullptr) return;
  for (const std::string& backend : rule->backend_keys) {
    const auto found = dangling.find(backend);
    if (found == dangling.end()) continue;
    found->second.erase(key);
    if (found->second.empty()) dangling.erase(found);
  }
  routes.Remove(key);
}

void ConfigCompiler::State::Put(const v1::Resource& resource, CompileResult& result) {
  const std::string& key = resource.key();
  const bool is_refused = refused.contains(key);
  if (const auto held = versions.find(key);
      !is_refused && held != versions.end() && held->second == resource.version()) {
    return;
  }
  absl::Status status = CheckResource(resource);
  if (status.ok()) status = Compile(resource);
  if (!status.ok()) {
    refused.insert_or_assign(key, RefusalOf(key, resource.version(), resource.origin(), status));
    return;
  }
  refused.erase(key);
  // Whether a listener comes into force is decided when all are known.
  if (resource.has_listener()) return;
  versions[key] = resource.version();
  result.in_force.emplace_back(key, resource.SerializeAsString());
}

absl::Status ConfigCompiler::State::Compile(const v1::Resource& resource) {
  const std::string& key = resource.key();
  switch (resource.content_case()) {
    case v1::Resource::kCertificate: {
      auto compiled = CompileCertificate(resource.certificate());
      if (!compiled.ok()) return compiled.status();
      certificates.insert_or_assign(key, *std::move(compiled));
      touched_certificates.insert(key);
      return absl::OkStatus();
    }
    case v1::Resource::kEndpoints: {
      auto compiled = CompileEndpoints(resource.endpoints());
      if (!compiled.ok()) return compiled.status();
      backends.PutEndpoints(key, *std::move(compiled));
      return absl::OkStatus();
    }
    case v1::Resource::kBackend: {
      auto compiled = CompileBackend(resource.backend());
      if (!compiled.ok()) return compiled.status();
      backends.PutBackend(key, *std::move(compiled));
      return absl::OkStatus();
    }
    case v1::Resource::kListener: {
      auto compiled = CompileListener(resource.listener());
      if (!compiled.ok()) return compiled.status();
      listeners.Put(key, {*std::move(compiled), resource.version(), resource.origin(), resource.SerializeAsString()});
      return absl::OkStatus();
    }
    default:
      return CompileRuleOf(resource);
  }
}

absl::Status ConfigCompiler::State::CompileRuleOf(const v1::Resource& resource) {
  const auto lookup = [this](const std::string& key) { return LookUp(key); };
  absl::StatusOr<CompiledRule> compiled = CompileRule(resource.rule(), lookup);
  if (!compiled.ok()) return compiled.status();
  RemoveRule(resource.key());
  for (const std::string& backend : compiled->backend_keys) {
    if (!backend.empty() && lookup(backend) == WeightedBackend::kUnresolved) {
      dangling[backend].insert(resource.key());
    }
  }
  routes.Put(resource.key(), *std::move(compiled));
  return absl::OkStatus();
}

void ConfigCompiler::State::SettleListeners(CompileResult& result) {
  ListenerTable::Outcome outcome = listeners.Settle();
  for (const std::string& key : outcome.in_force) {
    const ListenerTable::Version& listener = *listeners.Find(key);
    refused.erase(key);
    versions[key] = listener.version;
    result.in_force.emplace_back(key, listener.bytes);
  }
  for (Refusal& refusal : outcome.conflicts) {
    std::string key = refusal.key;
    if (listeners.Find(key) == nullptr && versions.erase(key) > 0) result.gone.push_back(key);
    refused.insert_or_assign(std::move(key), std::move(refusal));
  }
}

// Rules whose backends have come, and, which a controller of sound mind doesn't do, gone without them.
void ConfigCompiler::State::ResolveBackends() {
  const auto lookup = [this](const std::string& key) { return LookUp(key); };
  for (const std::string& backend : backends.TakeAppeared()) {
    const auto waiting = dangling.extract(backend);
    if (waiting.empty()) continue;
    for (const std::string& rule : waiting.mapped()) routes.SetRule(rule, Resolve(*routes.Find(rule), lookup));
  }
  const absl::flat_hash_set<std::string> vanished = backends.TakeVanished();
  if (vanished.empty()) return;
  std::vector<std::string> orphans;
  routes.ForEach([&](const std::string& key, const CompiledRule& rule) {
    for (const std::string& backend : rule.backend_keys) {
      if (!vanished.contains(backend)) continue;
      dangling[backend].insert(key);
      orphans.push_back(key);
    }
  });
  for (const std::string& rule : orphans) routes.SetRule(rule, Resolve(*routes.Find(rule), lookup));
}

void ConfigCompiler::State::Build(const std::string& target) {
  ResolveBackends();
  for (const std::string& listener : routes.Rebuild()) listeners.Invalidate(listener);
  if (!touched_certificates.empty()) {
    std::vector<std::string> users;
    listeners.ForEach([&](const std::string& key, const ListenerTable::Version& listener) {
      const bool uses = std::ranges::any_of(listener.compiled.certificates, [&](const std::string& certificate) {
        return touched_certificates.contains(certificate);
      });
      if (uses) users.push_back(key);
    });
    for (const std::string& listener : users) listeners.Invalidate(listener);
    touched_certificates.clear();
  }
  auto next = std::make_shared<RuntimeConfig>();
  next->version = target;
  next->ports = listeners.Build([this](const std::string& key, const CompiledListener& compiled, std::uint32_t index) {
    return MakeListener(key, compiled, index);
  });
  next->backends = backends.Build();
  config = std::move(next);
  snapshot = target;
}

std::shared_ptr<const Listener> ConfigCompiler::State::MakeListener(const std::string& key,
                                                                    const CompiledListener& compiled,
                                                                    std::uint32_t metrics_index) const {
  auto listener = std::make_shared<Listener>();
  listener->key = key;
  listener->name = compiled.name;
  listener->port = compiled.port;
  listener->tls = compiled.tls;
  listener->hostname = compiled.hostname;
  for (const std::string& certificate : compiled.certificates) {
    const auto found = certificates.find(certificate);
    if (found != certificates.end()) listener->certificates.push_back(found->second);
  }
  listener->routes = routes.TableOf(key);
  listener->metrics_index = metrics_index;
  return listener;
}

}  // namespace portreeve::config
