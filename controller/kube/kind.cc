#include "controller/kube/kind.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdlib>

#include "controller/gatewayapi/json_tree.h"

namespace portreeve::kube {
namespace {

using gatewayapi::Kind;
using gatewayapi::NodeAt;
using gatewayapi::TextAt;
using gatewayapi::YamlNode;

constexpr std::string_view kGateway = gatewayapi::kGatewayGroup;
constexpr std::string_view kDiscovery = gatewayapi::kDiscoveryGroup;
constexpr std::string_view kExtensions = "apiextensions.k8s.io";

// The first are those that the others are read by.
constexpr WatchedKind kKinds[] = {
    // One may have half a megabyte of schema.
    {.group = kExtensions,
     .versions = {"v1"},
     .plural = "customresourcedefinitions",
     .name = "CustomResourceDefinition",
     .kind = std::nullopt,
     .namespaced = false,
     .page_size = 25},
    {.group = kGateway,
     .versions = {"v1", "v1beta1"},
     .plural = "gatewayclasses",
     .name = "GatewayClass",
     .kind = Kind::kGatewayClass,
     .namespaced = false,
     .from_crd = true,
     .essential = true},
    {.group = kGateway,
     .versions = {"v1", "v1beta1"},
     .plural = "gateways",
     .name = "Gateway",
     .kind = Kind::kGateway,
     .from_crd = true,
     .essential = true},
    {.group = kGateway,
     .versions = {"v1", "v1beta1"},
     .plural = "httproutes",
     .name = "HTTPRoute",
     .kind = Kind::kHTTPRoute,
     .from_crd = true,
     .essential = true},
    {.group = kGateway,
     .versions = {"v1", "v1beta1"},
     .plural = "referencegrants",
     .name = "ReferenceGrant",
     .kind = Kind::kReferenceGrant,
     .from_crd = true},
    {.group = gatewayapi::kPortreeveGroup,
     .versions = {"v1alpha1"},
     .plural = "dataplaneconfigs",
     .name = "DataPlaneConfig",
     .kind = Kind::kDataPlaneConfig,
     .from_crd = true},
    {.group = "",
     .versions = {"v1"},
     .plural = "namespaces",
     .name = "Namespace",
     .kind = Kind::kNamespace,
     .namespaced = false},
    {.group = "",
     .versions = {"v1"},
     .plural = "services",
     .name = "Service",
     .kind = Kind::kService,
     .essential = true},
    {.group = kDiscovery,
     .versions = {"v1"},
     .plural = "endpointslices",
     .name = "EndpointSlice",
     .kind = Kind::kEndpointSlice,
     .essential = true},
    {.group = "",
     .versions = {"v1"},
     .plural = "secrets",
     .name = "Secret",
     .kind = Kind::kSecret,
     .only_wanted = true},
    {.group = "",
     .versions = {"v1"},
     .plural = "configmaps",
     .name = "ConfigMap",
     .kind = Kind::kConfigMap,
     .only_wanted = true},
};

std::string VersionPath(const WatchedKind& kind, std::string_view version) {
  if (kind.group.empty()) return absl::StrCat("/api/", std::string(version));
  return absl::StrCat("/apis/", std::string(kind.group), "/", std::string(version));
}

bool IsDecimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string WatchedKind::FullName() const {
  return group.empty() ? std::string(plural) : absl::StrCat(std::string(plural), ".", std::string(group));
}

std::span<const WatchedKind> WatchedKinds() {
  return kKinds;
}

const WatchedKind& WatchedKindOf(Kind kind) {
  const auto* found = std::ranges::find(kKinds, std::optional(kind), &WatchedKind::kind);
  if (found == std::end(kKinds)) std::abort();  // the table lacks a kind
  return *found;
}

const WatchedKind& CrdKind() {
  return kKinds[0];
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      result += c;
    } else {
      result += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return result;
}

std::string CollectionPath(const WatchedKind& kind, std::string_view version, std::string_view namespace_) {
  std::string path = VersionPath(kind, version);
  if (kind.namespaced && !namespace_.empty()) absl::StrAppend(&path, "/namespaces/", PercentEncode(namespace_));
  absl::StrAppend(&path, "/", std::string(kind.plural));
  return path;
}

std::string ObjectPath(const WatchedKind& kind, std::string_view version, const gatewayapi::NamespacedName& name) {
  return absl::StrCat(CollectionPath(kind, version, name.namespace_), "/", PercentEncode(name.name));
}

CrdInfo DecodeCrd(const YamlNode& object) {
  CrdInfo info;
  info.name = TextAt(object, {"metadata", "name"});
  info.bundle_version = TextAt(object, {"metadata", "annotations", "gateway.networking.k8s.io/bundle-version"});
  info.channel = TextAt(object, {"metadata", "annotations", "gateway.networking.k8s.io/channel"});
  if (const YamlNode* versions = NodeAt(object, {"spec", "versions"})) {
    for (const YamlNode& version : versions->items) {
      if (TextAt(version, {"served"}) == "true") info.versions.emplace_back(TextAt(version, {"name"}));
    }
  }
  return info;
}

bool IsOurCrd(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view group = name.substr(dot + 1);
  return group == kGateway || group == gatewayapi::kPortreeveGroup || group == "gateway.networking.x-k8s.io";
}

gatewayapi::NamespacedName NameIn(const YamlNode& object) {
  return {std::string(TextAt(object, {"metadata", "namespace"})), std::string(TextAt(object, {"metadata", "name"}))};
}

bool IsOlderVersion(std::string_view a, std::string_view b) {
  if (!IsDecimal(a) || !IsDecimal(b)) return false;
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace portreeve::kube
