#include "cli/objects.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <poll.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/log.h"
#include "controller/kube/http_api_client.h"
#include "controller/kube/kind.h"
#include "controller/kube/kube_config.h"
#include "controller/kube/kube_source.h"
#include "controller/kube/server_probe.h"
#include "controller/source/file_source.h"
#include "controller/store/resource_store.h"

namespace portreeve::cli {
namespace {

using Clock = std::chrono::steady_clock;

// How often states that no event tells of are looked at.
constexpr std::chrono::milliseconds kLook{100};

void Apply(const source::SourceBatch& batch, store::ResourceStore& store, bool& dirty) {
  for (const source::ResourceEvent& event : batch.events) dirty |= store.Apply(event);
}

// As the controller does it, where there are Secrets and ConfigMaps that only a translation finds.
std::set<gatewayapi::ObjectKey> WantedBy(const translate::Translation& translation) {
  std::set<gatewayapi::ObjectKey> wanted;
  for (const gatewayapi::NamespacedName& secret : translation.secrets) {
    wanted.insert({gatewayapi::Kind::kSecret, secret.namespace_, secret.name});
  }
  return wanted;
}

std::string NameOf(const kube::KindReport& report) {
  std::string name(report.kind);
  if (!report.namespace_.empty()) absl::StrAppend(&name, " in ", report.namespace_);
  return name;
}

bool Essential(std::string_view name) {
  return std::ranges::any_of(kube::WatchedKinds(),
                             [&](const kube::WatchedKind& kind) { return kind.name == name && kind.essential; });
}

// Kinds without which nothing can be said, and which RBAC keeps from us: waiting mends nothing.
absl::Status Forbidden(const std::vector<kube::KindReport>& reports) {
  std::vector<std::string> forbidden;
  for (const kube::KindReport& report : reports) {
    if (report.status.state != kube::WatchState::kForbidden || !Essential(report.kind)) continue;
    forbidden.push_back(absl::StrCat(NameOf(report), " (", report.status.reason, ")"));
  }
  if (forbidden.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("this user may not read ", absl::StrJoin(forbidden, ", "), "; grant get, list and watch"));
}

absl::Status TooLate(const std::vector<kube::KindReport>& reports, std::chrono::milliseconds timeout) {
  std::vector<std::string> missing;
  std::string unreachable;
  for (const kube::KindReport& report : reports) {
    if (report.status.read) continue;
    const std::string reason = report.status.reason.empty() ? "no whole answer yet" : report.status.reason;
    if (report.status.unreachable) unreachable = reason;
    missing.push_back(absl::StrCat(NameOf(report), " (", reason, ")"));
  }
  const std::string within = absl::StrCat(" within ", static_cast<double>(timeout.count()) / 1000, " s");
  if (!unreachable.empty() && missing.size() == reports.size()) {
    return absl::DeadlineExceededError(
        absl::StrCat("the API server can't be reached", within, ": ", unreachable, "; nothing could be read"));
  }
  if (missing.empty()) missing.emplace_back("Secrets that Gateways name");
  return absl::DeadlineExceededError(
      absl::StrCat("not everything could be read", within, ": ", absl::StrJoin(missing, ", ")));
}

std::vector<std::string> UnreadOf(const std::vector<kube::KindReport>& reports) {
  std::vector<std::string> unread;
  for (const kube::KindReport& report : reports) {
    if (report.status.state != kube::WatchState::kForbidden) continue;
    unread.push_back(absl::StrCat(NameOf(report), ": ", report.status.reason));
  }
  return unread;
}

kube::KubeSourceOptions SourceOptions(const ClusterAccess& access) {
  kube::KubeSourceOptions options;
  options.watch_namespaces = access.namespaces;
  options.reflector.list_deadline = std::min(options.reflector.list_deadline, access.timeout);
  // Nobody is making roles and CRDs while one waits for a command.
  options.reflector.grace = std::chrono::milliseconds(0);
  return options;
}

}  // namespace

absl::StatusOr<Objects> ReadFolder(const std::string& folder, bool one_data_plane) {
  auto opened = source::FileSource::Open(folder);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<source::FileSource> source = *std::move(opened);
  store::ResourceStore store;
  bool dirty = false;
  Apply(source->Read(), store, dirty);
  Objects objects;
  objects.state = store.Snapshot();
  translate::Translator translator({.one_data_plane = one_data_plane});
  objects.translation = translator.Translate(*objects.state);
  objects.problems = source->AllProblems();
  objects.folder = source;
  return objects;
}

absl::StatusOr<Objects> ReadCluster(std::unique_ptr<kube::ApiClient> client, const ClusterAccess& access) {
  const Clock::time_point deadline = Clock::now() + access.timeout;
  kube::ServerProbe probe(nullptr);
  kube::KubeSource source(probe, std::move(client), SourceOptions(access));
  store::ResourceStore store;
  translate::Translator translator(translate::kInCluster);
  Objects objects;
  bool dirty = true;
  for (;;) {
    Apply(source.Read(), store, dirty);
    if (dirty && source.listed()) {
      dirty = false;
      objects.state = store.Snapshot();
      objects.translation = translator.Translate(*objects.state);
      source.SetWanted(WantedBy(objects.translation));
      // Whether something that this refers to is still on its way shows in the next read only.
      Apply(source.Read(), store, dirty);
    }
    if (!dirty && source.complete() && source.settled()) break;
    const std::vector<kube::KindReport> reports = source.Report();
    if (absl::Status status = Forbidden(reports); !status.ok()) return status;
    if (Clock::now() >= deadline) return TooLate(reports, access.timeout);
    pollfd ready{source.fd(), POLLIN, 0};
    poll(&ready, 1, static_cast<int>(kLook.count()));
  }
  objects.problems = source.AllProblems();
  objects.unread = UnreadOf(source.Report());
  return objects;
}

absl::StatusOr<std::unique_ptr<kube::ApiClient>> Connect(const ClusterAccess& access) {
  kube::KubeConfigSearch search;
  search.file = access.kubeconfig;
  auto config = kube::FindKubeConfig(search);
  if (!config.ok()) return config.status();
  auto client = kube::HttpApiClient::Create(config->server);
  if (!client.ok()) return client.status();
  return std::unique_ptr<kube::ApiClient>(*std::move(client));
}

absl::StatusOr<Objects> ReadObjects(const ObjectsFrom& from, bool one_data_plane) {
  if (!from.cluster) return ReadFolder(from.folder, one_data_plane);
  auto client = Connect(from.access);
  if (!client.ok()) return client.status();
  // What goes wrong is said once, at the end.
  log::SetLevel(log::Level::kError);
  return ReadCluster(*std::move(client), from.access);
}

}  // namespace portreeve::cli
