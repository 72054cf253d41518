#include "dataplane/proxy/trusted_proxies.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

namespace portreeve::proxy {
namespace {

std::optional<std::array<std::uint8_t, 16>> Parse(std::string_view text, bool& v4) {
  std::array<std::uint8_t, 16> address{};
  const std::string name(text);
  v4 = inet_pton(AF_INET, name.c_str(), &address[12]) == 1;
  if (v4) {
    address[10] = address[11] = 0xFF;
    return address;
  }
  if (inet_pton(AF_INET6, name.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

}  // namespace

absl::Status TrustedProxies::Add(std::string_view cidr) {
  const std::size_t slash = cidr.find('/');
  bool v4 = false;
  const auto address = Parse(cidr.substr(0, slash), v4);
  const unsigned most = v4 ? 32 : 128;
  unsigned bits = most;
  const bool valid_bits =
      slash == std::string_view::npos || absl::SimpleAtoi(std::string(cidr.substr(slash + 1)), &bits);
  if (!address || !valid_bits || bits > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(cidr), "\" is no network; write 192.0.2.0/24, 2001:db8::/32 or one address"));
  }
  networks_.push_back({*address, v4 ? bits + 96 : bits});
  return absl::OkStatus();
}

bool TrustedProxies::Contains(std::string_view address) const {
  if (networks_.empty()) return false;
  bool v4 = false;
  const auto parsed = Parse(address, v4);
  if (!parsed) return false;
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const unsigned bytes = network.bits / 8;
    if (!std::equal(parsed->begin(), parsed->begin() + bytes, network.address.begin())) return false;
    const unsigned rest = network.bits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
    return ((*parsed)[bytes] & mask) == (network.address[bytes] & mask);
  });
}

}  // namespace portreeve::proxy
