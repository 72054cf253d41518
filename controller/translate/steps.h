// The steps of a translation, in order. Each brings its part of the memo from `memo.last` to `state`, and leaves it as
// a translation from nothing would.
#pragma once

#include <memory>
#include <utility>

#include "controller/store/cluster_state.h"
#include "controller/translate/memo.h"

namespace portreeve::translate {

// 1. GatewayClasses of ours and their statuses.
void UpdateClasses(const store::ClusterState& state, Memo& memo);

// 2. Gateways of these classes: conflicts, listeners, certificates; their resources. Routes that name a Gateway whose
//    listeners attach differently now become dirty.
void UpdateGateways(const store::ClusterState& state, Memo& memo);

// 3. Routes that depend on something else that changed become dirty, and backends whose endpoints may have.
void FindDirty(const store::ClusterState& state, Memo& memo);

// 4. Dirty routes: attachment, rules, references; their resources.
void UpdateRoutes(const store::ClusterState& state, Memo& memo);

// 5. Backends and endpoints of the Services that routes send to.
void UpdateBackends(const store::ClusterState& state, Memo& memo);

// 6. Statuses of classes and Gateways, and everything copied out.
Translation Assemble(Memo& memo);

// Takes what was made, or stays the pointer that it is if that is equal.
template <typename T>
void KeepSame(std::shared_ptr<const T> made, std::shared_ptr<const T>* kept) {
  if (made == nullptr || *kept == nullptr || !(*made == **kept)) *kept = std::move(made);
}

// Puts a status, or leaves the one that is there if it is the same.
void PutStatus(ObjectStatus status, Memo& memo);

// Puts a resource, or leaves the one that is there if it is the same.
void PutResource(ResourceMap* resources, const ResourcePtr& resource);

}  // namespace portreeve::translate
