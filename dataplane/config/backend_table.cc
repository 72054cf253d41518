#include "dataplane/config/backend_table.h"

#include <algorithm>
#include <optional>

#include "dataplane/config/runtime_config.h"

namespace portreeve::config {

void BackendTable::PutBackend(const std::string& key, CompiledBackend backend) {
  std::optional<std::uint32_t> index = indexes_.Find(key);
  if (index) {
    Unlink(*index);
  } else {
    index = indexes_.Take(key);
    appeared_.insert(key);
  }
  built_.resize(indexes_.size());
  endpoints_of_.resize(indexes_.size());
  Link(*index, backend.endpoints);
  changed_.insert_or_assign(*index, std::move(backend));
  touched_.insert(*index);
}

void BackendTable::RemoveBackend(const std::string& key) {
  const std::optional<std::uint32_t> index = indexes_.Find(key);
  if (!index) return;
  Unlink(*index);
  built_[*index] = nullptr;
  changed_.erase(*index);
  touched_.erase(*index);
  indexes_.GiveBack(key);
  appeared_.erase(key);
  vanished_.insert(key);
}

void BackendTable::PutEndpoints(const std::string& key, CompiledEndpoints endpoints) {
  ChangeEndpoints(key, std::make_unique<const CompiledEndpoints>(std::move(endpoints)));
}

void BackendTable::RemoveEndpoints(const std::string& key) {
  ChangeEndpoints(key, nullptr);
}

std::uint32_t BackendTable::IndexOf(const std::string& key) const {
  return indexes_.Find(key).value_or(WeightedBackend::kUnresolved);
}

const std::vector<std::shared_ptr<const upstream::Backend>>& BackendTable::Build() {
  for (const std::uint32_t index : touched_) {
    const auto endpoints = endpoints_.find(endpoints_of_[index]);
    const CompiledEndpoints* ready = endpoints == endpoints_.end() ? nullptr : endpoints->second.endpoints.get();
    if (const auto changed = changed_.find(index); changed != changed_.end()) {
      built_[index] = MakeBackend(changed->second, ready);
    } else {
      built_[index] = WithEndpoints(*built_[index], ready);
    }
  }
  touched_.clear();
  changed_.clear();
  indexes_.Release();
  return built_;
}

void BackendTable::Link(std::uint32_t backend, const std::string& endpoints) {
  endpoints_of_[backend] = endpoints;
  endpoints_[endpoints].users.push_back(backend);
}

void BackendTable::Unlink(std::uint32_t backend) {
  const auto entry = endpoints_.find(std::exchange(endpoints_of_[backend], std::string()));
  if (entry == endpoints_.end()) return;
  auto& users = entry->second.users;
  users.erase(std::remove(users.begin(), users.end(), backend), users.end());
  if (users.empty() && entry->second.endpoints == nullptr) endpoints_.erase(entry);
}

void BackendTable::ChangeEndpoints(const std::string& key, std::unique_ptr<const CompiledEndpoints> endpoints) {
  EndpointsEntry& entry = endpoints_[key];
  entry.endpoints = std::move(endpoints);
  touched_.insert(entry.users.begin(), entry.users.end());
  if (entry.users.empty() && entry.endpoints == nullptr) endpoints_.erase(key);
}

}  // namespace portreeve::config
