// ResourceStore: the latest version of every object, fed by sources, read as snapshots. Belongs to one thread; the
// snapshots may go to any.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "controller/gatewayapi/types.h"
#include "controller/source/resource_event.h"
#include "controller/store/cluster_state.h"

namespace portreeve::store {

class ResourceStore {
 public:
  // Did it matter? False if nothing has changed that a translation depends on: the same content again, another
  // resourceVersion or annotation, a label nobody selects by, a status (ours comes back by watch after each write), a
  // delete of what isn't there. The new object is kept all the same, under its old version number.
  bool Apply(const source::ResourceEvent& event);

  bool Put(const gatewayapi::Object& object);
  bool Delete(const gatewayapi::ObjectKey& key);

  // Never changes afterwards. It shares with the store, and with later ones, what no write has touched.
  std::shared_ptr<const ClusterState> Snapshot();

 private:
  template <typename T>
  ObjectMap<T>& Writable();
  ClusterState::SliceSet& WritableSlices();
  void EraseSlice(const Versioned<gatewayapi::EndpointSlice>& slice);
  ClusterState& WritableState();
  template <typename T>
  bool PutObject(const std::shared_ptr<const T>& object);
  template <typename T>
  bool DeleteObject(const gatewayapi::ObjectKey& key);

  std::shared_ptr<ClusterState> state_ = std::make_shared<ClusterState>();
  uint64_t last_version_ = 0;
  // True while a snapshot may still look at it: the state itself, each kind's map, the slice index.
  bool state_shared_ = false;
  std::array<bool, gatewayapi::kAllKinds.size()> map_shared_{};
  bool slices_shared_ = false;
};

// Value of the label kubernetes.io/service-name; empty if the slice has none.
std::string_view ServiceOf(const gatewayapi::EndpointSlice& slice);

}  // namespace portreeve::store
