#include "controller/status/status_loop.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/log.h"
#include "controller/translate/changes.h"
#include "controller/translate/resources.h"

namespace portreeve::status {
namespace {

using gatewayapi::Gateway;
using gatewayapi::GatewayClass;
using gatewayapi::HTTPRoute;
using gatewayapi::Kind;
using gatewayapi::NamespacedName;
using gatewayapi::Object;
using gatewayapi::ObjectKey;
using store::ClusterState;
using translate::ObjectStatus;
using Keys = absl::btree_set<ObjectKey>;
using Statuses = StatusLoop::Statuses;

bool SameContent(const ObjectStatus& a, const ObjectStatus& b) {
  const auto same = [](const auto& x, const auto& y) { return x == y || (x != nullptr && y != nullptr && *x == *y); };
  return a.generation == b.generation && same(a.gateway, b.gateway) && same(a.route, b.route);
}

void FindChanged(const Statuses& before, const Statuses& after, Keys* changed, Keys* gone) {
  Statuses::VisitDifferences(before, after, [&](const ObjectStatus* old, const ObjectStatus* now) {
    if (now == nullptr) {
      gone->insert(old->key);
    } else if (old == nullptr || !SameStatus(*old, *now)) {
      changed->insert(now->key);
    }
  });
}

template <typename T>
void FindStoredAnew(Kind kind, const ClusterState& before, const ClusterState& after, Keys* changed) {
  for (const translate::Change<T>& change : translate::ChangesOf<T>(before, after)) {
    if (change.after == nullptr) continue;
    const NamespacedName name = change.name();
    changed->insert({kind, name.namespace_, name.name});
  }
}

template <typename T>
std::optional<Object> Find(const ClusterState& state, const ObjectKey& key) {
  const auto* found = state.Find<T>(key.namespace_, key.name);
  if (found == nullptr) return std::nullopt;
  return Object(found->object);
}

std::optional<Object> StoredOf(const ClusterState& state, const ObjectKey& key) {
  switch (key.kind) {
    case Kind::kGatewayClass:
      return Find<GatewayClass>(state, key);
    case Kind::kGateway:
      return Find<Gateway>(state, key);
    case Kind::kHTTPRoute:
      return Find<HTTPRoute>(state, key);
    case Kind::kService:
      return Find<gatewayapi::Service>(state, key);
    case Kind::kSecret:
      return Find<gatewayapi::Secret>(state, key);
    default:
      return std::nullopt;
  }
}

// A data plane whose snapshot isn't known yet serves what it did: its new one will be known in a moment, and is looked
// at again then.
void KeepWhereUnknown(const std::vector<DataPlaneProgress>& before, std::vector<DataPlaneProgress>* now) {
  for (DataPlaneProgress& one : *now) {
    if (one.known) continue;
    const auto last = std::ranges::find(before, one.instance, &DataPlaneProgress::instance);
    if (last != before.end()) one.current = last->current;
  }
}

// Calls visit(name, status) for each Gateway.
template <typename Visit>
void VisitGateways(const Statuses& statuses, Visit visit) {
  auto status = statuses.lower_bound({Kind::kGateway, "", ""});
  for (; status != statuses.end() && status->key.kind == Kind::kGateway; ++status) {
    visit(status->key.Name().ToString(), *status);
  }
}

}  // namespace

StatusLoop::StatusLoop(StatusWriter& writer, EventRecorder& events, const serve::SnapshotCache& cache, Options options)
    : writer_(writer),
      events_(events),
      cache_(cache),
      options_(std::move(options)),
      last_state_(std::make_shared<const ClusterState>()),
      last_statuses_(std::make_shared<const Statuses>()),
      thread_([this] { Run(); }) {}

StatusLoop::~StatusLoop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StatusLoop::Submit(std::shared_ptr<const ClusterState> state, std::shared_ptr<const Statuses> statuses) {
  absl::btree_set<std::string> recorded;
  absl::btree_set<std::string> moved;
  VisitGateways(*statuses, [&](const std::string& gateway, const ObjectStatus& status) {
    const auto snapshot = cache_.Latest(gateway);
    if (snapshot == nullptr) return;
    recorded.insert(gateway);
    std::vector<std::string> listeners;
    for (const gatewayapi::ListenerStatus& listener : status.gateway->listeners) {
      listeners.push_back(translate::ListenerKey(status.key.Name(), listener.name));
    }
    if (history_.Record(gateway, snapshot, listeners)) moved.insert(gateway);
  });
  for (const std::string& gateway : recorded_) {
    if (!recorded.contains(gateway)) history_.Forget(gateway);
  }
  recorded_ = std::move(recorded);
  {
    std::lock_guard lock(mutex_);
    input_.state = std::move(state);
    input_.statuses = std::move(statuses);
    moved_.merge(moved);
    dirty_ = true;
  }
  changed_.notify_all();
}

void StatusLoop::DataPlanesChanged(const std::string& gateway) {
  {
    std::lock_guard lock(mutex_);
    moved_.insert(gateway);
    dirty_ = true;
  }
  changed_.notify_all();
}

void StatusLoop::SetPlacement(const std::string& gateway, Placement placement) {
  {
    std::lock_guard lock(mutex_);
    input_.placements.insert_or_assign(gateway, std::move(placement));
    dirty_ = true;
  }
  changed_.notify_all();
}

void StatusLoop::ForgetPlacement(const std::string& gateway) {
  std::lock_guard lock(mutex_);
  input_.placements.erase(gateway);
}

void StatusLoop::LeadershipChanged() {
  {
    std::lock_guard lock(mutex_);
    dirty_ = true;
  }
  changed_.notify_all();
}

void StatusLoop::Run() {
  while (true) {
    Input input;
    absl::btree_set<std::string> moved;
    {
      std::unique_lock lock(mutex_);
      const Clock::time_point ask = Clock::now() + kLeaderPeriod;
      const Clock::time_point until = leading_ ? next_settling_ : std::min(ask, next_settling_);
      const auto woken = [&] { return dirty_ || stopping_; };
      if (until == Clock::time_point::max()) {
        changed_.wait(lock, woken);
      } else {
        changed_.wait_until(lock, until, woken);
      }
      if (stopping_) return;
      dirty_ = false;
      input = input_;
      moved = std::move(moved_);
      moved_.clear();
    }
    if (input.state != nullptr) Round(input, moved);
  }
}

void StatusLoop::Round(const Input& input, const absl::btree_set<std::string>& moved) {
  const bool leader = options_.leader();
  if (!leader) led_at_ = Clock::time_point::max();
  if (leader && !leading_) led_at_ = Clock::now();
  UpdateProgress(input, moved);
  if (!leader) {
    if (std::exchange(leading_, false)) writer_.Clear();
    return;
  }
  if (!std::exchange(leading_, true)) {
    log::Info("writing statuses", {{"objects", input.statuses->size()}});
    last_state_ = std::make_shared<const ClusterState>();
    last_statuses_ = std::make_shared<const Statuses>();
    last_ = {};
  }
  Overlaid overlaid = Overlay(*input.statuses, {*input.state, last_.statuses, progress_, input.placements});
  // What didn't change stays the pointer that it was.
  for (auto& [key, status] : overlaid.statuses) {
    const auto last = last_.statuses.find(key);
    if (last != last_.statuses.end() && SameContent(last->second, status)) status = last->second;
  }
  HandOver(input, std::move(overlaid));
}

void StatusLoop::UpdateProgress(const Input& input, const absl::btree_set<std::string>& moved) {
  const Clock::time_point now = Clock::now();
  next_settling_ = Clock::time_point::max();
  absl::btree_map<std::string, GatewayProgress> progress;
  VisitGateways(*input.statuses, [&](const std::string& gateway, const ObjectStatus&) {
    const auto last = progress_.find(gateway);
    GatewayProgress& known = progress[gateway];
    if (last != progress_.end()) known = std::move(last->second);
    const bool had_some = !known.data_planes.empty();
    if (last == progress_.end() || moved.contains(gateway)) {
      std::vector<DataPlaneProgress> reported = history_.Progress(gateway, options_.data_planes(gateway));
      KeepWhereUnknown(known.data_planes, &reported);
      known.data_planes = std::move(reported);
    }
    if (had_some && known.data_planes.empty()) gone_[gateway] = now;
    const auto gone = gone_.find(gateway);
    const Clock::time_point since = gone == gone_.end() ? began_ : std::max(began_, gone->second);
    const Clock::time_point heard = led_at_ == Clock::time_point::max() ? led_at_ : led_at_ + options_.hearing;
    const Clock::time_point settled = known.data_planes.empty() ? std::max(heard, since + options_.settling) : heard;
    known.settled = now >= settled;
    if (!known.settled) next_settling_ = std::min(next_settling_, settled);
  });
  absl::erase_if(gone_, [&](const auto& gone) { return !progress.contains(gone.first); });
  progress_ = std::move(progress);
}

void StatusLoop::HandOver(const Input& input, Overlaid overlaid) {
  Keys changed;
  Keys gone;
  FindChanged(*last_statuses_, *input.statuses, &changed, &gone);
  for (const auto& [key, status] : overlaid.statuses) {
    const auto last = last_.statuses.find(key);
    if (last == last_.statuses.end() || !SameStatus(last->second, status)) changed.insert(key);
  }
  for (const auto& [key, status] : last_.statuses) {
    if (!overlaid.statuses.contains(key)) changed.insert(key);
  }
  FindStoredAnew<GatewayClass>(Kind::kGatewayClass, *last_state_, *input.state, &changed);
  FindStoredAnew<Gateway>(Kind::kGateway, *last_state_, *input.state, &changed);
  FindStoredAnew<HTTPRoute>(Kind::kHTTPRoute, *last_state_, *input.state, &changed);
  for (const ObjectKey& key : gone) writer_.Forget(key);
  for (const ObjectKey& key : changed) {
    const auto own = overlaid.statuses.find(key);
    const auto base = input.statuses->find(key);
    if (base == input.statuses->end()) continue;
    std::optional<Object> stored = StoredOf(*input.state, key);
    if (!stored.has_value()) continue;
    writer_.Want(own == overlaid.statuses.end() ? *base : own->second, *std::move(stored));
  }
  RecordNotes(input, overlaid.notes);
  last_state_ = input.state;
  last_statuses_ = input.statuses;
  last_ = std::move(overlaid);
}

void StatusLoop::RecordNotes(const Input& input, const std::vector<Note>& notes) {
  for (const Note& note : notes) {
    if (std::ranges::find(last_.notes, note) != last_.notes.end()) continue;
    const std::optional<Object> object = StoredOf(*input.state, note.key);
    if (object.has_value()) events_.Record(note.key, gatewayapi::MetaOf(*object).uid, note.complaint);
  }
}

}  // namespace portreeve::status
