// Hostnames as listeners and routes may have them.
#pragma once

#include <absl/status/status.h>

#include <string_view>

namespace portreeve::config {

// A DNS name in lower case, of 253 bytes at most, or "*." and such a name. `empty_ok`: "" for any host, too.
absl::Status CheckHostname(std::string_view field, std::string_view hostname, bool empty_ok);

}  // namespace portreeve::config
