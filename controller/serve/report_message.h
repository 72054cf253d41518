// What a data plane reports, on the wire between two replicas. Included by sources of this folder only: it carries
// protobuf.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "controller/serve/config_service.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

// A RelayMessage has no more.
inline constexpr std::size_t kMaxRelayBytes = 4 << 20;

std::vector<Refusal> ReadRefusals(const google::protobuf::RepeatedPtrField<config::v1::Refusal>& refusals);

DataPlaneReport ReadReport(const config::v1::RelayedReport& message);
// A day at most.
std::chrono::microseconds AgeOf(const config::v1::RelayedReport& message);

// A report that is too large for one message is cut: the sentences of its refusals first. If that isn't enough it
// becomes one of a data plane that runs nothing that is known, since what it has accepted can't be told without what it
// refuses; that is logged.
config::v1::RelayedReport WriteReport(const DataPlaneReport& report, std::chrono::microseconds age);

}  // namespace portreeve::serve
