// Steps 3 to 5: what is dirty, routes, backends.
#include <algorithm>
#include <utility>

#include "controller/store/resource_store.h"
#include "controller/translate/backends.h"
#include "controller/translate/changes.h"
#include "controller/translate/endpoints.h"
#include "controller/translate/statuses.h"
#include "controller/translate/steps.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::EndpointSlice;
using gatewayapi::HTTPRoute;
using gatewayapi::Namespace;
using gatewayapi::NamespacedName;
using gatewayapi::ReferenceGrant;
using gatewayapi::RouteParentStatus;
using gatewayapi::Service;
using store::ClusterState;
using store::Versioned;

void MarkRoutesInNamespace(const std::string& namespace_, Memo& memo) {
  for (auto it = memo.routes.lower_bound({namespace_, ""}); it != memo.routes.end(); ++it) {
    if (it->first.namespace_ != namespace_) break;
    memo.dirty_routes.insert(it->first);
  }
}

void MarkRoutesOfService(const NamespacedName& service, Memo& memo) {
  auto it = memo.routes_by_service.find(service);
  if (it != memo.routes_by_service.end()) memo.dirty_routes.insert(it->second.begin(), it->second.end());
}

// Those that name a Service there from elsewhere.
void MarkRoutesInto(const std::string& namespace_, Memo& memo) {
  for (auto it = memo.routes_by_service.lower_bound({namespace_, ""}); it != memo.routes_by_service.end(); ++it) {
    if (it->first.namespace_ != namespace_) break;
    for (const NamespacedName& route : it->second) {
      if (route.namespace_ != namespace_) memo.dirty_routes.insert(route);
    }
  }
}

void MarkBackendsOf(const std::string& namespace_, std::string_view service, Memo& memo) {
  for (auto it = memo.backends.lower_bound({namespace_, std::string(service), 0}); it != memo.backends.end(); ++it) {
    if (it->first.namespace_ != namespace_ || it->first.service != service) break;
    memo.dirty_backends.insert(it->first);
  }
}

// The same route for a translation: only what is stored of its status, or what nobody reads, differs.
bool OnlyStatusDiffers(const HTTPRoute& a, const HTTPRoute& b) {
  return a.metadata.generation == b.metadata.generation &&
         a.metadata.creation_timestamp == b.metadata.creation_timestamp && a.spec == b.spec;
}

// Our own entries of a merged status, as they were before they were merged.
std::vector<RouteParentStatus> OwnParents(const HTTPRoute& route, const std::vector<RouteParentStatus>& merged) {
  std::vector<RouteParentStatus> own;
  for (const gatewayapi::ParentReference& ref : route.spec.parent_refs) {
    if (std::ranges::find(own, ref, &RouteParentStatus::parent_ref) != own.end()) continue;
    auto it = std::ranges::find_if(merged, [&](const RouteParentStatus& entry) {
      return entry.controller_name == ControllerName() && entry.parent_ref == ref;
    });
    if (it == merged.end()) continue;
    own.push_back(*it);
    std::erase_if(own.back().conditions, [](const gatewayapi::Condition& condition) {
      return std::ranges::find(kOwnOfRoute, condition.type) == kOwnOfRoute.end();
    });
  }
  return own;
}

// Null for a route that we have no word on, and had none.
std::shared_ptr<const gatewayapi::HTTPRoute::Status> StatusOfRoute(const HTTPRoute& route,
                                                                   const std::vector<RouteParentStatus>& own) {
  const auto& stored = route.status.parents;
  const bool had_ours =
      std::ranges::find(stored, ControllerName(), &RouteParentStatus::controller_name) != stored.end();
  if (own.empty() && !had_ours) return nullptr;
  auto status = std::make_shared<gatewayapi::HTTPRoute::Status>();
  status->parents = MergeParents(stored, own);
  return status;
}

// Leaves the rules that stayed the same as the pointers that they were.
void KeepSameRules(const TranslatedRoute& before, TranslatedRoute* after) {
  for (auto& [gateway, rules] : after->rules) {
    auto old_rules = before.rules.find(gateway);
    if (old_rules == before.rules.end()) continue;
    for (ResourcePtr& rule : rules) {
      auto it =
          std::ranges::find_if(old_rules->second, [&](const ResourcePtr& old) { return SameResource(old, rule); });
      if (it != old_rules->second.end()) rule = *it;
    }
  }
}

