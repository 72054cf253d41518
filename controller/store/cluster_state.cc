#include "controller/store/cluster_state.h"

#include "controller/store/resource_store.h"

namespace portreeve::store {

using gatewayapi::EndpointSlice;

std::tuple<std::string_view, std::string_view, std::string_view> ServiceOfVersioned::operator()(
    const Versioned<EndpointSlice>& slice) const {
  return {slice->metadata.namespace_, ServiceOf(*slice), slice->metadata.name};
}

ClusterState::ClusterState() : slices_(std::make_shared<SliceSet>()) {
  std::apply(
      [](auto&... map) { ((map = std::make_shared<typename std::decay_t<decltype(map)>::element_type>()), ...); },
      maps_);
}

std::vector<Versioned<EndpointSlice>> ClusterState::SlicesOf(std::string_view namespace_,
                                                             std::string_view service) const {
  std::vector<Versioned<EndpointSlice>> slices;
  for (auto slice = slices_->lower_bound({namespace_, service, ""}); slice != slices_->end(); ++slice) {
    if ((*slice)->metadata.namespace_ != namespace_ || ServiceOf(**slice) != service) break;
    slices.push_back(*slice);
  }
  return slices;
}

std::shared_ptr<const ClusterState> ClusterState::Of(std::span<const gatewayapi::Object> objects) {
  ResourceStore store;
  for (const gatewayapi::Object& object : objects) store.Put(object);
  return store.Snapshot();
}

}  // namespace portreeve::store
