// Peers whose own account of the client is believed.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace portreeve::proxy {

// Networks in CIDR form. Immutable after start; any thread.
class TrustedProxies {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or one address. Errors name the text and the form.
  absl::Status Add(std::string_view cidr);
  bool Contains(std::string_view address) const;
  bool empty() const { return networks_.empty(); }

 private:
  // IPv4 as IPv4-mapped IPv6.
  struct Network {
    std::array<std::uint8_t, 16> address;
    unsigned bits;
  };
  std::vector<Network> networks_;
};

}  // namespace portreeve::proxy
