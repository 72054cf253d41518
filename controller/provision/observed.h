// Objects as the API server has them, as far as provisioning looks at them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/gatewayapi/gateway.h"

namespace portreeve::provision {

struct ObservedObject {
  std::string ns;
  std::string name;
  std::string uid;
  std::int64_t created = 0;  // seconds since the epoch
  bool deleting = false;
  // It carries the label by which we find our own.
  bool ours = false;
  // Of the owner that controls it; empty: nobody does.
  std::string owner_uid;
  std::string owner_name;
  // JSON without status, managedFields and resourceVersion.
  std::string content;

  // Of a Deployment.
  std::optional<std::int32_t> replicas;
  // Of a Service: its type, its address in the cluster, and those that a load balancer has given it.
  std::string service_type;
  std::string cluster_ip;
  std::vector<gatewayapi::GatewayAddress> ingress;

  bool operator==(const ObservedObject&) const = default;
};

// Of an object's JSON; nothing if it isn't an object's.
std::optional<ObservedObject> ReadObserved(std::string_view json);

// What an object says of that which a plan says something of, as JSON; apiVersion and kind, which lists leave out, are
// left out. Two of one plan are equal exactly if nobody has changed what we applied; what the API server has added for
// itself or for others doesn't show.
std::string Project(std::string_view content, std::string_view planned);
// The projection of the plan onto itself.
std::string Project(std::string_view planned);

}  // namespace portreeve::provision
