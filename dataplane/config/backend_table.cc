#include "dataplane/config/backend_table.h"

#include "dataplane/config/runtime_config.h"

namespace portreeve::config {

void BackendTable::PutBackend(const std::string& key, CompiledBackend backend) {
  const auto [place, inserted] = backends_.try_emplace(key);
  Entry& entry = place->second;
  if (inserted) {
    entry.index = indexes_.Take(key);
    appeared_.insert(key);
  } else {
    Unlink(key, entry);
  }
  entry.compiled = std::move(backend);
  users_[entry.compiled.endpoints].insert(key);
  touched_.insert(key);
}

void BackendTable::RemoveBackend(const std::string& key) {
  const auto found = backends_.find(key);
  if (found == backends_.end()) return;
  Unlink(key, found->second);
  if (found->second.index < built_.size()) built_[found->second.index] = nullptr;
  indexes_.GiveBack(key);
  backends_.erase(found);
  appeared_.erase(key);
  vanished_.insert(key);
}

void BackendTable::PutEndpoints(const std::string& key, CompiledEndpoints endpoints) {
  endpoints_.insert_or_assign(key, std::move(endpoints));
  if (const auto users = users_.find(key); users != users_.end()) {
    touched_.insert(users->second.begin(), users->second.end());
  }
}

void BackendTable::RemoveEndpoints(const std::string& key) {
  if (endpoints_.erase(key) == 0) return;
  if (const auto users = users_.find(key); users != users_.end()) {
    touched_.insert(users->second.begin(), users->second.end());
  }
}

std::uint32_t BackendTable::IndexOf(const std::string& key) const {
  const auto found = backends_.find(key);
  return found == backends_.end() ? WeightedBackend::kUnresolved : found->second.index;
}

const std::vector<std::shared_ptr<const upstream::Backend>>& BackendTable::Build() {
  built_.resize(indexes_.size());
  for (const std::string& key : touched_) {
    const auto found = backends_.find(key);
    if (found == backends_.end()) continue;
    const auto endpoints = endpoints_.find(found->second.compiled.endpoints);
    built_[found->second.index] =
        MakeBackend(found->second.compiled, endpoints == endpoints_.end() ? nullptr : &endpoints->second);
  }
  touched_.clear();
  indexes_.Release();
  return built_;
}

void BackendTable::Unlink(const std::string& key, const Entry& entry) {
  const auto users = users_.find(entry.compiled.endpoints);
  if (users == users_.end()) return;
  users->second.erase(key);
  if (users->second.empty()) users_.erase(users);
}

}  // namespace portreeve::config
