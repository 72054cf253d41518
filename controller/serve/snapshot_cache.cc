#include "controller/serve/snapshot_cache.h"

#include <absl/strings/str_format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::serve {
namespace {

using translate::ResourceMap;
using Sum = std::array<std::uint64_t, 2>;

Sum HashOf(std::string_view key, std::string_view version) {
  std::string text(key);
  text += '\0';
  text += version;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  Sum sum;
  std::memcpy(sum.data(), digest, sizeof(sum));
  return sum;
}

void Add(Sum& sum, const config::v1::Resource& resource) {
  const Sum one = HashOf(resource.key(), resource.version());
  sum[0] += one[0];
  sum[1] += one[1];
}

void Subtract(Sum& sum, const config::v1::Resource& resource) {
  const Sum one = HashOf(resource.key(), resource.version());
  sum[0] -= one[0];
  sum[1] -= one[1];
}

bool Same(const ResourcePtr& a, const ResourcePtr& b) {
  return a == b || a->version() == b->version();
}

// A snapshot of these resources; `last` itself when nothing differs from it. `last` may be null.
std::shared_ptr<const Snapshot> Advance(const std::shared_ptr<const Snapshot>& last, ResourceMap resources) {
  static const ResourceMap kNothing;
  const ResourceMap& from = last != nullptr ? last->resources : kNothing;
  const ResourceDelta delta = Diff(from, resources);
  if (last != nullptr && delta.empty()) return last;
  auto next = std::make_shared<Snapshot>();
  if (last != nullptr) next->sum = last->sum;
  for (const ResourcePtr& resource : delta.changed) {
    if (auto old = from.find(resource->key()); old != from.end()) Subtract(next->sum, *old->second);
    Add(next->sum, *resource);
  }
  for (const std::string& key : delta.removed) Subtract(next->sum, *from.find(key)->second);
  next->version = absl::StrFormat("%016x%016x", next->sum[0], next->sum[1]);
  next->resources = std::move(resources);
  return next;
}

}  // namespace

ResourceDelta Diff(const ResourceMap& from, const ResourceMap& to) {
  ResourceDelta delta;
  ResourceMap::VisitDifferences(from, to, [&](const ResourceMap::value_type* old, const ResourceMap::value_type* now) {
    if (now == nullptr) {
      delta.removed.push_back(old->first);
    } else if (old == nullptr || !Same(old->second, now->second)) {
      delta.changed.push_back(now->second);
    }
  });
  return delta;
}

ResourceDelta Diff(const absl::flat_hash_map<std::string, std::string>& held, const ResourceMap& to) {
  ResourceDelta delta;
  for (const auto& [key, resource] : to) {
    const auto old = held.find(key);
    if (old == held.end() || old->second != resource->version()) delta.changed.push_back(resource);
  }
  for (const auto& [key, version] : held) {
    if (!to.contains(key)) delta.removed.push_back(key);
  }
  std::ranges::sort(delta.removed);
  return delta;
}

void SnapshotCache::Publish(absl::btree_map<std::string, ResourceMap> gateways) {
  bool changed = false;
  {
    std::lock_guard lock(mutex_);
    changed = !std::exchange(published_, true);
    for (auto& [gateway, resources] : gateways) {
      auto& latest = gateways_[gateway];
      auto next = Advance(latest, std::move(resources));
      changed |= next != latest;
      latest = std::move(next);
    }
    for (auto& [gateway, latest] : gateways_) {
      if (gateways.contains(gateway) || latest->resources.empty()) continue;
      latest = Advance(latest, {});
      changed = true;
    }
    if (changed) all_is_latest_ = false;
  }
  if (!changed) return;
  std::lock_guard lock(watcher_mutex_);
  if (watcher_) watcher_();
}

std::shared_ptr<const Snapshot> SnapshotCache::Latest(std::string_view gateway) const {
  std::lock_guard lock(mutex_);
  if (!published_) return nullptr;
  if (gateway.empty()) return AllGateways();
  const auto found = gateways_.find(std::string(gateway));
  return found == gateways_.end() ? nullptr : found->second;
}

void SnapshotCache::SetWatcher(Watcher watcher) {
  std::lock_guard lock(watcher_mutex_);
  watcher_ = std::move(watcher);
}

// With all Gateways on one data plane, what several of them share is one resource (TranslatorOptions::one_data_plane).
std::shared_ptr<const Snapshot> SnapshotCache::AllGateways() const {
  if (std::exchange(all_is_latest_, true)) return all_;
  if (gateways_.size() == 1) return all_ = gateways_.begin()->second;
  ResourceMap all;
  for (const auto& [gateway, snapshot] : gateways_) all.insert(snapshot->resources.begin(), snapshot->resources.end());
  return all_ = Advance(all_, std::move(all));
}

}  // namespace portreeve::serve
