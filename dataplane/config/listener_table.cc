#include "dataplane/config/listener_table.h"

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>

#include "dataplane/filter/field_checks.h"

namespace portreeve::config {
namespace {

const char* ProtocolName(bool tls) {
  return tls ? "HTTPS" : "HTTP";
}

// Those that are sure of their place.
class Seats {
 public:
  void Seat(const CompiledListener& listener) { by_port_[listener.port].push_back(&listener); }

  // Why `candidate` has no place beside them; empty: it has.
  std::string ConflictOf(const CompiledListener& candidate) const {
    const auto seats = by_port_.find(candidate.port);
    if (seats == by_port_.end()) return "";
    for (const CompiledListener* seated : seats->second) {
      if (seated->tls != candidate.tls) {
        return absl::StrCat("port ", candidate.port, " speaks ", ProtocolName(seated->tls), " for listener ",
                            seated->name, "; a port has one protocol: take another port");
      }
      if (seated->hostname == candidate.hostname) {
        return absl::StrCat("on port ", candidate.port, " the hostname '", candidate.hostname, "' belongs to listener ",
                            seated->name, "; take another hostname or port");
      }
    }
    return "";
  }

 private:
  absl::flat_hash_map<std::uint16_t, std::vector<const CompiledListener*>> by_port_;
};

}  // namespace

void ListenerTable::Put(const std::string& key, Version version) {
  slots_[key].wanted = std::move(version);
  changed_ = true;
}

void ListenerTable::Remove(const std::string& key) {
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) return;
  if (slot->second.active) dirty_ports_.insert(slot->second.active->compiled.port);
  indexes_.GiveBack(key);
  slots_.erase(slot);
  changed_ = true;
}

// First those that nobody asks to change, then the changed ones that are in force, then the new ones.
ListenerTable::Outcome ListenerTable::Settle() {
  Outcome outcome;
  if (!std::exchange(changed_, false)) return outcome;
  Seats seats;
  std::vector<std::pair<const std::string, Slot>*> candidates;
  std::vector<std::pair<const std::string, Slot>*> newcomers;
  for (auto& entry : slots_) {
    Slot& slot = entry.second;
    if (slot.wanted) {
      (slot.active ? candidates : newcomers).push_back(&entry);
    } else {
      seats.Seat(slot.active->compiled);
    }
  }
  candidates.insert(candidates.end(), newcomers.begin(), newcomers.end());
  for (auto* candidate : candidates) {
    auto& [key, slot] = *candidate;
    const std::string conflict = seats.ConflictOf(slot.wanted->compiled);
    if (conflict.empty()) {
      Activate(slot, std::exchange(slot.wanted, std::nullopt));
      outcome.in_force.push_back(key);
    } else {
      outcome.conflicts.push_back(
          RefusalOf(key, slot.wanted->version, slot.wanted->origin, filter::FieldError("port", conflict)));
      // Another may have taken the place that this one was to leave.
      if (slot.active && !seats.ConflictOf(slot.active->compiled).empty()) Activate(slot, std::nullopt);
    }
    if (slot.active) seats.Seat(slot.active->compiled);
  }
  return outcome;
}

void ListenerTable::Activate(Slot& slot, std::optional<Version> version) {
  if (slot.active) dirty_ports_.insert(slot.active->compiled.port);
  slot.active = std::move(version);
  slot.runtime = nullptr;
}

const ListenerTable::Version* ListenerTable::Find(const std::string& key) const {
  const auto slot = slots_.find(key);
  return slot == slots_.end() || !slot->second.active ? nullptr : &*slot->second.active;
}

void ListenerTable::Invalidate(const std::string& key) {
  if (const auto slot = slots_.find(key); slot != slots_.end()) slot->second.runtime = nullptr;
}

void ListenerTable::RebuildPorts() {
  if (dirty_ports_.empty()) return;
  absl::btree_map<std::uint16_t, std::vector<std::shared_ptr<const Listener>>> listeners;
  for (const auto& [key, slot] : slots_) {
    if (slot.active && dirty_ports_.contains(slot.active->compiled.port)) {
      listeners[slot.active->compiled.port].push_back(slot.runtime);
    }
  }
  for (const std::uint16_t number : dirty_ports_) {
    const auto found = listeners.find(number);
    if (found == listeners.end()) {
      ports_.erase(number);
      continue;
    }
    auto port = std::make_shared<Port>();
    port->port = number;
    port->tls = found->second.front()->tls;
    port->first = found->second.front();
    std::vector<route::HostMap<std::shared_ptr<const Listener>>::Change> changes;
    for (const auto& listener : found->second) changes.push_back({listener->hostname, listener});
    port->listeners = port->listeners.With(std::move(changes));
    ports_[number] = std::move(port);
  }
  dirty_ports_.clear();
}

}  // namespace portreeve::config
