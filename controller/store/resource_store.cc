#include "controller/store/resource_store.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

namespace portreeve::store {
namespace {

using gatewayapi::EndpointSlice;
using gatewayapi::Kind;
using gatewayapi::Object;
using gatewayapi::ObjectMeta;
using gatewayapi::Ptr;

template <typename T>
constexpr Kind KindFor() {
  return static_cast<Kind>(Object(Ptr<T>()).index());
}

// Identity, age and generation decide precedence and what a status says; a new uid is a new object without status.
bool SameObject(const ObjectMeta& a, const ObjectMeta& b) {
  return a.generation == b.generation && a.creation_timestamp == b.creation_timestamp && a.uid == b.uid;
}

bool SameForTranslation(const gatewayapi::GatewayClass& a, const gatewayapi::GatewayClass& b) {
  return SameObject(a.metadata, b.metadata) && a.spec == b.spec;
}
bool SameForTranslation(const gatewayapi::Gateway& a, const gatewayapi::Gateway& b) {
  return SameObject(a.metadata, b.metadata) && a.spec == b.spec;
}
bool SameForTranslation(const gatewayapi::HTTPRoute& a, const gatewayapi::HTTPRoute& b) {
  return SameObject(a.metadata, b.metadata) && a.spec == b.spec;
}
bool SameForTranslation(const gatewayapi::ReferenceGrant& a, const gatewayapi::ReferenceGrant& b) {
  return a.spec == b.spec;
}
bool SameForTranslation(const gatewayapi::Namespace& a, const gatewayapi::Namespace& b) {
  return a.metadata.labels == b.metadata.labels;
}
bool SameForTranslation(const gatewayapi::Service& a, const gatewayapi::Service& b) {
  return a.spec == b.spec;
}
bool SameForTranslation(const EndpointSlice& a, const EndpointSlice& b) {
  return ServiceOf(a) == ServiceOf(b) && a.address_type == b.address_type && a.endpoints == b.endpoints &&
         a.ports == b.ports;
}
bool SameForTranslation(const gatewayapi::Secret& a, const gatewayapi::Secret& b) {
  return a.type == b.type && a.data == b.data;
}
bool SameForTranslation(const gatewayapi::ConfigMap& a, const gatewayapi::ConfigMap& b) {
  return a.data == b.data && a.binary_data == b.binary_data;
}

bool SameForTranslation(const gatewayapi::DataPlaneConfig& a, const gatewayapi::DataPlaneConfig& b) {
  return a.spec == b.spec;
}

}  // namespace

std::string_view ServiceOf(const EndpointSlice& slice) {
  static const std::string label(gatewayapi::kServiceNameLabel);
  auto it = slice.metadata.labels.find(label);
  return it == slice.metadata.labels.end() ? std::string_view() : it->second;
}

bool ResourceStore::Apply(const source::ResourceEvent& event) {
  return event.type == source::ResourceEvent::Type::kApplied ? Put(event.object) : Delete(event.key);
}

bool ResourceStore::Put(const Object& object) {
  return std::visit([this](const auto& pointer) { return PutObject(pointer); }, object);
}

bool ResourceStore::Delete(const gatewayapi::ObjectKey& key) {
  switch (key.kind) {
    case Kind::kGatewayClass:
      return DeleteObject<gatewayapi::GatewayClass>(key);
    case Kind::kGateway:
      return DeleteObject<gatewayapi::Gateway>(key);
    case Kind::kHTTPRoute:
      return DeleteObject<gatewayapi::HTTPRoute>(key);
    case Kind::kReferenceGrant:
      return DeleteObject<gatewayapi::ReferenceGrant>(key);
    case Kind::kNamespace:
      return DeleteObject<gatewayapi::Namespace>(key);
    case Kind::kService:
      return DeleteObject<gatewayapi::Service>(key);
    case Kind::kEndpointSlice:
      return DeleteObject<EndpointSlice>(key);
    case Kind::kSecret:
      return DeleteObject<gatewayapi::Secret>(key);
    case Kind::kConfigMap:
      return DeleteObject<gatewayapi::ConfigMap>(key);
    case Kind::kDataPlaneConfig:
      return DeleteObject<gatewayapi::DataPlaneConfig>(key);
  }
  return false;
}

std::shared_ptr<const ClusterState> ResourceStore::Snapshot() {
  state_shared_ = true;
  map_shared_.fill(true);
  slices_shared_ = true;
  return state_;
}

ClusterState& ResourceStore::WritableState() {
  if (state_shared_) {
    state_ = std::make_shared<ClusterState>(*state_);
    state_shared_ = false;
  }
  return *state_;
}

// A flag instead of use_count(): another thread may be about to let go of its snapshot, and a count says nothing about
// what that thread has read before.
template <typename T>
ObjectMap<T>& ResourceStore::Writable() {
  auto& map = std::get<std::shared_ptr<const ObjectMap<T>>>(WritableState().maps_);
  bool& shared = map_shared_[static_cast<size_t>(KindFor<T>())];
  if (shared) {
    map = std::make_shared<ObjectMap<T>>(*map);
    shared = false;
  }
  return const_cast<ObjectMap<T>&>(*map);  // made non-const, and no snapshot has it
}

ClusterState::SliceSet& ResourceStore::WritableSlices() {
  auto& slices = WritableState().slices_;
  if (slices_shared_) {
    slices = std::make_shared<ClusterState::SliceSet>(*slices);
    slices_shared_ = false;
  }
  return const_cast<ClusterState::SliceSet&>(*slices);
}

template <typename T>
bool ResourceStore::PutObject(const std::shared_ptr<const T>& object) {
  const ObjectMeta& meta = object->metadata;
  const Versioned<T>* found = state_->template Find<T>(meta.namespace_, meta.name);
  if (found != nullptr && (found->object == object || *found->object == *object)) return false;
  const bool matters = found == nullptr || !SameForTranslation(*found->object, *object);
  const Versioned<T> before = found == nullptr ? Versioned<T>() : *found;
  const Versioned<T> entry{object, matters ? ++last_version_ : before.version};
  Writable<T>().Put(entry);
  if constexpr (std::is_same_v<T, EndpointSlice>) {
    if (before.object != nullptr) EraseSlice(before);
    WritableSlices().Put(entry);
  }
  if (matters) state_->version_ = last_version_;
  return matters;
}

template <typename T>
bool ResourceStore::DeleteObject(const gatewayapi::ObjectKey& key) {
  const Versioned<T>* found = state_->template Find<T>(key.namespace_, key.name);
  if (found == nullptr) return false;
  const Versioned<T> before = *found;
  Writable<T>().erase({key.namespace_, key.name});
  if constexpr (std::is_same_v<T, EndpointSlice>) EraseSlice(before);
  state_->version_ = ++last_version_;
  return true;
}

void ResourceStore::EraseSlice(const Versioned<EndpointSlice>& slice) {
  WritableSlices().erase(ServiceOfVersioned()(slice));
}

}  // namespace portreeve::store
