// What every object has, as Kubernetes' meta/v1 says, and the names by which objects are found.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portreeve::gatewayapi {

inline constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";
inline constexpr std::string_view kDiscoveryGroup = "discovery.k8s.io";

struct ObjectMeta {
  std::string namespace_;  // empty for cluster-scoped kinds; "default" where a namespaced object names none
  std::string name;
  std::map<std::string, std::string> labels;
  // Without kubectl's last-applied-configuration, which only repeats the object.
  std::map<std::string, std::string> annotations;
  int64_t generation = 0;          // 0 until a source or the API server has counted it
  int64_t creation_timestamp = 0;  // seconds since the epoch; 0 if the object doesn't say
  std::string uid;
  std::string resource_version;

  bool operator==(const ObjectMeta&) const = default;
};

struct NamespacedName {
  std::string namespace_;
  std::string name;

  auto operator<=>(const NamespacedName&) const = default;
  bool operator==(const NamespacedName&) const = default;

  // "team-a/r", or "r" for a cluster-scoped object.
  std::string ToString() const { return namespace_.empty() ? name : namespace_ + "/" + name; }

  template <typename H>
  friend H AbslHashValue(H h, const NamespacedName& n) {
    return H::combine(std::move(h), n.namespace_, n.name);
  }
  friend std::ostream& operator<<(std::ostream& os, const NamespacedName& n) { return os << n.ToString(); }
};

inline NamespacedName NameOf(const ObjectMeta& meta) {
  return {meta.namespace_, meta.name};
}

// meta/v1 Condition. Times stay as text: foreign conditions are written back exactly as they were read.
struct Condition {
  std::string type;
  std::string status;  // "True", "False" or "Unknown"
  std::string reason;
  std::string message;
  std::optional<int64_t> observed_generation;
  std::string last_transition_time;

  bool operator==(const Condition&) const = default;
};

struct LabelSelectorRequirement {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Operator op = Operator::kIn;
  std::vector<std::string> values;

  bool operator==(const LabelSelectorRequirement&) const = default;
};

struct LabelSelector {
  std::map<std::string, std::string> match_labels;
  std::vector<LabelSelectorRequirement> match_expressions;

  // An empty selector matches everything.
  bool Matches(const std::map<std::string, std::string>& labels) const;
  bool operator==(const LabelSelector&) const = default;
};

// A reference to an object in the referrer's own namespace (LocalObjectReference, LocalParametersReference).
struct LocalObjectReference {
  std::string group;
  std::string kind;
  std::string name;

  bool operator==(const LocalObjectReference&) const = default;
};

// SecretObjectReference, ObjectReference and ParametersReference: group and kind carry the CRD's defaults.
struct ObjectReference {
  std::string group;
  std::string kind;
  std::string name;
  std::optional<std::string> namespace_;

  bool operator==(const ObjectReference&) const = default;
};

}  // namespace portreeve::gatewayapi
