#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/status.h"

namespace portreeve::cli {
namespace {

using Json = nlohmann::ordered_json;
using gatewayapi::Condition;

// Columns as wide as their widest cell, two blanks apart.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // `after(i)` prints what belongs below row i, from 0.
  template <typename F>
  void Print(std::ostream& out, F&& after) const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      std::string line;
      for (std::size_t i = 0; i < rows_[r].size(); ++i) {
        if (i > 0) line += "  ";
        line += rows_[r][i];
        if (i + 1 < rows_[r].size()) line.append(widths[i] - rows_[r][i].size(), ' ');
      }
      out << line << "\n";
      if (r > 0) after(r - 1);
    }
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string ShortText(const Condition& condition) {
  return condition.status == "True" ? "True" : absl::StrCat(condition.status, " (", condition.reason, ")");
}

std::string LongText(const Condition& condition) {
  return absl::StrCat(condition.type, "=", condition.status, " ", condition.reason,
                      condition.message.empty() ? "" : ": ", condition.message);
}

std::string ComplaintText(const Complaint& complaint) {
  return absl::StrCat(complaint.where, complaint.where.empty() ? "" : ": ", LongText(complaint.condition));
}

std::string Short(const std::string& version) {
  constexpr std::size_t kDigits = 12;
  return version.empty() ? "-" : version.substr(0, kDigits);
}

void PrintGateways(const StatusReport& report, std::ostream& out) {
  Table table({"GATEWAY", "CLASS", "ADDRESSES", "ACCEPTED", "PROGRAMMED"});
  for (const GatewayLine& line : report.gateways) {
    table.Add({line.name, line.gateway_class, line.addresses.empty() ? "-" : absl::StrJoin(line.addresses, ","),
               ShortText(line.accepted), ShortText(line.programmed)});
  }
  table.Print(out, [&](std::size_t i) {
    const GatewayLine& line = report.gateways[i];
    for (const ListenerLine& listener : line.listeners) {
      out << "  listener " << listener.name << ": " << listener.attached_routes << " routes\n";
    }
    for (const Condition* condition : {&line.accepted, &line.programmed}) {
      if (condition->status != "True") out << "  ! " << LongText(*condition) << "\n";
    }
    for (const Complaint& complaint : line.complaints) out << "  ! " << ComplaintText(complaint) << "\n";
  });
}

void PrintDataPlanes(const StatusReport& report, std::ostream& out) {
  Table table({"DATA PLANE", "GATEWAY", "CONNECTED", "SNAPSHOT", "STATE"});
  for (const DataPlaneLine& line : report.data_planes) {
    const char* state = !line.connected ? "unknown" : line.current ? "current" : "behind";
    table.Add({line.pod, line.gateway, line.connected ? "yes" : "no", Short(line.snapshot), state});
  }
  table.Print(out, [&](std::size_t i) {
    const DataPlaneLine& line = report.data_planes[i];
    if (line.connected && !line.current) out << "  ! it should run " << Short(line.wanted) << "\n";
    for (const RefusalLine& refusal : line.refused) {
      out << "  ! refuses " << refusal.object << ": " << refusal.field << (refusal.field.empty() ? "" : ": ")
          << refusal.message << "\n";
    }
  });
}

Json ConditionJson(const Condition& condition) {
  return {{"type", condition.type},
          {"status", condition.status},
          {"reason", condition.reason},
          {"message", condition.message}};
}

Json ComplaintsJson(const std::vector<Complaint>& complaints) {
  Json json = Json::array();
  for (const Complaint& complaint : complaints) {
    Json one = {{"where", complaint.where}};
    one.update(ConditionJson(complaint.condition));
    json.push_back(std::move(one));
  }
  return json;
}

Json GatewayJson(const GatewayLine& line) {
  Json json = {{"name", line.name},
               {"class", line.gateway_class},
               {"addresses", line.addresses},
               {"accepted", ConditionJson(line.accepted)},
               {"programmed", ConditionJson(line.programmed)},
               {"listeners", Json::array()},
               {"complaints", ComplaintsJson(line.complaints)}};
  for (const ListenerLine& listener : line.listeners) {
    json["listeners"].push_back({{"name", listener.name}, {"attachedRoutes", listener.attached_routes}});
  }
  return json;
}

Json DataPlaneJson(const DataPlaneLine& line) {
  Json json = {{"pod", line.pod},           {"gateway", line.gateway}, {"connected", line.connected},
               {"snapshot", line.snapshot}, {"wanted", line.wanted},   {"current", line.current},
               {"refused", Json::array()}};
  for (const RefusalLine& refusal : line.refused) {
    json["refused"].push_back({{"object", refusal.object}, {"field", refusal.field}, {"message", refusal.message}});
  }
  return json;
}

}  // namespace

void PrintText(const StatusReport& report, std::ostream& out) {
  if (report.gateways.empty()) {
    out << "There are no Gateways of this controller's.\n";
  } else {
    PrintGateways(report, out);
    out << "\n";
    PrintDataPlanes(report, out);
  }
  out << "\n" << report.routes_seen << " routes, " << report.routes.size() << " not as wanted\n";
  for (const RouteLine& line : report.routes) {
    out << "HTTPRoute " << line.name << "\n";
    for (const Complaint& complaint : line.complaints) out << "  ! " << ComplaintText(complaint) << "\n";
  }
  if (!report.problems.empty() || !report.unknown.empty()) out << "\n";
  for (const std::string& problem : report.problems) out << "! " << problem << "\n";
  for (const std::string& unknown : report.unknown) out << "? " << unknown << "\n";
}

void PrintJson(const StatusReport& report, std::ostream& out) {
  Json json = {{"gateways", Json::array()},        {"dataPlanes", Json::array()}, {"routes", Json::array()},
               {"routesSeen", report.routes_seen}, {"problems", report.problems}, {"unknown", report.unknown}};
  for (const GatewayLine& line : report.gateways) json["gateways"].push_back(GatewayJson(line));
  for (const DataPlaneLine& line : report.data_planes) json["dataPlanes"].push_back(DataPlaneJson(line));
  for (const RouteLine& line : report.routes) {
    json["routes"].push_back({{"name", line.name}, {"complaints", ComplaintsJson(line.complaints)}});
  }
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace portreeve::cli
