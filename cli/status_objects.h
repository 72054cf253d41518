// Gateways and routes with their conditions, from the JSON of the API server.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "cli/status.h"

namespace portreeve::cli {

// A member of a JSON object; null for one that isn't there, and for what is no object.
const nlohmann::json& Member(const nlohmann::json& json, const char* name);
std::string TextOf(const nlohmann::json& json, const char* name);
// "demo/edge" of an object with metadata.
std::string FullNameOf(const nlohmann::json& object);

// Names of the classes that are this controller's.
std::set<std::string> ClassesOf(const std::vector<nlohmann::json>& classes, const std::string& controller_name);

// One that no controller has judged as it is now has complaints that say so.
GatewayLine GatewayLineOf(const nlohmann::json& gateway);

// Complaints about the route's parents that are among `gateways`; `ours` tells whether there are such.
RouteLine RouteLineOf(const nlohmann::json& route, const std::set<std::string>& gateways,
                      const std::string& controller_name, bool& ours);

}  // namespace portreeve::cli
