#include "cli/validate.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "controller/condition_report.h"
#include "controller/status/status_json.h"

namespace portreeve::cli {
namespace {

using gatewayapi::Condition;
using gatewayapi::Problem;
using translate::ObjectStatus;

bool Complains(const ObjectStatus& status) {
  bool complains = false;
  VisitConditions(status, [&](const std::string&, const Condition& condition) { complains |= IsComplaint(condition); });
  return complains;
}

const char* SeverityName(Problem::Severity severity) {
  return severity == Problem::Severity::kError ? "error" : "warning";
}

void AddPlace(const gatewayapi::ObjectKey& key, const Findings& findings, nlohmann::ordered_json& json) {
  const auto place = findings.places.find(key);
  if (place == findings.places.end()) return;
  json["file"] = place->second.file;
  json["line"] = place->second.line;
}

nlohmann::ordered_json UnclaimedJson(const translate::Unclaimed& unclaimed, const Findings& findings) {
  nlohmann::ordered_json json = {
      {"object", unclaimed.key.ToString()}, {"message", unclaimed.message}, {"severity", "error"}};
  AddPlace(unclaimed.key, findings, json);
  return json;
}

nlohmann::ordered_json ProblemJson(const Problem& problem) {
  std::string message = problem.message;
  if (!problem.remedy.empty()) message += "; " + problem.remedy;
  return {{"file", problem.file},
          {"line", problem.line},
          {"column", problem.column},
          {"object", problem.object},
          {"field", problem.field},
          {"message", message},
          {"severity", SeverityName(problem.severity)}};
}

void PrintKey(const gatewayapi::ObjectKey& key, const Findings& findings, std::ostream& out) {
  out << key;
  if (const auto place = findings.places.find(key); place != findings.places.end()) {
    out << " (" << place->second.file << ":" << place->second.line << ")";
  }
  out << "\n";
}

void PrintObject(const ObjectStatus& status, const Findings& findings, std::ostream& out) {
  out << (Complains(status) ? "REFUSED " : "ok      ");
  PrintKey(status.key, findings, out);
  std::string last_where;
  VisitConditions(status, [&](const std::string& where, const Condition& condition) {
    if (where != last_where) out << "          " << where << "\n";
    last_where = where;
    out << (IsComplaint(condition) ? "      !   " : "          ") << (where.empty() ? "" : "  ") << condition.type
        << "=" << condition.status << " " << condition.reason;
    if (!condition.message.empty()) out << ": " << condition.message;
    out << "\n";
  });
}

}  // namespace

bool Findings::refused() const {
  const auto is_error = [](const Problem& problem) { return problem.severity == Problem::Severity::kError; };
  return std::ranges::any_of(problems, is_error) || !unclaimed.empty() || std::ranges::any_of(statuses, Complains);
}

Findings Examine(Objects objects) {
  Findings findings;
  findings.statuses = std::move(objects.translation.statuses);
  findings.unclaimed = std::move(objects.translation.unclaimed);
  findings.problems = std::move(objects.problems);
  findings.unread = std::move(objects.unread);
  if (objects.folder == nullptr) return findings;
  const auto find_place = [&](const gatewayapi::ObjectKey& key) {
    if (auto place = objects.folder->PlaceOf(key)) findings.places.emplace(key, *std::move(place));
  };
  for (const ObjectStatus& status : findings.statuses) find_place(status.key);
  for (const translate::Unclaimed& one : findings.unclaimed) find_place(one.key);
  return findings;
}

void PrintText(const Findings& findings, std::ostream& out) {
  for (const ObjectStatus& status : findings.statuses) PrintObject(status, findings, out);
  for (const translate::Unclaimed& one : findings.unclaimed) {
    out << "REFUSED ";
    PrintKey(one.key, findings, out);
    out << "      !   " << one.message << "\n";
  }
  if (!findings.problems.empty()) out << "\n";
  for (const Problem& problem : findings.problems) out << problem << "\n";
  for (const std::string& unread : findings.unread) {
    out << "\nNOT READ " << unread << "\n         what refers to such an object is judged as if it weren't there\n";
  }
  const auto refused =
      std::ranges::count_if(findings.statuses, Complains) + static_cast<std::ptrdiff_t>(findings.unclaimed.size());
  out << "\n"
      << findings.statuses.size() << " objects with a status, " << refused << " refused in whole or in part, "
      << findings.problems.size() << " problems in their texts\n";
}

void PrintJson(const Findings& findings, std::ostream& out) {
  nlohmann::ordered_json json = {{"objects", nlohmann::ordered_json::array()},
                                 {"problems", nlohmann::ordered_json::array()},
                                 {"unread", findings.unread}};
  for (const ObjectStatus& status : findings.statuses) json["objects"].push_back(status::ObjectJson(status));
  for (const translate::Unclaimed& one : findings.unclaimed) json["problems"].push_back(UnclaimedJson(one, findings));
  for (const Problem& problem : findings.problems) json["problems"].push_back(ProblemJson(problem));
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

int Validate(const ObjectsFrom& from, bool json) {
  absl::StatusOr<Objects> objects = ReadObjects(from);
  if (!objects.ok()) {
    std::cerr << "portreeve validate: " << objects.status().message() << "\n";
    return 2;
  }
  const Findings findings = Examine(*std::move(objects));
  (json ? PrintJson : PrintText)(findings, std::cout);
  return findings.refused() ? 1 : 0;
}

}  // namespace portreeve::cli
