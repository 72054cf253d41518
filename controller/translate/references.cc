#include "controller/translate/references.h"

#include <algorithm>
#include <string>

namespace portreeve::translate {
namespace {

using gatewayapi::ReferenceGrant;

bool Grants(const ReferenceGrant& grant, const ReferenceFrom& from, const ReferenceTo& to) {
  const bool from_fits = std::ranges::any_of(grant.spec.from, [&](const ReferenceGrant::From& side) {
    return side.group == from.group && side.kind == from.kind && side.namespace_ == from.namespace_;
  });
  if (!from_fits) return false;
  return std::ranges::any_of(grant.spec.to, [&](const ReferenceGrant::To& side) {
    return side.group == to.group && side.kind == to.kind &&
           (!side.name.has_value() || side.name->empty() || *side.name == to.name);
  });
}

}  // namespace

bool IsPermitted(const store::ClusterState& state, const ReferenceFrom& from, const ReferenceTo& to) {
  if (from.namespace_ == to.namespace_) return true;
  const auto& grants = state.All<ReferenceGrant>();
  auto it = std::lower_bound(grants.begin(), grants.end(), to.namespace_,
                             [](const store::Versioned<ReferenceGrant>& grant, std::string_view namespace_) {
                               return grant->metadata.namespace_ < namespace_;
                             });
  for (; it != grants.end() && (*it)->metadata.namespace_ == to.namespace_; ++it) {
    if (Grants(**it, from, to)) return true;
  }
  return false;
}

}  // namespace portreeve::translate
