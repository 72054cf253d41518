// ClusterState: what Translate reads. An immutable view of every object by kind, cheap to copy (one pointer per kind).
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "controller/gatewayapi/types.h"

namespace portreeve::store {

// An object and the version that the store gave it: versions only grow, and an object that changed has a new one,
// so a result made from some objects is still right while their versions are the same. A change of status, annotations
// or resourceVersion alone keeps the version: read those from the object at hand, never from something memoised.
template <typename T>
struct Versioned {
  std::shared_ptr<const T> object;
  uint64_t version = 0;

  const T& operator*() const { return *object; }
  const T* operator->() const { return object.get(); }
};

// A map from (namespace, name) to Versioned<T>, kept as a sorted vector: iteration goes by namespace, then name, and
// the copy that a snapshot costs is one pointer per object.
//   for (const Versioned<HTTPRoute>& route : state.All<HTTPRoute>()) … route->spec …
template <typename T>
class ObjectMap {
 public:
  using const_iterator = typename std::vector<Versioned<T>>::const_iterator;

  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  const Versioned<T>* Find(std::string_view namespace_, std::string_view name) const {
    auto it = LowerBound(namespace_, name);
    return it != entries_.end() && Names(*it, namespace_, name) ? &*it : nullptr;
  }

  void Put(Versioned<T> entry) {
    const gatewayapi::ObjectMeta& meta = entry->metadata;
    auto it = LowerBound(meta.namespace_, meta.name);
    if (it != entries_.end() && Names(*it, meta.namespace_, meta.name)) {
      entries_[static_cast<size_t>(it - entries_.begin())] = std::move(entry);
    } else {
      entries_.insert(it, std::move(entry));
    }
  }

  bool Erase(std::string_view namespace_, std::string_view name) {
    auto it = LowerBound(namespace_, name);
    if (it == entries_.end() || !Names(*it, namespace_, name)) return false;
    entries_.erase(it);
    return true;
  }

 private:
  static bool Names(const Versioned<T>& entry, std::string_view namespace_, std::string_view name) {
    return entry->metadata.name == name && entry->metadata.namespace_ == namespace_;
  }
  const_iterator LowerBound(std::string_view namespace_, std::string_view name) const {
    return std::ranges::lower_bound(entries_, std::pair(namespace_, name), {}, [](const Versioned<T>& entry) {
      return std::pair<std::string_view, std::string_view>(entry->metadata.namespace_, entry->metadata.name);
    });
  }

  std::vector<Versioned<T>> entries_;
};

class ClusterState {
 public:
  ClusterState();

  // All objects of a kind, sorted by namespace, then name.
  template <typename T>
  const ObjectMap<T>& All() const {
    return *std::get<std::shared_ptr<const ObjectMap<T>>>(maps_);
  }

  // nullptr if there is none. A cluster-scoped object has namespace "".
  template <typename T>
  const Versioned<T>* Find(std::string_view namespace_, std::string_view name) const {
    return All<T>().Find(namespace_, name);
  }

  // The slices that carry the label kubernetes.io/service-name = service, sorted by name; empty if there are none.
  std::span<const Versioned<gatewayapi::EndpointSlice>> SlicesOf(std::string_view namespace_,
                                                                 std::string_view service) const;

  // The greatest version given so far: the same number of the same store means the same state.
  uint64_t version() const { return version_; }

  // For tests and tools that have no store: the same state, whatever the order of the objects.
  static std::shared_ptr<const ClusterState> Of(std::span<const gatewayapi::Object> objects);

 private:
  friend class ResourceStore;

  template <typename T>
  using MapPtr = std::shared_ptr<const ObjectMap<T>>;

  std::tuple<MapPtr<gatewayapi::GatewayClass>, MapPtr<gatewayapi::Gateway>, MapPtr<gatewayapi::HTTPRoute>,
             MapPtr<gatewayapi::ReferenceGrant>, MapPtr<gatewayapi::Namespace>, MapPtr<gatewayapi::Service>,
             MapPtr<gatewayapi::EndpointSlice>, MapPtr<gatewayapi::Secret>, MapPtr<gatewayapi::ConfigMap>,
             MapPtr<gatewayapi::DataPlaneConfig>>
      maps_;
  // By (namespace, service, slice name).
  std::shared_ptr<const std::vector<Versioned<gatewayapi::EndpointSlice>>> slices_;
  uint64_t version_ = 0;
};

}  // namespace portreeve::store
