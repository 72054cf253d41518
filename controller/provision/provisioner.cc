#include "controller/provision/provisioner.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "controller/provision/effective_config.h"
#include "controller/translate/text.h"

namespace portreeve::provision {
namespace {

using gatewayapi::Gateway;
using gatewayapi::Kind;
using gatewayapi::NamespacedName;
using std::chrono::milliseconds;
using store::ClusterState;
using translate::Concat;
using translate::Objection;
using translate::ObjectStatus;

bool IsTrue(const std::vector<gatewayapi::Condition>& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &gatewayapi::Condition::type);
  return found != conditions.end() && found->status == "True";
}

// Of the listeners that are served.
std::set<std::uint16_t> PortsOf(const Gateway& gateway, const gatewayapi::GatewayStatus& status) {
  std::set<std::uint16_t> ports;
  for (const gatewayapi::ListenerStatus& listener : status.listeners) {
    const auto spec = std::ranges::find(gateway.spec.listeners, listener.name, &gatewayapi::Listener::name);
    if (spec != gateway.spec.listeners.end() && IsTrue(listener.conditions, "Accepted")) ports.insert(spec->port);
  }
  return ports;
}

// Calls visit(status, gateway) for each Gateway of ours that there is.
template <typename Visit>
void VisitGateways(const ClusterState& state, const Provisioner::Statuses& statuses, Visit visit) {
  auto status = statuses.lower_bound({Kind::kGateway, "", ""});
  for (; status != statuses.end() && status->key.kind == Kind::kGateway; ++status) {
    const auto* gateway = state.Find<Gateway>(status->key.namespace_, status->key.name);
    if (gateway != nullptr && status->gateway != nullptr) visit(*status, gateway->object);
  }
}

}  // namespace

Provisioner::Provisioner(kube::ApiClient& api, Options options)
    : api_(api), options_(std::move(options)), thread_([this] { Run(); }) {}

Provisioner::~Provisioner() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Provisioner::Submit(std::shared_ptr<const ClusterState> state, std::shared_ptr<const Statuses> statuses) {
  NameTable names;
  VisitGateways(*state, *statuses,
                [&](const ObjectStatus&, const gatewayapi::Ptr<Gateway>& gateway) { names.Add(*gateway); });
  {
    std::lock_guard lock(mutex_);
    // At once: who is served from now on may ask in the next moment.
    names_ = std::move(names);
    state_ = std::move(state);
    statuses_ = std::move(statuses);
    submitted_ = true;
    dirty_ = true;
  }
  changed_.notify_all();
}

void Provisioner::Observe(ObjectKind kind, ObservedObject object) {
  {
    std::lock_guard lock(mutex_);
    observations_.push_back({kind, std::move(object)});
    dirty_ = true;
  }
  changed_.notify_all();
}

void Provisioner::ObserveGone(ObjectKind kind, const std::string& ns, const std::string& name) {
  {
    std::lock_guard lock(mutex_);
    observations_.push_back({kind, NamespacedName{ns, name}});
    dirty_ = true;
  }
  changed_.notify_all();
}

void Provisioner::ObservedAll(ObjectKind kind) {
  std::lock_guard lock(mutex_);
  complete_.insert(kind);
}

void Provisioner::LeadershipChanged() {
  {
    std::lock_guard lock(mutex_);
    dirty_ = true;
  }
  changed_.notify_all();
}

std::optional<std::string> Provisioner::GatewayOf(std::string_view ns, std::string_view service_account) const {
  std::lock_guard lock(mutex_);
  const auto owner = names_.OwnerOf(std::string(ns), std::string(service_account));
  if (!owner.has_value()) return std::nullopt;
  return owner->ToString();
}

Provisioner::Counts Provisioner::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

