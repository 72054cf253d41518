#include "controller/status/snapshot_history.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::status {

bool SnapshotHistory::Record(const std::string& gateway, const std::shared_ptr<const serve::Snapshot>& snapshot,
                             const std::vector<std::string>& listeners) {
  std::lock_guard lock(mutex_);
  Gateway& known = gateways_[gateway];
  if (known.latest == snapshot) return false;
  Versions versions;
  for (const std::string& key : listeners) {
    const auto found = snapshot->resources.find(key);
    if (found != snapshot->resources.end()) versions.emplace(key, found->second->version());
  }
  Entry entry{snapshot->version, nullptr};
  if (!known.entries.empty() && *known.entries.back().listeners == versions) {
    entry.listeners = known.entries.back().listeners;
  } else {
    entry.listeners = std::make_shared<const Versions>(std::move(versions));
  }
  known.entries.push_back(std::move(entry));
  if (known.entries.size() > kKept) known.entries.pop_front();
  known.latest = snapshot;
  return true;
}

void SnapshotHistory::Forget(const std::string& gateway) {
  std::lock_guard lock(mutex_);
  gateways_.erase(gateway);
}

DataPlaneProgress SnapshotHistory::Judge(const Gateway& gateway, const serve::DataPlaneReport& report,
                                         const Entry* running) {
  DataPlaneProgress progress;
  progress.instance = report.instance;
  std::set<std::string_view> refused;
  for (const serve::Refusal& refusal : report.refused) {
    const auto wanted = gateway.latest->resources.find(refusal.key);
    if (wanted == gateway.latest->resources.end()) continue;
    // A listener that can't be opened is complained of in the version that is in force, and none may be.
    if (!refusal.version.empty() && refusal.version != wanted->second->version()) continue;
    refused.insert(refusal.key);
    progress.refused.push_back(refusal);
  }
  progress.known = running != nullptr;
  if (!progress.known) return progress;
  for (const auto& [key, version] : *gateway.entries.back().listeners) {
    const auto has = running->listeners->find(key);
    if (has == running->listeners->end() || has->second != version || refused.contains(key)) continue;
    if (std::ranges::find(report.listening, key) != report.listening.end()) progress.current.insert(key);
  }
  return progress;
}

std::vector<DataPlaneProgress> SnapshotHistory::Progress(const std::string& gateway,
                                                         const std::vector<serve::DataPlaneReport>& reports) const {
  std::lock_guard lock(mutex_);
  const auto known = gateways_.find(gateway);
  if (known == gateways_.end()) return {};
  const std::deque<Entry>& entries = known->second.entries;
  // By instance: how new its snapshot is (0: unknown), and what it says.
  std::map<std::string, std::pair<std::size_t, const serve::DataPlaneReport*>> newest;
  for (const serve::DataPlaneReport& report : reports) {
    if (!report.connected) continue;
    const auto running = std::find_if(entries.rbegin(), entries.rend(),
                                      [&](const Entry& entry) { return entry.version == report.snapshot; });
    const std::size_t age = static_cast<std::size_t>(entries.rend() - running);
    auto& [best, said] = newest[report.instance];
    if (said != nullptr && best > age) continue;
    best = age;
    said = &report;
  }
  std::vector<DataPlaneProgress> progress;
  for (const auto& [instance, newest_report] : newest) {
    const auto& [place, report] = newest_report;
    progress.push_back(Judge(known->second, *report, place == 0 ? nullptr : &entries[place - 1]));
  }
  return progress;
}

}  // namespace portreeve::status
