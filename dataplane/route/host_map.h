// Hostnames to values: exact, wildcard and any, found from the most to the least specific.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace portreeve::route {

// An immutable map from hostname to T. A hostname is "" (any host), "*.example.com" (any number of labels to the left,
// never example.com itself; Gateway API Hostname) or exact; lower case, no dot at its end.
//
// With makes a changed copy that shares what didn't change: the map is kept in shards, and changing one of 100,000
// hosts copies one shard of some 400. Reading takes no lock and allocates nothing; any number of threads may read.
template <typename T>
class HostMap {
 public:
  // Longer hosts are in no DNS (RFC 1035 section 2.3.4): only "" covers them, and they cost no walk.
  static constexpr std::size_t kMaxHostBytes = 253;

  // One hostname that gets a value, or loses it (nullopt).
  struct Change {
    std::string hostname;
    std::optional<T> value;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Calls f(value), or f(hostname, value), for each hostname that covers `host` (lower case, without port), from the
  // most specific to the least: the exact one, wildcards by longest suffix, "". Ends when f returns true, and returns
  // whether it did. The hostname is a view into this map.
  template <typename F>
  bool Visit(std::string_view host, F&& f) const {
    if (host.size() <= kMaxHostBytes && !shards_.empty()) {
      // Stored wildcards are found by their ".example.com": a host of that form must not meet them.
      const bool plain = !host.empty() && host.front() != '.' && host.front() != '*';
      if (plain && Offer(Find(host), f)) return true;
      for (std::size_t dot = host.find('.', 1); dot < host.size(); dot = host.find('.', dot + 1)) {
        const std::string_view suffix = host.substr(dot);
        if (wildcard_bytes_.test(suffix.size()) && Offer(Find(suffix), f)) return true;
      }
    }
    return Offer(any_.get(), f);
  }

  // The value of exactly this hostname ("*.example.com" finds the wildcard itself), or null. As long as the map lives.
  const T* Get(std::string_view hostname) const {
    if (hostname.empty()) return any_ ? &any_->second : nullptr;
    if (shards_.empty()) return nullptr;
    const Entry* entry = Find(KeyOf(hostname));
    return entry != nullptr && entry->first == hostname ? &entry->second : nullptr;
  }

  // A copy in which that hostname has that value, or none (nullopt).
  HostMap With(std::string_view hostname, std::optional<T> value) const {
    std::vector<Change> changes;
    changes.push_back({std::string(hostname), std::move(value)});
    return With(std::move(changes));
  }

  // All changes at once, in order: each shard that is touched is copied once. This is also how a map is built.
  HostMap With(std::vector<Change> changes) const {
    HostMap result = *this;
    result.Reshard(size_ + changes.size());
    std::vector<std::shared_ptr<Shard>> copies(result.shards_.size());
    for (Change& change : changes) {
      if (change.hostname.empty()) {
        result.ChangeAny(std::move(change.value));
        continue;
      }
      const std::size_t number = result.ShardOf(HostHash()(change.hostname));
      if (copies[number] == nullptr) copies[number] = std::make_shared<Shard>(*result.shards_[number]);
      result.ChangeShard(*copies[number], std::move(change));
    }
    for (std::size_t i = 0; i < copies.size(); ++i) {
      if (copies[i] != nullptr) result.shards_[i] = std::move(copies[i]);
    }
    return result;
  }

  // Calls f(hostname, value) for each, in no order.
  template <typename F>
  void ForEach(F&& f) const {
    if (any_ != nullptr) f(std::string_view(any_->first), any_->second);
    for (const auto& shard : shards_) {
      for (const Entry& entry : *shard) f(std::string_view(entry.first), entry.second);
    }
  }

 private:
  // A wildcard is hashed and compared as ".example.com", so that a suffix of the host finds it without a copy.
  static std::string_view KeyOf(std::string_view hostname) {
    if (!hostname.empty() && hostname.front() == '*') hostname.remove_prefix(1);
    return hostname;
  }
  struct HostHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return absl::Hash<std::string_view>()(KeyOf(name)); }
  };
  struct HostEqual {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return KeyOf(a) == KeyOf(b); }
  };
  using Shard = absl::flat_hash_map<std::string, T, HostHash, HostEqual>;
  using Entry = std::pair<const std::string, T>;

  // One shard up to this many hosts, then kShards: a listener with few hosts stays small.
  static constexpr std::size_t kUnsharded = 512;
  static constexpr std::size_t kShards = 256;

  template <typename F>
  static bool Offer(const Entry* entry, F& f) {
    if (entry == nullptr) return false;
    if constexpr (std::is_invocable_v<F&, std::string_view, const T&>) {
      return f(std::string_view(entry->first), entry->second);
    } else {
      return f(entry->second);
    }
  }

  // The tables use the low bits of the hash; shards go by the high ones.
  std::size_t ShardOf(std::size_t hash) const { return (hash >> 48) & (shards_.size() - 1); }

  const Entry* Find(std::string_view key) const {
    const std::size_t hash = HostHash()(key);
    const Shard& shard = *shards_[ShardOf(hash)];
    const auto found = shard.find(key, hash);
    return found == shard.end() ? nullptr : &*found;
  }

  void ChangeAny(std::optional<T> value) {
    size_ -= any_ != nullptr ? 1 : 0;
    any_ = value.has_value() ? std::make_shared<const Entry>(std::string(), *std::move(value)) : nullptr;
    size_ += any_ != nullptr ? 1 : 0;
  }

  void ChangeShard(Shard& shard, Change change) {
    const std::size_t before = shard.size();
    if (change.value.has_value()) {
      const std::size_t bytes = KeyOf(change.hostname).size();
      // Bits stay when a wildcard goes: a bit too many costs a probe, no more.
      if (change.hostname.front() == '*' && bytes < wildcard_bytes_.size()) wildcard_bytes_.set(bytes);
      shard.insert_or_assign(std::move(change.hostname), *std::move(change.value));
    } else {
      shard.erase(std::string_view(change.hostname));
    }
    size_ = size_ + shard.size() - before;
  }

  void Reshard(std::size_t expected) {
    const std::size_t wanted = expected > kUnsharded ? kShards : 1;
    if (wanted <= shards_.size()) return;
    std::vector<std::shared_ptr<const Shard>> old = std::move(shards_);
    std::vector<std::shared_ptr<Shard>> fresh(wanted);
    for (auto& shard : fresh) shard = std::make_shared<Shard>();
    shards_.assign(fresh.begin(), fresh.end());
    for (const auto& shard : old) {
      for (const Entry& entry : *shard) fresh[ShardOf(HostHash()(entry.first))]->insert(entry);
    }
  }

  // Empty, one, or kShards.
  std::vector<std::shared_ptr<const Shard>> shards_;
  std::shared_ptr<const Entry> any_;
  // Which lengths of ".example.com" the wildcards have: others aren't probed.
  std::bitset<kMaxHostBytes + 2> wildcard_bytes_;
  std::size_t size_ = 0;
};

}  // namespace portreeve::route