void Provisioner::Run() {
  Clock::time_point due = Clock::time_point::max();
  while (true) {
    std::vector<Observation> observations;
    bool submitted = false;
    {
      std::unique_lock lock(mutex_);
      const auto woken = [&] { return dirty_ || stopping_; };
      const Clock::time_point until = leading_ ? due : std::min(due, Clock::now() + kLeaderPeriod);
      if (until == Clock::time_point::max()) {
        changed_.wait(lock, woken);
      } else {
        changed_.wait_until(lock, until, woken);
      }
      if (stopping_) return;
      dirty_ = false;
      observations.swap(observations_);
      submitted = std::exchange(submitted_, false);
      planned_state_ = state_;
      planned_statuses_ = statuses_;
      known_kinds_ = complete_;
    }
    TakeObservations(std::move(observations));
    due = planned_state_ == nullptr ? Clock::time_point::max() : Round(submitted);
  }
}

void Provisioner::TakeObservations(std::vector<Observation> observations) {
  const auto touch = [&](const std::string& owner_uid) {
    sweep_ = true;
    const auto gateway = by_uid_.find(owner_uid);
    if (gateway != by_uid_.end()) managed_.at(gateway->second).dirty = true;
  };
  for (Observation& observation : observations) {
    if (auto* object = std::get_if<ObservedObject>(&observation.object)) {
      ObservedObject& known = observed_[{object->ns, observation.kind, object->name}];
      // Most changes are those of a Deployment's status.
      const bool same = known == *object;
      known = std::move(*object);
      if (!same) touch(known.owner_uid);
      continue;
    }
    const auto& gone = std::get<NamespacedName>(observation.object);
    const auto known = observed_.find({gone.namespace_, observation.kind, gone.name});
    if (known == observed_.end()) continue;
    const std::string owner_uid = known->second.owner_uid;
    observed_.erase(known);
    touch(owner_uid);
    // Whoever waits for the name.
    for (auto& [name, managed] : managed_)
      managed.dirty |= managed.ns == gone.namespace_ && managed.trouble.has_value();
  }
}

// A name has become free.
void Provisioner::WakeWaiting(const std::string& ns) {
  for (auto& [name, managed] : managed_) managed.dirty |= managed.ns == ns && managed.trouble.has_value();
}

Provisioner::Clock::time_point Provisioner::Round(bool submitted) {
  if (submitted) Replan();
  const bool leader = options_.leader();
  if (leader && !leading_) {
    log::Info("provisioning data planes", {{"gateways", managed_.size()}});
    for (auto& [name, managed] : managed_) managed.dirty = true;
    sweep_ = true;
  }
  leading_ = leader;
  if (leading_ && std::exchange(sweep_, false)) Sweep();
  for (auto& [gateway, managed] : managed_) {
    if (!managed.dirty && managed.due > Clock::now()) continue;
    managed.dirty = false;
    managed.due = Clock::time_point::max();
    if (leading_) Settle(gateway, &managed);
    UpdatePlacement(gateway, &managed);
  }
  // One may have made way for another.
  Clock::time_point due = Clock::time_point::max();
  for (const auto& [gateway, managed] : managed_) {
    due = std::min(due, managed.dirty ? Clock::now() : managed.due);
  }
  return due;
}

void Provisioner::Replan() {
  NameTable names;
  absl::btree_set<std::string> there;
  std::vector<std::pair<const ObjectStatus*, gatewayapi::Ptr<Gateway>>> ours;
  VisitGateways(*planned_state_, *planned_statuses_,
                [&](const ObjectStatus& status, const gatewayapi::Ptr<Gateway>& gateway) {
                  names.Add(*gateway);
                  ours.emplace_back(&status, gateway);
                });
  by_uid_.clear();
  for (const auto& [one, gateway] : ours) {
    const std::string name = one->key.Name().ToString();
    there.insert(name);
    Managed& managed = managed_[name];
    if (managed.uid != gateway->metadata.uid) managed = {};
    managed.ns = gateway->metadata.namespace_;
    managed.uid = gateway->metadata.uid;
    by_uid_[managed.uid] = name;
    ReplanOne(*one, gateway, names, &managed);
  }
  for (auto managed = managed_.begin(); managed != managed_.end();) {
    if (there.contains(managed->first)) {
      ++managed;
      continue;
    }
    if (managed->second.placement.has_value()) options_.unplaced(managed->first);
    managed = managed_.erase(managed);
    sweep_ = true;
  }
}

