// ResourceEvent: one object came, changed or went. What every source emits and the store takes.
#pragma once

#include <ostream>
#include <string>
#include <utility>

#include "controller/gatewayapi/types.h"

namespace portreeve::source {

struct ResourceEvent {
  enum class Type { kApplied, kDeleted };

  Type type = Type::kApplied;
  gatewayapi::ObjectKey key;
  gatewayapi::Object object;  // the object as it is now; for kDeleted a null pointer

  static ResourceEvent Applied(gatewayapi::Object object) {
    gatewayapi::ObjectKey key = gatewayapi::KeyOf(object);
    return {Type::kApplied, std::move(key), std::move(object)};
  }
  static ResourceEvent Deleted(gatewayapi::ObjectKey key) { return {Type::kDeleted, std::move(key), {}}; }

  friend std::ostream& operator<<(std::ostream& os, const ResourceEvent& event) {
    return os << (event.type == Type::kApplied ? "applied " : "deleted ") << event.key;
  }
};

}  // namespace portreeve::source
