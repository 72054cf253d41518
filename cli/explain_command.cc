#include "cli/explain_command.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <set>
#include <utility>

#include "controller/condition_report.h"
#include "controller/serve/snapshot_cache.h"
#include "dataplane/proxy/listener_choice.h"

namespace portreeve::cli {
namespace {

using GatewayMap = absl::btree_map<std::string, translate::ResourceMap>;

constexpr std::size_t kMostUnattached = 20;

// All Gateways as the controller would send them to one data plane.
translate::ResourceMap Merged(const GatewayMap& gateways) {
  serve::SnapshotCache cache;
  cache.Publish(gateways);
  return cache.Latest("")->resources;
}

std::string Names(const GatewayMap& gateways) {
  std::vector<std::string> names;
  for (const auto& [name, resources] : gateways) names.push_back(name);
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

const config::Port* PortOf(const CompiledConfig& config, const AskedRequest& asked) {
  const auto found = config.runtime->ports.find(asked.port);
  return found == config.runtime->ports.end() ? nullptr : found->second.get();
}

struct Choice {
  std::string gateway;
  CompiledConfig config;
};

// Every Gateway has an address of its own in a cluster, and a URL may not tell which one it leads to. Those with the
// port are asked, and of several those with a listener for the host.
absl::StatusOr<CompiledConfig> ChooseGateway(const GatewayMap& gateways, const AskedRequest& asked) {
  std::vector<Choice> with_port;
  std::vector<Choice> with_host;
  for (const auto& [name, resources] : gateways) {
    CompiledConfig config = CompileSnapshot(resources);
    const config::Port* port = PortOf(config, asked);
    if (port == nullptr) continue;
    const bool covers = proxy::FindListener(*port, asked.host) != nullptr;
    (covers ? with_host : with_port).push_back({name, std::move(config)});
  }
  std::vector<Choice>& choices = with_host.empty() ? with_port : with_host;
  // Then the ports of all of them are worth telling.
  if (choices.empty()) return CompileSnapshot(Merged(gateways));
  if (choices.size() == 1) return std::move(choices.front().config);
  std::vector<std::string> names;
  for (const Choice& choice : choices) names.push_back(choice.gateway);
  return absl::InvalidArgumentError(absl::StrCat(
      "several Gateways have a listener for it: ", absl::StrJoin(names, ", "), "; say which with --gateway"));
}

absl::StatusOr<CompiledConfig> ConfigFor(const Objects& objects, const ExplainCommand& command,
                                         const AskedRequest& asked) {
  const GatewayMap& gateways = objects.translation.gateways;
  if (!command.gateway.empty()) {
    const auto found = gateways.find(command.gateway);
    if (found != gateways.end()) return CompileSnapshot(found->second);
    return absl::NotFoundError(absl::StrCat(
        "--gateway ", command.gateway, ": there is no such Gateway of this controller's; there are: ", Names(gateways),
        ". Write NAMESPACE/NAME"));
  }
  if (!command.from.cluster) return CompileSnapshot(Merged(gateways));
  return ChooseGateway(gateways, asked);
}

// Routes that ask for the Gateway and don't get in are no rules of it, and the likeliest reason for a 404.
void TellUnattached(const Objects& objects, Explanation& explanation) {
  const std::string parent = "parent " + explanation.gateway;
  std::set<std::string> said;
  for (const translate::ObjectStatus& status : objects.translation.statuses) {
    if (status.route == nullptr || said.size() >= kMostUnattached) continue;
    VisitConditions(status, [&](const std::string& where, const gatewayapi::Condition& condition) {
      const bool ours = where == parent || absl::StartsWith(where, parent + " ");
      if (!ours || condition.type != "Accepted" || condition.status != "False") return;
      said.insert(absl::StrCat(status.key.ToString(), " isn't attached: ", condition.reason, ": ", condition.message));
    });
  }
  explanation.notes.insert(explanation.notes.end(), said.begin(), said.end());
}

// Listeners that aren't served: of the Gateway, or of all where none takes the request.
void TellUnserved(const Objects& objects, Explanation& explanation) {
  for (const translate::ObjectStatus& status : objects.translation.statuses) {
    if (status.gateway == nullptr) continue;
    if (!explanation.gateway.empty() && status.key.Name().ToString() != explanation.gateway) continue;
    VisitConditions(status, [&](const std::string& where, const gatewayapi::Condition& condition) {
      const bool about = condition.type == "Accepted" || condition.type == "Conflicted";
      if (!about || !IsComplaint(condition)) return;
      explanation.notes.push_back(absl::StrCat(status.key.ToString(), where.empty() ? "" : " ", where,
                                               " isn't served: ", condition.reason, ": ", condition.message));
    });
  }
}

int Fail(const absl::Status& status) {
  std::cerr << "portreeve explain: " << status.message() << "\n";
  return 2;
}

}  // namespace

absl::StatusOr<Explanation> ExplainObjects(const Objects& objects, const ExplainCommand& command,
                                           const AskedRequest& asked) {
  const absl::StatusOr<CompiledConfig> config = ConfigFor(objects, command, asked);
  if (!config.ok()) return config.status();
  ExplainOptions options;
  if (command.all) options.most_others = std::numeric_limits<std::size_t>::max();
  Explanation explanation = Explain(*config, asked, options);
  for (const std::string& unread : objects.unread) explanation.notes.push_back("not read: " + unread);
  TellUnserved(objects, explanation);
  if (!explanation.gateway.empty()) TellUnattached(objects, explanation);
  return explanation;
}

int RunExplain(const ExplainCommand& command) {
  const absl::StatusOr<AskedRequest> asked = ParseRequest(command.words, command.headers);
  if (!asked.ok()) return Fail(asked.status());
  const absl::StatusOr<Objects> objects = ReadObjects(command.from, command.gateway.empty());
  if (!objects.ok()) return Fail(objects.status());
  const absl::StatusOr<Explanation> explanation = ExplainObjects(*objects, command, *asked);
  if (!explanation.ok()) return Fail(explanation.status());
  (command.json ? PrintJson : PrintText)(*explanation, std::cout);
  return explanation->served() ? 0 : 1;
}

}  // namespace portreeve::cli
