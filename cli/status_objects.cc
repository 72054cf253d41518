#include "cli/status_objects.h"

#include <absl/strings/str_cat.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "controller/condition_report.h"

namespace portreeve::cli {
namespace {

using gatewayapi::Condition;
using nlohmann::json;

std::int64_t NumberOf(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

Condition ConditionOf(const json& object) {
  Condition condition;
  condition.type = TextOf(object, "type");
  condition.status = TextOf(object, "status");
  condition.reason = TextOf(object, "reason");
  condition.message = TextOf(object, "message");
  const json& generation = Member(object, "observedGeneration");
  if (generation.is_number_integer()) condition.observed_generation = generation.get<std::int64_t>();
  return condition;
}

// The Gateway API's own default for a Gateway that nobody has judged.
Condition Unjudged(const char* type) {
  Condition condition;
  condition.type = type;
  condition.status = "Unknown";
  condition.reason = "Pending";
  condition.message = "no controller has judged it yet";
  return condition;
}

// One about an older text says nothing of the one that is there.
Condition Fresh(Condition condition, std::int64_t generation) {
  if (!condition.observed_generation || *condition.observed_generation >= generation) return condition;
  condition.message = absl::StrCat("it was ", condition.status, " (", condition.reason, ") for generation ",
                                   *condition.observed_generation, ", and the object is at ", generation,
                                   " by now; no controller has judged that yet");
  condition.status = "Unknown";
  condition.reason = "Outdated";
  return condition;
}

std::vector<Condition> ConditionsOf(const json& holder, std::int64_t generation) {
  std::vector<Condition> conditions;
  for (const json& one : Member(holder, "conditions")) conditions.push_back(Fresh(ConditionOf(one), generation));
  return conditions;
}

// Two HTTPS listeners that share hosts are a hint, and may be meant so.
bool IsBad(const Condition& condition) {
  if (condition.type == "OverlappingTLSConfig") return false;
  return IsComplaint(condition) || condition.status == "Unknown";
}

void AddComplaints(const std::string& where, const std::vector<Condition>& conditions,
                   std::vector<Complaint>& complaints) {
  for (const Condition& condition : conditions) {
    if (IsBad(condition)) complaints.push_back({where, condition});
  }
}

// A parentRef as one text, by which those of spec and status are compared.
struct Parent {
  std::string gateway;
  std::string text;  // with section and port
};

// Of a Gateway; empty for a parent of another kind.
Parent ParentOf(const json& ref, const std::string& own_namespace) {
  const std::string group =
      Member(ref, "group").is_string() ? TextOf(ref, "group") : std::string(gatewayapi::kGatewayGroup);
  const std::string kind = Member(ref, "kind").is_string() ? TextOf(ref, "kind") : "Gateway";
  if (group != gatewayapi::kGatewayGroup || kind != "Gateway") return {};
  const std::string given = TextOf(ref, "namespace");
  Parent parent;
  parent.gateway = absl::StrCat(given.empty() ? own_namespace : given, "/", TextOf(ref, "name"));
  parent.text = "parent " + parent.gateway;
  if (const std::string section = TextOf(ref, "sectionName"); !section.empty()) {
    absl::StrAppend(&parent.text, " section ", section);
  }
  if (const std::int64_t port = NumberOf(ref, "port"); port != 0) absl::StrAppend(&parent.text, " port ", port);
  return parent;
}

}  // namespace

const json& Member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string TextOf(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string FullNameOf(const json& object) {
  const json& metadata = Member(object, "metadata");
  const std::string space = TextOf(metadata, "namespace");
  return space.empty() ? TextOf(metadata, "name") : absl::StrCat(space, "/", TextOf(metadata, "name"));
}

std::set<std::string> ClassesOf(const std::vector<json>& classes, const std::string& controller_name) {
  std::set<std::string> ours;
  for (const json& one : classes) {
    if (TextOf(Member(one, "spec"), "controllerName") == controller_name) ours.insert(FullNameOf(one));
  }
  return ours;
}

GatewayLine GatewayLineOf(const json& gateway) {
  const std::int64_t generation = NumberOf(Member(gateway, "metadata"), "generation");
  const json& status = Member(gateway, "status");
  GatewayLine line;
  line.name = FullNameOf(gateway);
  line.gateway_class = TextOf(Member(gateway, "spec"), "gatewayClassName");
  line.accepted = Unjudged("Accepted");
  line.programmed = Unjudged("Programmed");
  for (const json& address : Member(status, "addresses")) line.addresses.push_back(TextOf(address, "value"));
  for (Condition& condition : ConditionsOf(status, generation)) {
    if (condition.type == "Accepted") {
      line.accepted = std::move(condition);
    } else if (condition.type == "Programmed") {
      line.programmed = std::move(condition);
    } else if (IsBad(condition)) {
      line.complaints.push_back({"", std::move(condition)});
    }
  }
  std::set<std::string> judged;
  for (const json& listener : Member(status, "listeners")) {
    const std::string name = TextOf(listener, "name");
    judged.insert(name);
    line.listeners.push_back({name, NumberOf(listener, "attachedRoutes")});
    AddComplaints("listener " + name, ConditionsOf(listener, generation), line.complaints);
  }
  for (const json& listener : Member(Member(gateway, "spec"), "listeners")) {
    const std::string name = TextOf(listener, "name");
    if (judged.contains(name)) continue;
    line.listeners.push_back({name, 0});
    line.complaints.push_back({"listener " + name, Unjudged("Accepted")});
  }
  return line;
}

RouteLine RouteLineOf(const json& route, const std::set<std::string>& gateways, const std::string& controller_name,
                      bool& ours) {
  const std::int64_t generation = NumberOf(Member(route, "metadata"), "generation");
  const std::string own_namespace = TextOf(Member(route, "metadata"), "namespace");
  RouteLine line;
  line.name = FullNameOf(route);
  std::set<std::string> judged;
  for (const json& entry : Member(Member(route, "status"), "parents")) {
    if (TextOf(entry, "controllerName") != controller_name) continue;
    const Parent parent = ParentOf(Member(entry, "parentRef"), own_namespace);
    judged.insert(parent.text);
    if (gateways.contains(parent.gateway)) {
      AddComplaints(parent.text, ConditionsOf(entry, generation), line.complaints);
    }
  }
  ours = false;
  for (const json& ref : Member(Member(route, "spec"), "parentRefs")) {
    const Parent parent = ParentOf(ref, own_namespace);
    if (!gateways.contains(parent.gateway)) continue;
    ours = true;
    if (!judged.contains(parent.text)) line.complaints.push_back({parent.text, Unjudged("Accepted")});
  }
  return line;
}

}  // namespace portreeve::cli
