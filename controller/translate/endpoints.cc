#include "controller/translate/endpoints.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "controller/translate/backends.h"
#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using gatewayapi::EndpointPort;
using gatewayapi::EndpointSlice;
using gatewayapi::Service;
using gatewayapi::ServicePort;

// An address as 16 bytes, IPv4 in its IPv6 form.
struct Address {
  std::array<uint8_t, 16> bytes{};

  bool IsV4() const {
    return std::all_of(bytes.begin(), bytes.begin() + 10, [](uint8_t b) { return b == 0; }) && bytes[10] == 0xff &&
           bytes[11] == 0xff;
  }
};

std::optional<Address> Parse(std::string_view text) {
  const std::string terminated(text);
  Address address;
  std::array<uint8_t, 4> v4{};
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
    std::ranges::copy(v4, address.bytes.begin() + 12);
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

// One way to write each address, so that two ways don't make two endpoints.
std::string Print(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.IsV4()) {
    inet_ntop(AF_INET, address.bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

bool MayDialV4(const uint8_t* v4, bool allow_loopback) {
  if (v4[0] == 0 || v4[0] >= 224) return false;  // "this host", multicast, reserved, broadcast
  if (allow_loopback) return true;
  return v4[0] != 127 && !(v4[0] == 169 && v4[1] == 254);
}

bool MayDialV6(const std::array<uint8_t, 16>& v6, bool allow_loopback) {
  if (v6[0] == 0xff) return false;  // multicast
  const bool zeroes = std::all_of(v6.begin(), v6.end() - 1, [](uint8_t b) { return b == 0; });
  if (zeroes && v6[15] == 0) return false;
  if (allow_loopback) return true;
  if (zeroes && v6[15] == 1) return false;
  if (v6[0] == 0xfe && (v6[1] & 0xc0) == 0x80) return false;  // link-local
  // The metadata service of EC2 has an address of its own.
  constexpr std::array<uint8_t, 16> kEc2 = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  return v6 != kEc2;
}

bool MayDial(const Address& address, bool allow_loopback) {
  if (address.IsV4()) return MayDialV4(address.bytes.data() + 12, allow_loopback);
  return MayDialV6(address.bytes, allow_loopback);
}

// The port to dial in a slice: slices carry the Service port's name. A slice without a number leaves it to the Service.
std::optional<uint16_t> PortIn(const EndpointSlice& slice, const ServicePort& port) {
  auto it = std::ranges::find_if(slice.ports, [&](const EndpointPort& candidate) {
    return candidate.name == port.name && candidate.protocol == port.protocol;
  });
  if (it == slice.ports.end()) return std::nullopt;
  if (it->port.has_value()) return it->port;
  const uint16_t* target = std::get_if<uint16_t>(&port.target_port);
  if (target == nullptr) return std::nullopt;
  return *target == 0 ? port.port : *target;
}

enum class Use { kNone, kServing, kDraining };

Use UseOf(const gatewayapi::EndpointConditions& conditions) {
  const bool ready = conditions.ready.value_or(true);
  if (ready) return Use::kServing;
  const bool serving = conditions.serving.value_or(ready);
  return serving && conditions.terminating.value_or(false) ? Use::kDraining : Use::kNone;
}

// Address and port, to whether it drains.
using Found = std::map<std::pair<std::string, uint16_t>, bool>;

void Collect(const EndpointSlice& slice, const ServicePort& port, bool allow_loopback, Found* found) {
  if (slice.address_type != "IPv4" && slice.address_type != "IPv6") return;
  const std::optional<uint16_t> number = PortIn(slice, port);
  if (!number.has_value()) return;
  for (const gatewayapi::Endpoint& endpoint : slice.endpoints) {
    const Use use = UseOf(endpoint.conditions);
    if (use == Use::kNone || endpoint.addresses.empty()) continue;
    // The addresses of one endpoint are one pod's: the API lets clients use the first only.
    const std::optional<Address> address = Parse(endpoint.addresses.front());
    if (!address.has_value() || !MayDial(*address, allow_loopback)) continue;
    const bool draining = use == Use::kDraining;
    auto [it, added] = found->emplace(std::pair(Print(*address), *number), draining);
    if (!added) it->second = it->second && draining;
  }
}

}  // namespace

bool MayDial(std::string_view address, bool allow_loopback) {
  const std::optional<Address> parsed = Parse(address);
  return parsed.has_value() && MayDial(*parsed, allow_loopback);
}

ResourcePtr MakeEndpoints(const BackendName& name, const Service& service,
                          std::span<const store::Versioned<EndpointSlice>> slices, bool allow_loopback) {
  Found found;
  if (const ServicePort* port = FindPort(service, name.port)) {
    for (const store::Versioned<EndpointSlice>& slice : slices) Collect(*slice, *port, allow_loopback, &found);
  }
  config::v1::Resource resource;
  config::v1::Endpoints& endpoints = *resource.mutable_endpoints();
  for (const auto& [place, draining] : found) {
    config::v1::Endpoint& endpoint = *endpoints.add_endpoints();
    endpoint.set_address(place.first);
    endpoint.set_port(place.second);
    endpoint.set_draining(draining);
  }
  return Seal(std::move(resource), EndpointsKey(name),
              Concat("Service ", gatewayapi::NameOf(service.metadata).ToString()), service.metadata.generation);
}

}  // namespace portreeve::translate
