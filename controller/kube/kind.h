// The kinds that are watched: where the API server has them, and how they are taken.
#pragma once

#include <absl/status/statusor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/decode.h"
#include "controller/gatewayapi/types.h"
#include "controller/gatewayapi/yaml_tree.h"

namespace portreeve::kube {

struct WatchedKind {
  std::string_view group;
  // In order of preference: the first that the server has is used. The second may be empty.
  std::array<std::string_view, 2> versions;
  std::string_view plural;
  std::string_view name;
  // What an object becomes; nothing for CustomResourceDefinition, which becomes a CrdInfo.
  std::optional<gatewayapi::Kind> kind;
  bool namespaced = true;
  // Comes with a CustomResourceDefinition, so that it may be missing, come and go.
  bool from_crd = false;
  // Nothing right follows from the other kinds alone: if it may not be read, nothing is published at all.
  bool essential = false;
  // Only what is referred to is kept; of all others the names.
  bool only_wanted = false;
  int page_size = 500;
  // Only objects with these labels; as a query has it, percent-encoded. Empty: all.
  std::string_view label_selector{};

  // "httproutes.gateway.networking.k8s.io": the name of its CRD, and what an RBAC rule speaks of.
  std::string FullName() const;
};

// Static; pointers to them may be kept.
std::span<const WatchedKind> WatchedKinds();
const WatchedKind& WatchedKindOf(gatewayapi::Kind kind);
const WatchedKind& CrdKind();

// "/apis/gateway.networking.k8s.io/v1/namespaces/ns/httproutes"; of all namespaces if it is empty.
std::string CollectionPath(const WatchedKind& kind, std::string_view version, std::string_view namespace_);
// Of one object. Names are percent-encoded: they may come from a reference, which says what it likes.
std::string ObjectPath(const WatchedKind& kind, std::string_view version, const gatewayapi::NamespacedName& name);
// For one segment of a path or one value of a query.
std::string PercentEncode(std::string_view text);

// Keys below which nothing is kept: what only the server and other writers use, and schemas.
inline constexpr std::array<std::string_view, 1> kSkippedKeys = {"managedFields"};
inline constexpr std::array<std::string_view, 2> kSkippedCrdKeys = {"managedFields", "schema"};

// What matters of a CustomResourceDefinition.
struct CrdInfo {
  std::string name;                   // "httproutes.gateway.networking.k8s.io"
  std::vector<std::string> versions;  // those that are served
  std::string bundle_version;         // gateway.networking.k8s.io/bundle-version; empty if it isn't given
  std::string channel;                // gateway.networking.k8s.io/channel: "standard", "experimental"
  bool operator==(const CrdInfo&) const = default;
};

CrdInfo DecodeCrd(const gatewayapi::YamlNode& object);
// Whether a CRD is one that this controller has to do with.
bool IsOurCrd(std::string_view name);

gatewayapi::NamespacedName NameIn(const gatewayapi::YamlNode& object);

// Is `a` an older resourceVersion than `b`? Only known of numbers, which all servers give; false otherwise. They are
// opaque by contract, so this only ever decides whether to look again.
bool IsOlderVersion(std::string_view a, std::string_view b);

}  // namespace portreeve::kube
