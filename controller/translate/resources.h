// Wire resources: how they are called, and how one is closed once its content is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "controller/gatewayapi/meta.h"

namespace portreeve::config::v1 {
class Resource;
}

namespace portreeve::translate {

using ResourcePtr = std::shared_ptr<const config::v1::Resource>;

// A Service port that a route sends requests to.
struct BackendName {
  std::string namespace_;
  std::string service;
  uint16_t port = 0;

  auto operator<=>(const BackendName&) const = default;
  bool operator==(const BackendName&) const = default;

  // "team-a/shop:80"
  std::string ToString() const;
};

std::string ListenerKey(const gatewayapi::NamespacedName& gateway, std::string_view listener);
std::string RuleKey(const gatewayapi::NamespacedName& route, size_t index);
std::string BackendKey(const BackendName& backend);
std::string EndpointsKey(const BackendName& backend);
std::string CertificateKey(const gatewayapi::NamespacedName& secret);

// Sets key, origin ("HTTPRoute team-a/shop"), generation and version; the content is there already. The version is a
// hash of the serialised content, the same in every process.
ResourcePtr Seal(config::v1::Resource&& resource, std::string key, std::string origin, int64_t generation);

// Equal in content and in what it says of its origin.
bool SameResource(const ResourcePtr& a, const ResourcePtr& b);

}  // namespace portreeve::translate