void Provisioner::ReplanOne(const ObjectStatus& status, const gatewayapi::Ptr<Gateway>& gateway, const NameTable& names,
                            Managed* managed) {
  const std::string name = ObjectName(gateway->metadata.name, gateway->spec.gateway_class_name);
  const std::optional<NamespacedName> owner = names.OwnerOf(managed->ns, name);
  managed->refused.reset();
  if (owner.has_value() && owner->name != gateway->metadata.name) {
    managed->refused = Objection{"NoResources", Concat("the name ", name, " is in use for Gateway ", owner->ToString(),
                                                       ": give this one another name")};
    managed->dirty |= !managed->plan.empty() || !managed->inputs.has_value();
    managed->inputs.emplace();
    managed->plan.clear();
    return;
  }
  if (!IsTrue(status.gateway->conditions, "Accepted")) return;
  std::optional<gatewayapi::DataPlaneConfig::Spec> config = EffectiveConfig(*planned_state_, *gateway);
  Inputs inputs{gateway, config.value_or(gatewayapi::DataPlaneConfig::Spec()), PortsOf(*gateway, *status.gateway)};
  if (!config.has_value() || inputs.ports.empty() || managed->inputs == inputs) return;
  std::vector<PlannedObject> plan = Plan(*gateway, inputs.config, inputs.ports, options_.plan);
  managed->dirty |= plan != managed->plan;
  managed->inputs = std::move(inputs);
  managed->plan = std::move(plan);
}

void Provisioner::Settle(const std::string& gateway, Managed* managed) {
  if (!managed->inputs.has_value()) return;
  const std::optional<Objection> before = std::exchange(managed->trouble, managed->refused);
  milliseconds patience{0};
  bool failed = false;
  const auto note = [&](std::optional<Failure> failure) {
    if (!failure.has_value()) return;
    failed = true;
    patience = std::max(patience, failure->patience);
    if (!managed->trouble.has_value()) managed->trouble = std::move(failure->objection);
  };
  for (const PlannedObject& planned : managed->plan) note(Ensure(planned, managed));
  note(DeleteUnplanned(*managed));
  if (!failed) {
    managed->failures = 0;
  } else {
    const milliseconds wait =
        std::min<milliseconds>(kMaxRetry, options_.first_retry * (1 << std::min(managed->failures, 10)));
    ++managed->failures;
    managed->due = std::min(managed->due, Clock::now() + std::max(wait, patience));
    std::lock_guard lock(mutex_);
    ++counts_.failures;
  }
  if (managed->trouble.has_value() && managed->trouble != before) {
    log::Warning("a Gateway can't be provisioned in whole",
                 {{"gateway", gateway}, {"reason", managed->trouble->message}});
  }
}

void Provisioner::UpdatePlacement(const std::string& gateway, Managed* managed) {
  if (!managed->inputs.has_value()) return;
  const auto service = [&](const std::string& name) { return Find(ObjectKind::kService, managed->ns, name); };
  const std::int64_t now = options_.wall_clock();
  Placement placement = Place(managed->ns, managed->plan, service, now);
  if (managed->trouble.has_value()) placement.problem = managed->trouble;
  if (placement.look_again.has_value()) {
    managed->due = std::min(managed->due, Clock::now() + std::chrono::seconds(*placement.look_again - now));
  }
  if (managed->placement == placement) return;
  managed->placement = placement;
  options_.placed(gateway, placement);
}

const ObservedObject* Provisioner::Find(ObjectKind kind, const std::string& ns, const std::string& name) const {
  const auto found = observed_.find({ns, kind, name});
  return found == observed_.end() ? nullptr : &found->second;
}

}  // namespace portreeve::provision
