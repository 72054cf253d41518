#include "controller/gatewayapi/types.h"

#include <algorithm>

namespace portreeve::gatewayapi {
namespace {

struct KindEntry {
  Kind kind;
  std::string_view name;
  std::string_view group;
  bool cluster_scoped;
};

constexpr KindEntry kKinds[] = {
    {Kind::kGatewayClass, "GatewayClass", kGatewayGroup, true},
    {Kind::kGateway, "Gateway", kGatewayGroup, false},
    {Kind::kHTTPRoute, "HTTPRoute", kGatewayGroup, false},
    {Kind::kReferenceGrant, "ReferenceGrant", kGatewayGroup, false},
    {Kind::kNamespace, "Namespace", "", true},
    {Kind::kService, "Service", "", false},
    {Kind::kEndpointSlice, "EndpointSlice", kDiscoveryGroup, false},
    {Kind::kSecret, "Secret", "", false},
    {Kind::kConfigMap, "ConfigMap", "", false},
    {Kind::kDataPlaneConfig, "DataPlaneConfig", kPortreeveGroup, false},
};

const KindEntry& Entry(Kind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

template <typename T>
concept HasSpec = requires(const T& t) { t.spec; };

}  // namespace

bool LabelSelector::Matches(const std::map<std::string, std::string>& labels) const {
  for (const auto& [key, value] : match_labels) {
    auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  using Operator = LabelSelectorRequirement::Operator;
  return std::ranges::all_of(match_expressions, [&](const LabelSelectorRequirement& want) {
    auto it = labels.find(want.key);
    const bool there = it != labels.end();
    const bool among = there && std::ranges::find(want.values, it->second) != want.values.end();
    switch (want.op) {
      case Operator::kIn:
        return among;
      case Operator::kNotIn:
        return !among;
      case Operator::kExists:
        return there;
      case Operator::kDoesNotExist:
        return !there;
    }
    return false;
  });
}

std::string_view ToString(HTTPRouteFilter::Type type) {
  using Type = HTTPRouteFilter::Type;
  switch (type) {
    case Type::kRequestHeaderModifier:
      return "RequestHeaderModifier";
    case Type::kResponseHeaderModifier:
      return "ResponseHeaderModifier";
    case Type::kRequestMirror:
      return "RequestMirror";
    case Type::kRequestRedirect:
      return "RequestRedirect";
    case Type::kURLRewrite:
      return "URLRewrite";
    case Type::kExtensionRef:
      return "ExtensionRef";
    case Type::kCORS:
      return "CORS";
    case Type::kExternalAuth:
      return "ExternalAuth";
  }
  return "";
}

std::string_view ToString(Kind kind) {
  return Entry(kind).name;
}

std::optional<Kind> KindFromName(std::string_view name) {
  for (const KindEntry& entry : kKinds) {
    if (entry.name == name) return entry.kind;
  }
  return std::nullopt;
}

std::string_view GroupOf(Kind kind) {
  return Entry(kind).group;
}

std::string_view VersionOf(Kind kind) {
  return GroupOf(kind) == kPortreeveGroup ? "v1alpha1" : "v1";
}

std::string ApiVersionOf(Kind kind) {
  std::string version(GroupOf(kind));
  if (!version.empty()) version += '/';
  version += VersionOf(kind);
  return version;
}

bool IsClusterScoped(Kind kind) {
  return Entry(kind).cluster_scoped;
}

std::string ObjectKey::ToString() const {
  std::string text(gatewayapi::ToString(kind));
  text += ' ';
  text += Name().ToString();
  return text;
}

const ObjectMeta& MetaOf(const Object& object) {
  return std::visit([](const auto& o) -> const ObjectMeta& { return o->metadata; }, object);
}

ObjectKey KeyOf(const Object& object) {
  const ObjectMeta& meta = MetaOf(object);
  return {KindOf(object), meta.namespace_, meta.name};
}

bool SameContent(const Object& a, const Object& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& left) {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b);
        return left == right || *left == *right;
      },
      a);
}

bool SameSpec(const Object& a, const Object& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& left) {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b);
        if (left == right) return true;
        if constexpr (HasSpec<std::decay_t<decltype(*left)>>) {
          return left->spec == right->spec;
        } else {
          auto with_metadata_of_left = *right;
          with_metadata_of_left.metadata = left->metadata;
          return *left == with_metadata_of_left;
        }
      },
      a);
}

Object WithGeneration(const Object& object, int64_t generation) {
  return std::visit(
      [&](const auto& o) -> Object {
        auto copy = std::make_shared<std::decay_t<decltype(*o)>>(*o);
        copy->metadata.generation = generation;
        return std::shared_ptr<const std::decay_t<decltype(*o)>>(std::move(copy));
      },
      object);
}

}  // namespace portreeve::gatewayapi