void Unindex(const NamespacedName& key, const NamespacedName& route, RouteIndex* index) {
  auto it = index->find(key);
  if (it == index->end()) return;
  it->second.erase(route);
  if (it->second.empty()) index->erase(it);
}

// Takes away what a route has put into the outputs, but for resources that `after` puts there again.
void Withdraw(const TranslatedRoute& before, const TranslatedRoute& after, Memo& memo) {
  for (const auto& [gateway, rules] : before.rules) {
    GatewayOutput& output = memo.outputs.at(gateway);
    auto again = after.rules.find(gateway);
    for (const ResourcePtr& rule : rules) {
      const bool stays = again != after.rules.end() && std::ranges::any_of(again->second, [&](const ResourcePtr& next) {
                           return next->key() == rule->key();
                         });
      if (!stays) output.resources.erase(rule->key());
    }
    for (const BackendName& backend : before.backends) {
      if (--memo.backends.at(backend).users.at(gateway) == 0) memo.moved_backends.insert(backend);
    }
  }
  for (const auto& [gateway, listener] : before.attached) {
    GatewayOutput& output = memo.outputs.at(gateway);
    if (--output.attached.at(listener) == 0) output.attached.erase(listener);
    output.stale = true;
  }
}

void Contribute(const TranslatedRoute& after, Memo& memo) {
  for (const auto& [gateway, rules] : after.rules) {
    GatewayOutput& output = memo.outputs.at(gateway);
    for (const ResourcePtr& rule : rules) PutResource(&output.resources, rule);
    for (const BackendName& backend : after.backends) {
      if (++memo.backends[backend].users[gateway] == 1) memo.moved_backends.insert(backend);
    }
  }
  for (const auto& [gateway, listener] : after.attached) {
    GatewayOutput& output = memo.outputs.at(gateway);
    ++output.attached[listener];
    output.stale = true;
  }
}

void TellRoute(const NamespacedName& name, const RouteEntry& entry, Memo& memo) {
  ObjectStatus status;
  status.key = {gatewayapi::Kind::kHTTPRoute, name.namespace_, name.name};
  if (entry.status == nullptr) {
    memo.statuses.erase(status.key);
    return;
  }
  status.generation = entry.route->metadata.generation;
  status.route = entry.status;
  PutStatus(std::move(status), memo);
}

void UpdateRoute(const ClusterState& state, const NamespacedName& name, Memo& memo) {
  const Versioned<HTTPRoute>* route = state.Find<HTTPRoute>(name.namespace_, name.name);
  RouteEntry& entry = memo.routes[name];
  if (entry.route != nullptr) {
    for (const NamespacedName& gateway : GatewaysNamedBy(*entry.route)) Unindex(gateway, name, &memo.routes_by_gateway);
    for (const NamespacedName& service : ServicesNamedBy(*entry.route)) Unindex(service, name, &memo.routes_by_service);
  }
  TranslatedRoute translated;
  if (route != nullptr) {
    translated = TranslateRoute(state, memo.gateways, memo.options, **route);
    KeepSameRules(entry.translated, &translated);
    for (const NamespacedName& gateway : GatewaysNamedBy(**route)) memo.routes_by_gateway[gateway].insert(name);
    for (const NamespacedName& service : ServicesNamedBy(**route)) memo.routes_by_service[service].insert(name);
    ++memo.work.routes;
  }
  Withdraw(entry.translated, translated, memo);
  Contribute(translated, memo);
  if (route == nullptr) {
    memo.statuses.erase({gatewayapi::Kind::kHTTPRoute, name.namespace_, name.name});
    memo.routes.erase(name);
    return;
  }
  entry.route = route->object;
  KeepSame(StatusOfRoute(**route, translated.parents), &entry.status);
  TellRoute(name, entry, memo);
  translated.parents.clear();
  entry.translated = std::move(translated);
}

