#include "controller/status/object_path.h"

#include "controller/kube/kind.h"

namespace portreeve::status {

std::string PathOf(const gatewayapi::ObjectKey& key) {
  return kube::ObjectPath(kube::WatchedKindOf(key.kind), gatewayapi::VersionOf(key.kind), key.Name());
}

}  // namespace portreeve::status
