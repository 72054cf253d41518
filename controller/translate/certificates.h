// Secrets as certificates: what a certificateRef names, checked before it goes anywhere.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controller/gatewayapi/gateway.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/conditions.h"
#include "controller/translate/resources.h"

namespace portreeve::translate {

// The certificate of a Secret of type kubernetes.io/tls: a PEM chain whose first certificate has the PEM private key,
// neither of them encrypted. Otherwise what is wrong with it, without a byte of it.
std::variant<ResourcePtr, Objection> ReadCertificate(const gatewayapi::Secret& secret);

// What ReadCertificate says, kept for as long as the Secret stays the same: a key is checked once.
class CertificateMemo {
 public:
  const std::variant<ResourcePtr, Objection>& Read(const store::Versioned<gatewayapi::Secret>& secret);
  // Forgets the Secrets that weren't asked for since the last call.
  void Sweep();
  size_t reads() const { return reads_; }

 private:
  struct Entry {
    gatewayapi::Ptr<gatewayapi::Secret> secret;
    std::variant<ResourcePtr, Objection> result;
    bool used = true;
  };
  std::map<gatewayapi::NamespacedName, Entry> entries_;
  size_t reads_ = 0;
};

// The Secret that a certificateRef of a Gateway names; nothing if it can't be one. Permission isn't looked at.
std::optional<gatewayapi::NamespacedName> SecretOf(const gatewayapi::ObjectReference& ref,
                                                   std::string_view gateway_namespace);

// Why a Gateway in `gateway_namespace` may not use what `ref` names: kind first, then permission. Whether the Secret
// exists is another question, and isn't answered to those who have no permission.
std::optional<Objection> ObjectionToSecretRef(const store::ClusterState& state, const gatewayapi::ObjectReference& ref,
                                              std::string_view gateway_namespace, std::string_view field,
                                              std::string_view invalid_reason);

}  // namespace portreeve::translate
