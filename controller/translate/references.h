// ReferenceGrant: who may refer to what in another namespace.
#pragma once

#include <string_view>

#include "controller/store/cluster_state.h"

namespace portreeve::translate {

// The requester: the kind of object that holds the reference, and its own namespace.
struct ReferenceFrom {
  std::string_view group;
  std::string_view kind;
  std::string_view namespace_;
};

struct ReferenceTo {
  std::string_view group;
  std::string_view kind;
  std::string_view namespace_;
  std::string_view name;
};

// Inside one namespace always; across two if a grant in the target's namespace names both sides.
bool IsPermitted(const store::ClusterState& state, const ReferenceFrom& from, const ReferenceTo& to);

}  // namespace portreeve::translate
