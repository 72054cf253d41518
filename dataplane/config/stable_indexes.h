// Small numbers for names, each kept for as long as the name lives.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portreeve::config {

// A number that was given back isn't given again before Release: between two installs it means one name or none, so
// that whoever keeps state by number sees the gap. The smallest free one is taken, so that they stay dense.
class StableIndexes {
 public:
  std::uint32_t Take(const std::string& name) {
    if (const auto known = by_name_.find(name); known != by_name_.end()) return known->second;
    std::uint32_t index = size_;
    if (free_.empty()) {
      ++size_;
    } else {
      std::ranges::pop_heap(free_, std::greater<>());
      index = free_.back();
      free_.pop_back();
    }
    by_name_.emplace(name, index);
    return index;
  }

  std::optional<std::uint32_t> Find(const std::string& name) const {
    const auto known = by_name_.find(name);
    return known == by_name_.end() ? std::nullopt : std::optional(known->second);
  }

  void GiveBack(const std::string& name) {
    if (auto known = by_name_.extract(name)) given_back_.push_back(known.mapped());
  }

  // All that was given back is free from now on.
  void Release() {
    for (const std::uint32_t index : given_back_) {
      free_.push_back(index);
      std::ranges::push_heap(free_, std::greater<>());
    }
    given_back_.clear();
  }

  // One more than the greatest number ever given.
  std::uint32_t size() const { return size_; }

 private:
  absl::flat_hash_map<std::string, std::uint32_t> by_name_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> given_back_;
  std::uint32_t size_ = 0;
};

}  // namespace portreeve::config
