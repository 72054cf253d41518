#include "controller/serve/data_planes_json.h"

#include <nlohmann/json.hpp>

namespace portreeve::serve {
namespace {

using Json = nlohmann::ordered_json;

Json RefusalJson(const Refusal& refusal) {
  return {{"key", refusal.key},
          {"version", refusal.version},
          {"object", refusal.origin},
          {"field", refusal.field},
          {"message", refusal.message}};
}

Json ReportJson(const DataPlaneReport& report, const SnapshotCache& cache) {
  const auto latest = cache.Latest(report.gateway);
  const std::string wanted = latest == nullptr ? "" : latest->version;
  Json json = {{"gateway", report.gateway},
               {"pod", report.pod},
               {"instance", report.instance},
               {"connected", report.connected},
               {"snapshot", report.snapshot},
               {"wanted", wanted},
               {"current", !wanted.empty() && report.snapshot == wanted},
               {"refused", Json::array()},
               {"listening", report.listening}};
  for (const Refusal& refusal : report.refused) json["refused"].push_back(RefusalJson(refusal));
  return json;
}

}  // namespace

std::string DataPlanesJson(const std::vector<DataPlaneReport>& reports, const SnapshotCache& cache) {
  Json json = {{"dataPlanes", Json::array()}};
  for (const DataPlaneReport& report : reports) json["dataPlanes"].push_back(ReportJson(report, cache));
  // A data plane's words may be no UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace portreeve::serve
