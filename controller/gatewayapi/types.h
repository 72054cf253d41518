// All kinds that Portreeve reads, and what is common to them: Kind, ObjectKey, Object.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "controller/gatewayapi/core.h"
#include "controller/gatewayapi/data_plane_config.h"
#include "controller/gatewayapi/gateway.h"
#include "controller/gatewayapi/http_route.h"
#include "controller/gatewayapi/meta.h"

namespace portreeve::gatewayapi {

// In the order of Object's alternatives.
enum class Kind : uint8_t {
  kGatewayClass,
  kGateway,
  kHTTPRoute,
  kReferenceGrant,
  kNamespace,
  kService,
  kEndpointSlice,
  kSecret,
  kConfigMap,
  kDataPlaneConfig,
};

inline constexpr std::array<Kind, 10> kAllKinds = {
    Kind::kGatewayClass, Kind::kGateway,       Kind::kHTTPRoute, Kind::kReferenceGrant, Kind::kNamespace,
    Kind::kService,      Kind::kEndpointSlice, Kind::kSecret,    Kind::kConfigMap,      Kind::kDataPlaneConfig,
};

// "HTTPRoute" and so on, as the API writes it.
std::string_view ToString(Kind kind);
std::optional<Kind> KindFromName(std::string_view name);
// "gateway.networking.k8s.io", "discovery.k8s.io", "portreeve.dev", or "" for core.
std::string_view GroupOf(Kind kind);
// "v1", or "v1alpha1" for our own.
std::string_view VersionOf(Kind kind);
// "gateway.networking.k8s.io/v1", "v1": what an object's apiVersion is.
std::string ApiVersionOf(Kind kind);
// GatewayClass and Namespace have no namespace.
bool IsClusterScoped(Kind kind);

template <typename T>
using Ptr = std::shared_ptr<const T>;

using Object = std::variant<Ptr<GatewayClass>, Ptr<Gateway>, Ptr<HTTPRoute>, Ptr<ReferenceGrant>, Ptr<Namespace>,
                            Ptr<Service>, Ptr<EndpointSlice>, Ptr<Secret>, Ptr<ConfigMap>, Ptr<DataPlaneConfig>>;

struct ObjectKey {
  Kind kind = Kind::kGatewayClass;
  std::string namespace_;
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
  bool operator==(const ObjectKey&) const = default;

  NamespacedName Name() const { return {namespace_, name}; }
  // "HTTPRoute team-a/r", "GatewayClass portreeve"
  std::string ToString() const;

  template <typename H>
  friend H AbslHashValue(H h, const ObjectKey& key) {
    return H::combine(std::move(h), key.kind, key.namespace_, key.name);
  }
  friend std::ostream& operator<<(std::ostream& os, const ObjectKey& key) { return os << key.ToString(); }
};

inline Kind KindOf(const Object& object) {
  return static_cast<Kind>(object.index());
}

const ObjectMeta& MetaOf(const Object& object);
ObjectKey KeyOf(const Object& object);

// Equal in content, not only the same pointer.
bool SameContent(const Object& a, const Object& b);

// The part that makes an object's generation grow: spec for the Gateway API's kinds and Service, the whole content
// without metadata for the others.
bool SameSpec(const Object& a, const Object& b);

// The same object with another metadata.generation.
Object WithGeneration(const Object& object, int64_t generation);

}  // namespace portreeve::gatewayapi
