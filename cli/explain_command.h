// `portreeve explain`: which gateway, listener, route, rule, filters and backends a request gets.
#pragma once

#include <absl/status/statusor.h>

#include <ostream>
#include <string>
#include <vector>

#include "cli/explain.h"
#include "cli/objects.h"
#include "cli/request.h"

namespace portreeve::cli {

struct ExplainCommand {
  ObjectsFrom from;
  // "demo/edge": the data plane of this Gateway alone. Empty: of a folder, one for all its Gateways, as `portreeve run`
  // has it; of a cluster, the Gateway whose listeners take the request.
  std::string gateway;
  // [METHOD] URL
  std::vector<std::string> words;
  // "Name: value"
  std::vector<std::string> headers;
  bool json = false;
  // All other rules, however many.
  bool all = false;
};

// Objects that were read as `command.from` and `command.gateway` say. An error: there is no such Gateway, or several
// take the request and none is named.
absl::StatusOr<Explanation> ExplainObjects(const Objects& objects, const ExplainCommand& command,
                                           const AskedRequest& asked);

void PrintText(const Explanation& explanation, std::ostream& out);
void PrintJson(const Explanation& explanation, std::ostream& out);

// Exit code: 0 when a backend or a redirect answers, 1 when the gateway itself does, for some or all such requests, 2
// for a request or objects that can't be understood or read.
int RunExplain(const ExplainCommand& command);

}  // namespace portreeve::cli
