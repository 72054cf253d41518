// ClusterState: what Translate reads. An immutable view of every object by kind, cheap to copy (one pointer per kind).
#pragma once

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
#include "controller/store/chunked_set.h"

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

struct NameOfVersioned {
  template <typename T>
  std::pair<std::string_view, std::string_view> operator()(const Versioned<T>& entry) const {
    return {entry->metadata.namespace_, entry->metadata.name};
  }
};

// Versioned<T> by namespace, then name.
//   for (const Versioned<HTTPRoute>& route : state.All<HTTPRoute>()) … route->spec …
template <typename T>
using ObjectMap = ChunkedSet<Versioned<T>, NameOfVersioned>;

// By namespace, Service and name.
struct ServiceOfVersioned {
  std::tuple<std::string_view, std::string_view, std::string_view> operator()(
      const Versioned<gatewayapi::EndpointSlice>& slice) const;
};

class ClusterState {
 public:
  using SliceSet = ChunkedSet<Versioned<gatewayapi::EndpointSlice>, ServiceOfVersioned>;

  ClusterState();

  // All objects of a kind, sorted by namespace, then name.
  template <typename T>
  const ObjectMap<T>& All() const {
    return *std::get<std::shared_ptr<const ObjectMap<T>>>(maps_);
  }

  // nullptr if there is none. A cluster-scoped object has namespace "".
  template <typename T>
  const Versioned<T>* Find(std::string_view namespace_, std::string_view name) const {
    const ObjectMap<T>& all = All<T>();
    const auto found = all.find({namespace_, name});
    return found == all.end() ? nullptr : &*found;
  }

  // The slices that carry the label kubernetes.io/service-name = service, sorted by name; empty if there are none.
  std::vector<Versioned<gatewayapi::EndpointSlice>> SlicesOf(std::string_view namespace_,
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
  std::shared_ptr<const SliceSet> slices_;
  uint64_t version_ = 0;
};

}  // namespace portreeve::store
