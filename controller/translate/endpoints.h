// Endpoints of a Service port, from its EndpointSlices.
#pragma once

#include <span>
#include <string_view>

#include "controller/gatewayapi/core.h"
#include "controller/store/cluster_state.h"
#include "controller/translate/resources.h"

namespace portreeve::translate {

// Whether requests may be sent to an address. Unspecified and multicast addresses are never a backend's; loopback and
// link-local ones only with `allow_loopback`. IPv4 addresses in IPv6 form count as what they are.
bool MayDial(std::string_view address, bool allow_loopback);

// All slices of the Service merged, sorted by address and port, each address once: ready ones, and those that are
// terminating but still serve as draining. Slices of names instead of addresses give nothing.
ResourcePtr MakeEndpoints(const BackendName& name, const gatewayapi::Service& service,
                          std::span<const store::Versioned<gatewayapi::EndpointSlice>> slices, bool allow_loopback);

}  // namespace portreeve::translate
