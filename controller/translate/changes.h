// Changes: which objects of a kind differ between two states.
#pragma once

#include <vector>

#include "controller/store/cluster_state.h"

namespace portreeve::translate {

// At least one of the two is there; both point into the states.
template <typename T>
struct Change {
  const store::Versioned<T>* before = nullptr;
  const store::Versioned<T>* after = nullptr;

  const T& any() const { return after != nullptr ? **after : **before; }
  gatewayapi::NamespacedName name() const { return gatewayapi::NameOf(any().metadata); }
};

// Sorted by namespace, then name. An object counts as changed when it isn't the same pointer: states of different
// stores may be compared, whose versions mean nothing to each other. The cost follows the size of the change.
template <typename T>
std::vector<Change<T>> ChangesOf(const store::ClusterState& before, const store::ClusterState& after) {
  std::vector<Change<T>> changes;
  const store::ObjectMap<T>& old_objects = before.All<T>();
  const store::ObjectMap<T>& new_objects = after.All<T>();
  if (&old_objects == &new_objects) return changes;
  store::ObjectMap<T>::VisitDifferences(old_objects, new_objects,
                                        [&](const store::Versioned<T>* a, const store::Versioned<T>* b) {
                                          if (a != nullptr && b != nullptr && a->object == b->object) return;
                                          changes.push_back({a, b});
                                        });
  return changes;
}

}  // namespace portreeve::translate
