// Random clusters for property tests: few names, so that references meet their targets, their absence, and each other.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "controller/gatewayapi/types.h"

namespace portreeve::translate {

class RandomWorld {
 public:
  explicit RandomWorld(uint32_t seed) : random_(seed) {}

  // About 40 objects; no key twice.
  std::vector<gatewayapi::Object> Objects();
  // Another object of that key, or the same one.
  gatewayapi::Object Again(const gatewayapi::ObjectKey& key);

  // From 0 to n - 1; the same in every standard library.
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }

 private:
  gatewayapi::Object Make(const gatewayapi::ObjectKey& key);
  gatewayapi::Object MakeGateway(const gatewayapi::ObjectKey& key);
  gatewayapi::Object MakeRoute(const gatewayapi::ObjectKey& key);
  gatewayapi::HTTPRouteRule MakeRule();
  gatewayapi::Object MakeGrant(const gatewayapi::ObjectKey& key);
  gatewayapi::Object MakeService(const gatewayapi::ObjectKey& key);
  gatewayapi::Object MakeSlice(const gatewayapi::ObjectKey& key);
  gatewayapi::Object MakeSecret(const gatewayapi::ObjectKey& key);
  gatewayapi::Listener MakeListener(size_t index);
  gatewayapi::ObjectMeta Meta(const gatewayapi::ObjectKey& key);
  std::optional<std::string> MaybeNamespace();

  std::mt19937 random_;
};

// Bytes that stand in the data of every Secret of a RandomWorld, each in its own: "CANARY-NS-NAME-".
std::string CanaryOf(const gatewayapi::ObjectMeta& secret);

}  // namespace portreeve::translate
