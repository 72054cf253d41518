// How what a Gateway's data planes consist of is called.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "controller/gatewayapi/gateway.h"

namespace portreeve::provision {

inline constexpr std::string_view kGatewayLabel = "gateway.networking.k8s.io/gateway-name";
inline constexpr std::string_view kClassLabel = "gateway.networking.k8s.io/gateway-class-name";
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManagedBy = "portreeve";

// The first 8 hexadecimal digits of a SHA-256.
std::string ShortHash(std::string_view text);

// "NAME-CLASS": a DNS label that begins with a letter, as Services want it, of at most 63 characters. A name that
// isn't one, or is longer, is changed and ends with a hash of what it was.
std::string ObjectName(std::string_view gateway, std::string_view gateway_class);

// The same with something behind it, within 63 characters.
std::string WithSuffix(const std::string& name, std::string_view suffix);

// The text itself, or its beginning and a hash where it is longer than a label's value may be.
std::string LabelValue(std::string_view text);

// Which Gateway has a name. Two of one namespace can come to the same one ("a" of class "b-c", "a-b" of class "c");
// then it is the older one's.
class NameTable {
 public:
  void Add(const gatewayapi::Gateway& gateway);

  // Nothing: nobody's.
  std::optional<gatewayapi::NamespacedName> OwnerOf(const std::string& ns, const std::string& name) const;

 private:
  struct Owner {
    std::int64_t created = 0;
    std::string gateway;
  };
  std::map<gatewayapi::NamespacedName, Owner> owners_;  // by namespace and name of the objects
};

}  // namespace portreeve::provision
