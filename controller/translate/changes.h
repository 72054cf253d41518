// Changes: which objects of a kind differ between two states.
#pragma once

#include <compare>
#include <tuple>
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
// stores may be compared, whose versions mean nothing to each other. A kind without changes costs one look.
template <typename T>
std::vector<Change<T>> ChangesOf(const store::ClusterState& before, const store::ClusterState& after) {
  std::vector<Change<T>> changes;
  const store::ObjectMap<T>& old_objects = before.All<T>();
  const store::ObjectMap<T>& new_objects = after.All<T>();
  if (&old_objects == &new_objects) return changes;
  auto a = old_objects.begin();
  auto b = new_objects.begin();
  while (a != old_objects.end() && b != new_objects.end()) {
    if (a->object == b->object) {
      ++a;
      ++b;
      continue;
    }
    const gatewayapi::ObjectMeta& x = (*a)->metadata;
    const gatewayapi::ObjectMeta& y = (*b)->metadata;
    const std::strong_ordering order = std::tie(x.namespace_, x.name) <=> std::tie(y.namespace_, y.name);
    Change<T> change;
    if (order <= 0) change.before = &*a++;
    if (order >= 0) change.after = &*b++;
    changes.push_back(change);
  }
  for (; a != old_objects.end(); ++a) changes.push_back({&*a, nullptr});
  for (; b != new_objects.end(); ++b) changes.push_back({nullptr, &*b});
  return changes;
}

}  // namespace portreeve::translate
