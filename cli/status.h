// `portreeve status`: whether all Gateways, routes and data planes of a cluster are as they are wanted.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/objects.h"
#include "controller/gatewayapi/meta.h"
#include "controller/kube/api_client.h"

namespace portreeve::cli {

struct StatusOptions {
  // One namespace at most: a list is asked of it, or of all.
  ClusterAccess access;
  std::string controller_namespace = "portreeve-system";
};

// A condition that isn't as it should be; `where`: "listener https", "parent demo/edge".
struct Complaint {
  std::string where;
  gatewayapi::Condition condition;
};

struct ListenerLine {
  std::string name;
  std::int64_t attached_routes = 0;
};

struct GatewayLine {
  std::string name;  // "demo/edge"
  std::string gateway_class;
  std::vector<std::string> addresses;
  // As they are, or "Unknown" where there are none.
  gatewayapi::Condition accepted;
  gatewayapi::Condition programmed;
  std::vector<ListenerLine> listeners;
  // All but those two.
  std::vector<Complaint> complaints;
};

// What a data plane has refused.
struct RefusalLine {
  std::string object;
  std::string field;
  std::string message;
};

struct DataPlaneLine {
  std::string gateway;
  std::string pod;
  bool connected = false;
  // Versions of snapshots: that it runs, and that it should run.
  std::string snapshot;
  std::string wanted;
  bool current = false;
  std::vector<RefusalLine> refused;
};

struct RouteLine {
  std::string name;
  std::vector<Complaint> complaints;
};

struct StatusReport {
  std::vector<GatewayLine> gateways;
  std::vector<DataPlaneLine> data_planes;
  // Those with complaints only; `routes_seen` of ours there are.
  std::vector<RouteLine> routes;
  std::size_t routes_seen = 0;
  // What couldn't be found out, with the reason: "controller portreeve-system/portreeve-controller-abc: …".
  std::vector<std::string> unknown;
  // What is wrong and has no line of its own.
  std::vector<std::string> problems;
};

// 0: all is as wanted; 1: something isn't; 2: nothing bad is known, but not everything could be found out.
int ExitCodeOf(const StatusReport& report);

// Fails if GatewayClasses, Gateways or routes can't be read.
absl::StatusOr<StatusReport> ReadStatus(kube::ApiClient& client, const StatusOptions& options);

void PrintText(const StatusReport& report, std::ostream& out);
void PrintJson(const StatusReport& report, std::ostream& out);

int RunStatus(const StatusOptions& options, bool json);

}  // namespace portreeve::cli
