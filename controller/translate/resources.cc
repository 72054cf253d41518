#include "controller/translate/resources.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using config::v1::Resource;
using gatewayapi::NamespacedName;

// No message of the contract has a map, so that its serialised form is one and the same.
std::string SerializeContent(const Resource& resource) {
  switch (resource.content_case()) {
    case Resource::kListener:
      return resource.listener().SerializeAsString();
    case Resource::kRule:
      return resource.rule().SerializeAsString();
    case Resource::kBackend:
      return resource.backend().SerializeAsString();
    case Resource::kEndpoints:
      return resource.endpoints().SerializeAsString();
    case Resource::kCertificate:
      return resource.certificate().SerializeAsString();
    case Resource::CONTENT_NOT_SET:
      return std::string();
  }
  return std::string();
}

// The first 64 bits of SHA-256: enough to tell two contents of one key apart.
std::string Version(const Resource& resource) {
  const std::string bytes = SerializeContent(resource);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return absl::BytesToHexString(std::string(reinterpret_cast<const char*>(digest.data()), 8));
}

}  // namespace

std::string BackendName::ToString() const {
  return Concat(namespace_, "/", service, ":", port);
}

std::string ListenerKey(const NamespacedName& gateway, std::string_view listener) {
  return Concat("listener/", gateway.namespace_, "/", gateway.name, "/", listener);
}

std::string RuleKey(const NamespacedName& route, size_t index) {
  return Concat("rule/", route.namespace_, "/", route.name, "/", index);
}

std::string BackendKey(const BackendName& backend) {
  return Concat("backend/", backend.namespace_, "/", backend.service, ":", backend.port);
}

std::string EndpointsKey(const BackendName& backend) {
  return Concat("endpoints/", backend.namespace_, "/", backend.service, ":", backend.port);
}

std::string CertificateKey(const NamespacedName& secret) {
  return Concat("certificate/", secret.namespace_, "/", secret.name);
}

ResourcePtr Seal(Resource&& resource, std::string key, std::string origin, int64_t generation) {
  auto sealed = std::make_shared<Resource>(std::move(resource));
  sealed->set_version(Version(*sealed));
  sealed->set_key(std::move(key));
  sealed->set_origin(std::move(origin));
  sealed->set_generation(generation);
  return sealed;
}

bool SameResource(const ResourcePtr& a, const ResourcePtr& b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr) return false;
  return a->key() == b->key() && a->version() == b->version() && a->generation() == b->generation() &&
         a->origin() == b->origin();
}

}  // namespace portreeve::translate
