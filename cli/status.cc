#include "cli/status.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "cli/status_objects.h"
#include "controller/kube/kind.h"
#include "controller/provision/names.h"
#include "controller/translate/translator.h"

namespace portreeve::cli {
namespace {

using Clock = std::chrono::steady_clock;
using gatewayapi::Kind;
using nlohmann::json;

// Of one request: an API server that can't reach a pod says so later than this.
constexpr std::chrono::milliseconds kOneRequest{10'000};
constexpr int kAdminPort = 18001;
constexpr std::string_view kControllerPods = "app.kubernetes.io/component=controller,app.kubernetes.io/name=portreeve";
constexpr std::string_view kDataPlanePods =
    "app.kubernetes.io/component=dataplane,app.kubernetes.io/managed-by=portreeve";
const std::string kGatewayLabel(provision::kGatewayLabel);

bool IsTrue(const gatewayapi::Condition& condition) {
  return condition.status == "True";
}

// Asks an API server one thing after the other, up to a deadline for all.
class Reader {
 public:
  Reader(kube::ApiClient& client, const StatusOptions& options)
      : client_(client), options_(options), deadline_(Clock::now() + options.access.timeout) {}

  absl::Status Read(StatusReport& report);

 private:
  absl::StatusOr<json> Get(const std::string& path);
  absl::StatusOr<std::vector<json>> List(const std::string& collection, std::string_view labels = "");
  // Of the namespace that is asked about, in the version that the server has.
  absl::StatusOr<std::vector<json>> ListKind(Kind kind);
  void ReadControllers(StatusReport& report, const std::set<std::string>& gateways);
  absl::Status AskController(const json& pod, StatusReport& report, const std::set<std::string>& gateways);
  void ReadPods(StatusReport& report, const std::set<std::string>& gateways);

  kube::ApiClient& client_;
  const StatusOptions& options_;
  const Clock::time_point deadline_;
};

absl::StatusOr<json> Reader::Get(const std::string& path) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  if (left.count() <= 0) return absl::DeadlineExceededError("the time that --timeout gives is over");
  kube::ApiRequest request;
  request.path = path;
  request.deadline = std::min(kOneRequest, left);
  const absl::StatusOr<kube::ApiResponse> answer = client_.Send(request);
  if (!answer.ok()) return answer.status();
  const std::string reason = absl::StrCat("the API server answers ", answer->status, ": ", kube::ReasonOf(*answer));
  if (answer->status == 404) return absl::NotFoundError(reason);
  if (answer->status == 403) return absl::PermissionDeniedError(reason);
  if (!answer->ok()) return absl::UnavailableError(reason);
  json parsed = json::parse(answer->body, nullptr, false);
  if (parsed.is_discarded()) return absl::DataLossError("the answer is no JSON");
  return parsed;
}

absl::StatusOr<std::vector<json>> Reader::List(const std::string& collection, std::string_view labels) {
  std::vector<json> all;
  std::string position;
  do {
    std::string path = absl::StrCat(collection, "?limit=500");
    if (!labels.empty()) absl::StrAppend(&path, "&labelSelector=", kube::PercentEncode(labels));
    if (!position.empty()) absl::StrAppend(&path, "&continue=", kube::PercentEncode(position));
    absl::StatusOr<json> page = Get(path);
    if (!page.ok()) return page.status();
    for (const json& item : Member(*page, "items")) all.push_back(item);
    position = TextOf(Member(*page, "metadata"), "continue");
  } while (!position.empty());
  return all;
}

absl::StatusOr<std::vector<json>> Reader::ListKind(Kind kind) {
  const kube::WatchedKind& watched = kube::WatchedKindOf(kind);
  const std::string ns = options_.access.namespaces.empty() ? "" : options_.access.namespaces.front();
  absl::Status status;
  for (const std::string_view version : watched.versions) {
    if (version.empty()) break;
    auto list = List(kube::CollectionPath(watched, version, ns));
    if (list.ok()) return list;
    status = list.status();
    if (!absl::IsNotFound(status)) break;
  }
  std::string remedy;
  if (absl::IsNotFound(status)) remedy = "; install the Gateway API's CRDs";
  if (absl::IsPermissionDenied(status)) remedy = absl::StrCat("; grant get and list of ", watched.FullName());
  return absl::Status(status.code(),
                      absl::StrCat(std::string(watched.name), "s can't be read: ", status.message(), remedy));
}

absl::Status Reader::Read(StatusReport& report) {
  const auto classes = ListKind(Kind::kGatewayClass);
  if (!classes.ok()) return classes.status();
  const auto gateways = ListKind(Kind::kGateway);
  if (!gateways.ok()) return gateways.status();
  const auto routes = ListKind(Kind::kHTTPRoute);
  if (!routes.ok()) return routes.status();
  const std::set<std::string> our_classes = ClassesOf(*classes, std::string(translate::ControllerName()));
  std::set<std::string> our_gateways;
  for (const json& gateway : *gateways) {
    if (!our_classes.contains(TextOf(Member(gateway, "spec"), "gatewayClassName"))) continue;
    report.gateways.push_back(GatewayLineOf(gateway));
    our_gateways.insert(report.gateways.back().name);
  }
  for (const json& route : *routes) {
    bool ours = false;
    RouteLine line = RouteLineOf(route, our_gateways, std::string(translate::ControllerName()), ours);
    report.routes_seen += ours ? 1 : 0;
    if (!line.complaints.empty()) report.routes.push_back(std::move(line));
  }
  ReadControllers(report, our_gateways);
  ReadPods(report, our_gateways);
  std::ranges::sort(report.data_planes, {},
                    [](const DataPlaneLine& line) { return std::pair(line.gateway, line.pod); });
  return absl::OkStatus();
}

int AdminPortOf(const json& pod) {
  for (const json& container : Member(Member(pod, "spec"), "containers")) {
    for (const json& port : Member(container, "ports")) {
      const json& number = Member(port, "containerPort");
      if (TextOf(port, "name") == "admin" && number.is_number_integer()) return number.get<int>();
    }
  }
  return kAdminPort;
}

bool IsOver(const json& pod) {
  const std::string phase = TextOf(Member(pod, "status"), "phase");
  return phase == "Succeeded" || phase == "Failed" || Member(Member(pod, "metadata"), "deletionTimestamp").is_string();
}

void Reader::ReadControllers(StatusReport& report, const std::set<std::string>& gateways) {
  const std::string collection =
      absl::StrCat("/api/v1/namespaces/", kube::PercentEncode(options_.controller_namespace), "/pods");
  const auto pods = List(collection, kControllerPods);
  if (!pods.ok()) {
    report.unknown.push_back(
        absl::StrCat("controllers in ", options_.controller_namespace, ": ", std::string(pods.status().message())));
    return;
  }
  std::size_t running = 0;
  for (const json& pod : *pods) {
    if (IsOver(pod)) continue;
    ++running;
    const absl::Status status = AskController(pod, report, gateways);
    if (status.ok()) continue;
    report.unknown.push_back(absl::StrCat("controller ", FullNameOf(pod), ": ", std::string(status.message())));
  }
  if (running > 0) return;
  report.unknown.push_back(absl::StrCat("controllers: no pod in ", options_.controller_namespace, " has the labels ",
                                        std::string(kControllerPods),
                                        "; name another namespace with --controller-namespace"));
}

absl::Status Reader::AskController(const json& pod, StatusReport& report, const std::set<std::string>& gateways) {
  const std::string name = TextOf(Member(pod, "metadata"), "name");
  const absl::StatusOr<json> answer =
      Get(absl::StrCat("/api/v1/namespaces/", kube::PercentEncode(options_.controller_namespace), "/pods/",
                       kube::PercentEncode(name), ":", AdminPortOf(pod), "/proxy/dataplanes"));
  if (!answer.ok()) return answer.status();
  if (!Member(*answer, "dataPlanes").is_array()) return absl::DataLossError("its answer has no dataPlanes");
  for (const json& one : Member(*answer, "dataPlanes")) {
    DataPlaneLine line;
    line.gateway = TextOf(one, "gateway");
    if (!gateways.contains(line.gateway)) continue;
    line.pod = TextOf(one, "pod");
    if (line.pod.empty()) line.pod = TextOf(one, "instance");
    line.connected = Member(one, "connected") == true;
    line.snapshot = TextOf(one, "snapshot");
    line.wanted = TextOf(one, "wanted");
    line.current = Member(one, "current") == true;
    for (const json& refusal : Member(one, "refused")) {
      line.refused.push_back({TextOf(refusal, "object"), TextOf(refusal, "field"), TextOf(refusal, "message")});
    }
    // The leading controller is told of those that are connected to the others, too.
    const auto same = [&](const DataPlaneLine& other) {
      return other.gateway == line.gateway && other.pod == line.pod;
    };
    if (std::ranges::none_of(report.data_planes, same)) report.data_planes.push_back(std::move(line));
  }
  return absl::OkStatus();
}

// Pods that no controller knows of, and Gateways without any.
void Reader::ReadPods(StatusReport& report, const std::set<std::string>& gateways) {
  std::set<std::pair<std::string, std::string>> known;
  std::set<std::string> served;
  for (const DataPlaneLine& line : report.data_planes) {
    known.emplace(line.gateway, line.pod);
    if (line.connected) served.insert(line.gateway);
  }
  // A long name isn't a label's value as it is.
  std::map<std::string, std::string> by_label;
  for (const std::string& gateway : gateways) {
    const std::size_t slash = gateway.find('/');
    by_label[gateway.substr(0, slash + 1) + provision::LabelValue(gateway.substr(slash + 1))] = gateway;
  }
  // Where a controller couldn't be asked, its data planes are missing here and may be well.
  const bool all_asked = report.unknown.empty();
  const std::string ns = options_.access.namespaces.empty()
                             ? ""
                             : absl::StrCat("/namespaces/", kube::PercentEncode(options_.access.namespaces.front()));
  const auto pods = List(absl::StrCat("/api/v1", ns, "/pods"), kDataPlanePods);
  if (!pods.ok()) {
    report.unknown.push_back(absl::StrCat("pods of data planes: ", std::string(pods.status().message())));
  } else {
    for (const json& pod : *pods) {
      const json& metadata = Member(pod, "metadata");
      DataPlaneLine line;
      const auto gateway = by_label.find(
          absl::StrCat(TextOf(metadata, "namespace"), "/", TextOf(Member(metadata, "labels"), kGatewayLabel.c_str())));
      if (gateway == by_label.end() || IsOver(pod)) continue;
      line.gateway = gateway->second;
      line.pod = TextOf(metadata, "name");
      if (known.contains({line.gateway, line.pod})) continue;
      if (all_asked) {
        report.data_planes.push_back(std::move(line));
      } else {
        report.unknown.push_back(
            absl::StrCat("data plane ", line.pod, " of ", line.gateway, ": no controller that was asked knows of it"));
      }
    }
  }
  if (!all_asked) return;
  for (const std::string& gateway : gateways) {
    if (!served.contains(gateway))
      report.problems.push_back(absl::StrCat("no data plane of ", gateway, " is connected"));
  }
}

}  // namespace

int ExitCodeOf(const StatusReport& report) {
  const bool good =
      report.problems.empty() && report.routes.empty() &&
      std::ranges::all_of(report.gateways,
                          [](const GatewayLine& line) {
                            return IsTrue(line.accepted) && IsTrue(line.programmed) && line.complaints.empty();
                          }) &&
      std::ranges::all_of(report.data_planes, [](const DataPlaneLine& line) {
        return line.connected && line.current && line.refused.empty();
      });
  if (!good) return 1;
  return report.unknown.empty() ? 0 : 2;
}

absl::StatusOr<StatusReport> ReadStatus(kube::ApiClient& client, const StatusOptions& options) {
  StatusReport report;
  if (absl::Status status = Reader(client, options).Read(report); !status.ok()) return status;
  return report;
}

int RunStatus(const StatusOptions& options, bool json) {
  const auto fail = [](const absl::Status& status) {
    std::cerr << "portreeve status: " << status.message() << "\n";
    return 2;
  };
  const auto client = Connect(options.access);
  if (!client.ok()) return fail(client.status());
  const absl::StatusOr<StatusReport> report = ReadStatus(**client, options);
  if (!report.ok()) return fail(report.status());
  (json ? PrintJson : PrintText)(*report, std::cout);
  return ExitCodeOf(*report);
}

}  // namespace portreeve::cli
