#include "controller/condition_report.h"

#include <algorithm>
#include <string_view>

namespace portreeve {
namespace {

using gatewayapi::Condition;

// Those whose True is the bad news.
constexpr std::string_view kNegative[] = {"Conflicted", "OverlappingTLSConfig", "PartiallyInvalid"};

std::string WhereOf(const gatewayapi::ParentReference& parent, const std::string& own_namespace) {
  std::string where = "parent " + parent.namespace_.value_or(own_namespace) + "/" + parent.name;
  if (parent.section_name) where += " section " + *parent.section_name;
  if (parent.port) where += " port " + std::to_string(*parent.port);
  return where;
}

}  // namespace

bool IsComplaint(const Condition& condition) {
  const bool negative = std::ranges::find(kNegative, condition.type) != std::end(kNegative);
  return condition.status == (negative ? "True" : "False");
}

void VisitConditions(const translate::ObjectStatus& status,
                     const std::function<void(const std::string&, const Condition&)>& visit) {
  const auto all = [&](const std::string& where, const std::vector<Condition>& conditions) {
    for (const Condition& condition : conditions) visit(where, condition);
  };
  if (status.gateway_class != nullptr) all("", status.gateway_class->conditions);
  if (status.gateway != nullptr) {
    all("", status.gateway->conditions);
    for (const auto& listener : status.gateway->listeners) all("listener " + listener.name, listener.conditions);
  }
  if (status.route != nullptr) {
    for (const auto& parent : status.route->parents) {
      if (parent.controller_name != translate::ControllerName()) continue;
      all(WhereOf(parent.parent_ref, status.key.namespace_), parent.conditions);
    }
  }
}

}  // namespace portreeve
