// FindConflicts of listeners.h: which listeners of one data plane can't be told apart.
#include <absl/strings/ascii.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "controller/translate/hostnames.h"
#include "controller/translate/listeners.h"
#include "controller/translate/text.h"

namespace portreeve::translate {
namespace {

using gatewayapi::Gateway;
using gatewayapi::NamespacedName;

struct Place {
  const Gateway* gateway = nullptr;
  size_t index = 0;
  std::string hostname;

  const gatewayapi::Listener& listener() const { return gateway->spec.listeners[index]; }
};

// "http", or "Gateway team-b/edge listener http" where it belongs to another Gateway.
std::string Describe(const Place& place, const Gateway& seen_from) {
  if (place.gateway == &seen_from) return place.listener().name;
  return Concat(place.listener().name, " of Gateway ", gatewayapi::NameOf(place.gateway->metadata).ToString());
}

template <typename Clashes>
std::string Others(const std::vector<Place>& port, const Place& self, Clashes clashes) {
  std::vector<std::string> names;
  for (const Place& other : port) {
    if (&other != &self && clashes(other)) names.push_back(Describe(other, *self.gateway));
  }
  return JoinNames(names);
}

std::string ShownHostname(std::string_view hostname) {
  return hostname.empty() ? "any hostname" : Concat("hostname ", hostname);
}

Conflict Judge(const std::vector<Place>& port, const Place& self) {
  const gatewayapi::Listener& listener = self.listener();
  const std::string field = Concat("spec.listeners[", self.index, "]");
  Conflict conflict;
  const std::string other_protocols =
      Others(port, self, [&](const Place& other) { return other.listener().protocol != listener.protocol; });
  const std::string same_hostname =
      Others(port, self, [&](const Place& other) { return other.hostname == self.hostname; });
  if (!other_protocols.empty()) {
    conflict.reason = "ProtocolConflict";
    conflict.message =
        Concat(field, ".protocol: ", listener.protocol, " on port ", listener.port, " clashes with listener ",
               other_protocols, ", and none of them is served: use one protocol, or another port");
  } else if (!same_hostname.empty()) {
    conflict.reason = "HostnameConflict";
    conflict.message =
        Concat(field, ".hostname: ", ShownHostname(self.hostname), " on port ", listener.port,
               " clashes with listener ", same_hostname, ", and none of them is served: use another hostname or port");
  }
  return conflict;
}

// Of HTTPS listeners whose hostnames can mean one host: a client may reuse a connection of one for the other.
void MarkOverlap(const std::vector<Place>& port, const Place& self,
                 std::map<NamespacedName, GatewayConflicts>& conflicts) {
  auto conflict_of = [&](const Place& place) -> Conflict& {
    return conflicts[gatewayapi::NameOf(place.gateway->metadata)][place.index];
  };
  Conflict& own = conflict_of(self);
  if (self.listener().protocol != "HTTPS" || !own.reason.empty()) return;
  const std::string overlapping = Others(port, self, [&](const Place& other) {
    return conflict_of(other).reason.empty() && HostnamesIntersect(self.hostname, other.hostname);
  });
  if (overlapping.empty()) return;
  own.overlaps = true;
  own.overlap_message = Concat("its hostname overlaps that of listener ", overlapping,
                               " on the same port; requests that reach the wrong one are answered 421");
}

}  // namespace

std::map<NamespacedName, GatewayConflicts> FindConflicts(std::span<const Gateway* const> gateways) {
  std::map<NamespacedName, GatewayConflicts> conflicts;
  std::map<uint16_t, std::vector<Place>> ports;
  for (const Gateway* gateway : gateways) {
    conflicts[gatewayapi::NameOf(gateway->metadata)].resize(gateway->spec.listeners.size());
    for (size_t i = 0; i < gateway->spec.listeners.size(); ++i) {
      const gatewayapi::Listener& listener = gateway->spec.listeners[i];
      if (listener.protocol != "HTTP" && listener.protocol != "HTTPS") continue;
      ports[listener.port].push_back({gateway, i, absl::AsciiStrToLower(listener.hostname.value_or(""))});
    }
  }
  for (const auto& [number, port] : ports) {
    for (const Place& place : port) {
      conflicts[gatewayapi::NameOf(place.gateway->metadata)][place.index] = Judge(port, place);
    }
    for (const Place& place : port) MarkOverlap(port, place, conflicts);
  }
  return conflicts;
}

}  // namespace portreeve::translate
