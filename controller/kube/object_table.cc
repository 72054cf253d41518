#include "controller/kube/object_table.h"

#include <algorithm>
#include <utility>

namespace portreeve::kube {

using gatewayapi::DecodedServerObject;
using gatewayapi::NamespacedName;
using gatewayapi::YamlNode;
using source::ResourceEvent;

ObjectTable::ObjectTable(const WatchedKind& kind, OnChanges on_changes)
    : kind_(kind), on_changes_(std::move(on_changes)) {}

void ObjectTable::BeginList() {
  const std::lock_guard lock(mutex_);
  ++list_;
  staged_.clear();
  staged_names_.clear();
}

void ObjectTable::Listed(const YamlNode& object) {
  NamespacedName name = NameIn(object);
  if (!Usable(name)) return;
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(name);
  if (!Wants(name)) {
    if (known != known_.end()) {
      known->second.list = list_;
    } else {
      staged_names_.push_back(std::move(name));
    }
    return;
  }
  DecodedServerObject decoded = gatewayapi::DecodeServerObject(*kind_.kind, object, kOrigin);
  if (known != known_.end()) {
    known->second.list = list_;
    if (decoded.object && known->second.has_object && !known->second.refused &&
        gatewayapi::SameContent(*decoded.object, known->second.object)) {
      return;
    }
  }
  staged_.emplace_back(std::move(name), std::move(decoded));
}

void ObjectTable::EndList() {
  const std::lock_guard lock(mutex_);
  TableChanges changes;
  for (NamespacedName& name : staged_names_) known_[std::move(name)].list = list_;
  for (auto& [name, decoded] : staged_) {
    known_[name].list = list_;
    Put(name, std::move(decoded), changes);
  }
  staged_.clear();
  staged_names_.clear();
  std::vector<NamespacedName> gone;
  for (const auto& [name, known] : known_) {
    if (known.list != list_) gone.push_back(name);
  }
  for (const NamespacedName& name : gone) Erase(name, changes);
  FetchMissing(changes);  // what has become wanted after its turn in the list
  Emit(std::move(changes));
}

void ObjectTable::AbandonList() {
  const std::lock_guard lock(mutex_);
  staged_.clear();
  staged_names_.clear();
}

void ObjectTable::Changed(const YamlNode& object) {
  const NamespacedName name = NameIn(object);
  if (!Usable(name)) return;
  const std::lock_guard lock(mutex_);
  TableChanges changes;
  known_[name].list = list_;
  if (Wants(name)) Put(name, gatewayapi::DecodeServerObject(*kind_.kind, object, kOrigin), changes);
  Emit(std::move(changes));
}

void ObjectTable::Deleted(const YamlNode& object) {
  const NamespacedName name = NameIn(object);
  const std::lock_guard lock(mutex_);
  TableChanges changes;
  Erase(name, changes);
  Emit(std::move(changes));
}

void ObjectTable::KindGone() {
  BeginList();
  EndList();
}

void ObjectTable::Put(const NamespacedName& name, DecodedServerObject decoded, TableChanges& changes) {
  Known& known = known_[name];
  // It may have been wanted only while the list was read.
  if (!Wants(name)) return Forget(name, known, changes);
  fetching_.erase(name);
  if (!decoded.object) {
    known.refused = true;
    changes.problems.emplace_back(KeyOf(name), std::move(decoded.problems));
    return;
  }
  if (std::exchange(known.refused, false))
    changes.problems.emplace_back(KeyOf(name), std::vector<gatewayapi::Problem>());
  if (known.has_object && gatewayapi::SameContent(known.object, *decoded.object)) return;
  known.object = *std::move(decoded.object);
  known.has_object = true;
  changes.events.push_back(ResourceEvent::Applied(known.object));
}

void ObjectTable::Erase(const NamespacedName& name, TableChanges& changes) {
  const auto found = known_.find(name);
  if (found == known_.end()) return;
  Forget(name, found->second, changes);
  known_.erase(found);
  fetching_.erase(name);
}

void ObjectTable::Forget(const NamespacedName& name, Known& known, TableChanges& changes) const {
  if (std::exchange(known.refused, false))
    changes.problems.emplace_back(KeyOf(name), std::vector<gatewayapi::Problem>());
  if (!std::exchange(known.has_object, false)) return;
  known.object = gatewayapi::Object();
  changes.events.push_back(ResourceEvent::Deleted(KeyOf(name)));
}

void ObjectTable::Emit(TableChanges changes) {
  if (!changes.empty()) on_changes_(std::move(changes));
}

void ObjectTable::SetWanted(std::shared_ptr<const WantedNames> wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(wanted);
  TableChanges changes;
  absl::erase_if(fetching_, [&](const NamespacedName& name) { return !Wants(name); });
  for (auto& [name, known] : known_) {
    if (!Wants(name)) Forget(name, known, changes);
  }
  FetchMissing(changes);
  Emit(std::move(changes));
}

void ObjectTable::FetchMissing(TableChanges& changes) {
  if (!kind_.only_wanted) return;
  for (const NamespacedName& name : *wanted_) {
    const auto known = known_.find(name);
    if (known == known_.end() || known->second.has_object || known->second.refused) continue;
    if (fetching_.insert(name).second) changes.fetch.push_back(name);
  }
}

void ObjectTable::Fetched(const NamespacedName& name, const YamlNode& object) {
  const std::lock_guard lock(mutex_);
  if (!fetching_.contains(name)) return;
  TableChanges changes;
  if (NameIn(object) == name) Put(name, gatewayapi::DecodeServerObject(*kind_.kind, object, kOrigin), changes);
  fetching_.erase(name);
  Emit(std::move(changes));
}

void ObjectTable::NotFetched(const NamespacedName& name) {
  const std::lock_guard lock(mutex_);
  fetching_.erase(name);
}

bool ObjectTable::fetching(const NamespacedName& name) const {
  const std::lock_guard lock(mutex_);
  return fetching_.contains(name);
}

std::size_t ObjectTable::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

std::size_t ObjectTable::kept() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(known_, [](const auto& entry) { return entry.second.has_object; }));
}

}  // namespace portreeve::kube
