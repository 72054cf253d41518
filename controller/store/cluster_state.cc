#include "controller/store/cluster_state.h"

#include "controller/store/resource_store.h"

namespace portreeve::store {

using gatewayapi::EndpointSlice;

ClusterState::ClusterState() : slices_(std::make_shared<std::vector<Versioned<EndpointSlice>>>()) {
  std::apply(
      [](auto&... map) { ((map = std::make_shared<typename std::decay_t<decltype(map)>::element_type>()), ...); },
      maps_);
}

std::span<const Versioned<EndpointSlice>> ClusterState::SlicesOf(std::string_view namespace_,
                                                                 std::string_view service) const {
  auto found =
      std::ranges::equal_range(*slices_, std::pair(namespace_, service), {}, [](const Versioned<EndpointSlice>& slice) {
        return std::pair<std::string_view, std::string_view>(slice->metadata.namespace_, ServiceOf(*slice));
      });
  return {found.begin(), found.end()};
}

std::shared_ptr<const ClusterState> ClusterState::Of(std::span<const gatewayapi::Object> objects) {
  ResourceStore store;
  for (const gatewayapi::Object& object : objects) store.Put(object);
  return store.Snapshot();
}

}  // namespace portreeve::store
