// What the provisioner asks of the API server.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log.h"
#include "controller/provision/provisioner.h"
#include "controller/translate/gateway_classes.h"
#include "controller/translate/text.h"

namespace portreeve::provision {
namespace {

using gatewayapi::Gateway;
using gatewayapi::GatewayClass;
using std::chrono::milliseconds;
using translate::Concat;
using Json = nlohmann::ordered_json;

constexpr std::string_view kFieldManager = "portreeve-controller";
// Somebody else has to do something first, and a watch tells of it.
constexpr milliseconds kForeignWait{30'000};
constexpr milliseconds kDeletingWait{1000};

translate::Objection NoResources(std::string message) {
  return {"NoResources", std::move(message)};
}

std::string Describe(ObjectKind kind, const std::string& ns, const std::string& name) {
  return Concat(ToString(kind), " ", ns, "/", name);
}

std::string PathOf(ObjectKind kind, const std::string& ns, const std::string& name) {
  return CollectionPath(kind, ns) + "/" + name;
}

bool MayComeBack(const absl::StatusOr<kube::ApiResponse>& response) {
  return !response.ok() || response->status == 429 || response->status >= 500;
}

std::string WhyNot(const absl::StatusOr<kube::ApiResponse>& response) {
  if (!response.ok()) return std::string(response.status().message());
  std::string reason = kube::ReasonOf(*response);
  if (response->status == 403 && !kube::IsNamespaceEnding(*response)) {
    reason += "; let the controller's role get, patch, create and delete it";
  }
  return reason;
}

// What is applied: a Deployment that is scaled by use is left as large as it is.
std::string BodyOf(const PlannedObject& planned, const ObservedObject* live) {
  if (!planned.autoscaling.has_value()) return planned.json;
  Json json = Json::parse(planned.json);
  const int now = live == nullptr ? 0 : live->replicas.value_or(0);
  json["spec"]["replicas"] = std::clamp(now, planned.autoscaling->min_replicas, planned.autoscaling->max_replicas);
  return json.dump();
}

}  // namespace

std::optional<Provisioner::Failure> Provisioner::Ensure(const PlannedObject& planned, Managed* managed) {
  if (Find(planned.kind, managed->ns, planned.name) == nullptr && !known_kinds_.contains(planned.kind)) {
    if (auto failure = Look(planned, *managed)) return failure;
  }
  const ObservedObject* live = Find(planned.kind, managed->ns, planned.name);
  if (live == nullptr) return Apply(planned, nullptr, managed);
  const std::string what = Describe(planned.kind, managed->ns, planned.name);
  if (live->owner_uid != managed->uid) {
    return Failure{NoResources(Concat(what,
                                      " is there already and isn't this Gateway's: delete or rename it, or give "
                                      "the Gateway another name")),
                   kForeignWait};
  }
  if (live->deleting) return Failure{NoResources(Concat(what, " is being deleted")), kDeletingWait};
  Applied& applied = managed->applied[{planned.kind, planned.name}];
  const bool same_plan = applied.hash == planned.hash;
  const std::string expected = same_plan ? applied.projection : Project(planned.json);
  if (Project(live->content, planned.json) == expected) {
    applied.hash = planned.hash;
    applied.projection = expected;
    return std::nullopt;
  }
  if (same_plan) {
    const Clock::time_point now = Clock::now();
    const bool quiet = now > applied.repaired + 2 * kMaxRepair;
    if (!quiet && now < applied.repaired + applied.repair_wait) {
      managed->due = std::min(managed->due, applied.repaired + applied.repair_wait);
      return std::nullopt;
    }
    log::Info("somebody changed an object of a Gateway; it is put right", {{"object", what}});
    applied.repaired = now;
    applied.repair_wait = quiet || applied.repair_wait.count() == 0
                              ? options_.first_repair
                              : std::min<milliseconds>(kMaxRepair, applied.repair_wait * 2);
  }
  return Apply(planned, live, managed);
}

// Finds out whether it is there.
std::optional<Provisioner::Failure> Provisioner::Look(const PlannedObject& planned, const Managed& managed) {
  kube::ApiRequest request;
  request.path = PathOf(planned.kind, managed.ns, planned.name);
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (response.ok() && response->status == 404) return std::nullopt;
  std::optional<ObservedObject> object;
  if (response.ok() && response->ok()) object = ReadObserved(response->body);
  if (!object.has_value()) {
    return Failure{
        NoResources(Concat(Describe(planned.kind, managed.ns, planned.name), " can't be read: ", WhyNot(response)))};
  }
  observed_.insert_or_assign(ObjectId{managed.ns, planned.kind, planned.name}, *std::move(object));
  return std::nullopt;
}

std::optional<Provisioner::Failure> Provisioner::Apply(const PlannedObject& planned, const ObservedObject* live,
                                                       Managed* managed) {
  // Whoever leads again before anybody has noticed has still to do it.
  if (!options_.leader()) return Failure{NoResources("another replica of the controller leads")};
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path =
      Concat(PathOf(planned.kind, managed->ns, planned.name), "?fieldManager=", kFieldManager, "&force=true");
  request.content_type = "application/apply-patch+yaml";
  request.body = BodyOf(planned, live);
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  const std::string what = Describe(planned.kind, managed->ns, planned.name);
  if (!response.ok() || !response->ok()) {
    Failure failure{NoResources(Concat(what, " can't be applied: ", WhyNot(response)))};
    if (response.ok() && response->retry_after) failure.patience = *response->retry_after;
    // What is wrong with it stays so until somebody changes something.
    if (!MayComeBack(response)) failure.patience = std::max(failure.patience, milliseconds(5 * options_.first_retry));
    return failure;
  }
  log::Debug("applied an object of a Gateway", {{"object", what}});
  Applied& applied = managed->applied[{planned.kind, planned.name}];
  applied.hash = planned.hash;
  applied.projection = Project(planned.json);
  if (std::optional<ObservedObject> object = ReadObserved(response->body)) {
    applied.projection = Project(object->content, planned.json);
    observed_.insert_or_assign(ObjectId{managed->ns, planned.kind, planned.name}, *std::move(object));
  }
  std::lock_guard lock(mutex_);
  ++counts_.applied;
  return std::nullopt;
}

std::optional<Provisioner::Failure> Provisioner::Delete(ObjectKind kind, const ObservedObject& object) {
  if (object.deleting) return std::nullopt;
  const Json body = {{"apiVersion", "v1"},
                     {"kind", "DeleteOptions"},
                     {"preconditions", {{"uid", object.uid}}},
                     {"propagationPolicy", "Background"}};
  kube::ApiRequest request;
  request.method = "DELETE";
  request.path = PathOf(kind, object.ns, object.name);
  request.content_type = "application/json";
  request.body = body.dump();
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  const std::string what = Describe(kind, object.ns, object.name);
  // Gone, or another one of that name by now.
  const bool gone = response.ok() && (response->status == 404 || response->status == 409);
  if (!gone && (!response.ok() || !response->ok())) {
    return Failure{NoResources(Concat(what, " can't be deleted: ", WhyNot(response)))};
  }
  log::Info("deleted an object that no Gateway needs any more", {{"object", what}});
  std::lock_guard lock(mutex_);
  ++counts_.deleted;
  return std::nullopt;
}

std::optional<Provisioner::Failure> Provisioner::DeleteUnplanned(const Managed& managed) {
  std::optional<Failure> first;
  std::vector<ObjectId> deleted;
  if (!options_.leader()) return std::nullopt;
  for (auto entry = observed_.lower_bound({managed.ns, ObjectKind::kServiceAccount, ""}); entry != observed_.end();
       ++entry) {
    const ObservedObject& object = entry->second;
    if (object.ns != managed.ns) break;
    if (!object.ours || object.owner_uid != managed.uid) continue;
    const ObjectKind kind = std::get<1>(entry->first);
    const bool planned = std::ranges::any_of(
        managed.plan, [&](const PlannedObject& one) { return one.kind == kind && one.name == object.name; });
    if (planned) continue;
    std::optional<Failure> failure = Delete(kind, object);
    if (!failure.has_value()) deleted.push_back(entry->first);
    if (failure.has_value() && !first.has_value()) first = std::move(failure);
  }
  // A watch tells of those that take their time.
  for (const ObjectId& id : deleted) observed_.erase(id);
  if (!deleted.empty()) WakeWaiting(managed.ns);
  return first;
}

// Objects of Gateways that belong to another controller by now. Those of Gateways that are gone are collected by the
// API server, and a GatewayClass that is missing may come back.
void Provisioner::Sweep() {
  std::vector<ObjectId> deleted;
  if (!options_.leader()) return;
  for (const auto& [id, object] : observed_) {
    if (!object.ours || object.owner_uid.empty() || by_uid_.contains(object.owner_uid)) continue;
    const auto* gateway = planned_state_->Find<Gateway>(object.ns, object.owner_name);
    if (gateway == nullptr || (*gateway)->metadata.uid != object.owner_uid) continue;
    const auto* gateway_class = planned_state_->Find<GatewayClass>("", (*gateway)->spec.gateway_class_name);
    if (gateway_class == nullptr || translate::IsOurs(**gateway_class)) continue;
    if (!Delete(std::get<1>(id), object).has_value()) deleted.push_back(id);
  }
  for (const ObjectId& id : deleted) observed_.erase(id);
}

}  // namespace portreeve::provision