// Brings one backend's resources to the outputs that use it, and takes them from those that no longer do.
void PlaceBackend(const BackendName& name, BackendEntry* entry, Memo& memo) {
  for (auto user = entry->users.begin(); user != entry->users.end();) {
    auto output = memo.outputs.find(user->first);  // its Gateway may be gone
    if (user->second > 0) {
      PutResource(&output->second.resources, entry->backend);
      PutResource(&output->second.resources, entry->endpoints);
      ++user;
      continue;
    }
    if (output != memo.outputs.end()) {
      output->second.resources.erase(BackendKey(name));
      output->second.resources.erase(EndpointsKey(name));
    }
    user = entry->users.erase(user);
  }
}

void MakeEntry(const ClusterState& state, const BackendName& name, BackendEntry* entry, Memo& memo) {
  // It is there: a route resolved it in this very state.
  const Service& service = **state.Find<Service>(name.namespace_, name.service);
  ResourcePtr backend = MakeBackend(name, service);
  ResourcePtr endpoints = MakeEndpoints(name, service, state.SlicesOf(name.namespace_, name.service),
                                        memo.options.allow_loopback_endpoints);
  if (!SameResource(entry->backend, backend)) entry->backend = std::move(backend);
  if (!SameResource(entry->endpoints, endpoints)) entry->endpoints = std::move(endpoints);
  ++memo.work.endpoints;
}

}  // namespace

void FindDirty(const ClusterState& state, Memo& memo) {
  for (const Change<HTTPRoute>& change : ChangesOf<HTTPRoute>(memo.last, state)) {
    const NamespacedName name = change.name();
    auto entry = memo.routes.find(name);
    if (change.before != nullptr && change.after != nullptr && entry != memo.routes.end() &&
        OnlyStatusDiffers(**change.before, **change.after)) {
      const auto* status = entry->second.status.get();
      std::vector<RouteParentStatus> own;
      if (status != nullptr) own = OwnParents(**change.after, status->parents);
      entry->second.route = change.after->object;
      KeepSame(StatusOfRoute(**change.after, own), &entry->second.status);
      TellRoute(name, entry->second, memo);
    } else {
      memo.dirty_routes.insert(name);
    }
  }
  for (const Change<Namespace>& change : ChangesOf<Namespace>(memo.last, state)) {
    MarkRoutesInNamespace(change.any().metadata.name, memo);
  }
  for (const Change<ReferenceGrant>& change : ChangesOf<ReferenceGrant>(memo.last, state)) {
    MarkRoutesInto(change.any().metadata.namespace_, memo);
  }
  for (const Change<Service>& change : ChangesOf<Service>(memo.last, state)) {
    MarkRoutesOfService(change.name(), memo);
    MarkBackendsOf(change.any().metadata.namespace_, change.any().metadata.name, memo);
  }
  for (const Change<EndpointSlice>& change : ChangesOf<EndpointSlice>(memo.last, state)) {
    for (const Versioned<EndpointSlice>* slice : {change.before, change.after}) {
      if (slice != nullptr) MarkBackendsOf((*slice)->metadata.namespace_, store::ServiceOf(**slice), memo);
    }
  }
}

void UpdateRoutes(const ClusterState& state, Memo& memo) {
  for (const NamespacedName& name : memo.dirty_routes) UpdateRoute(state, name, memo);
  memo.dirty_routes.clear();
  // Their routes have let go of them by now.
  std::erase_if(memo.outputs, [&](const auto& output) { return !memo.gateways.contains(output.first); });
}

void UpdateBackends(const ClusterState& state, Memo& memo) {
  memo.moved_backends.insert(memo.dirty_backends.begin(), memo.dirty_backends.end());
  for (const BackendName& name : memo.moved_backends) {
    auto found = memo.backends.find(name);
    if (found == memo.backends.end()) continue;
    BackendEntry& entry = found->second;
    const bool used = std::ranges::any_of(entry.users, [](const auto& user) { return user.second > 0; });
    if (used && (entry.backend == nullptr || memo.dirty_backends.contains(name))) MakeEntry(state, name, &entry, memo);
    PlaceBackend(name, &entry, memo);
    if (!used) memo.backends.erase(found);
  }
  memo.dirty_backends.clear();
  memo.moved_backends.clear();
}

}  // namespace portreeve::translate
