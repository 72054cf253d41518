// v1::Filter lists, checked.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "dataplane/filter/filter_chain.h"

namespace google::protobuf {
template <typename T>
class RepeatedPtrField;
}
namespace portreeve::config::v1 {
class Filter;
}

namespace portreeve::config {

// `field`: where the list stands, "filters" or "backends[1].filters".
absl::StatusOr<filter::FilterChain> CompileFilters(const google::protobuf::RepeatedPtrField<v1::Filter>& filters,
                                                   std::string_view field);

}  // namespace portreeve::config
