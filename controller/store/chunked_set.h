// ChunkedSet: a sorted set made so that the next state costs little beside the last.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace portreeve::store {

// Entries are sorted by KeyOf()(entry), which is distinct. Copies share their parts: a copy costs one pointer per
// kChunk entries, and a change afterwards copies the one part that it falls into. Copies may be read and copied by any
// thread while this one changes.
template <typename T, typename KeyOf>
class ChunkedSet {
 public:
  using value_type = T;
  using Key = std::remove_cvref_t<std::invoke_result_t<KeyOf, const T&>>;

 private:
  using Chunk = std::vector<T>;  // never empty
  static constexpr std::size_t kChunk = 128;

 public:
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;

    const_iterator() = default;
    reference operator*() const { return (**chunk_)[index_]; }
    pointer operator->() const { return &(**chunk_)[index_]; }
    const_iterator& operator++() {
      if (++index_ == (*chunk_)->size()) NextChunk();
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    friend class ChunkedSet;
    const_iterator(const std::shared_ptr<Chunk>* chunk, std::size_t index) : chunk_(chunk), index_(index) {}
    void NextChunk() {
      ++chunk_;
      index_ = 0;
    }

    const std::shared_ptr<Chunk>* chunk_ = nullptr;
    std::size_t index_ = 0;
  };
  using iterator = const_iterator;

  ChunkedSet() = default;
  ChunkedSet(const ChunkedSet& other) { *this = other; }
  ChunkedSet& operator=(const ChunkedSet& other);
  ChunkedSet(ChunkedSet&& other) noexcept = default;
  ChunkedSet& operator=(ChunkedSet&& other) noexcept = default;

  const_iterator begin() const { return {chunks_.data(), 0}; }
  const_iterator end() const { return {chunks_.data() + chunks_.size(), 0}; }
  std::size_t size() const;
  bool empty() const { return chunks_.empty(); }
  const_iterator find(const Key& key) const;
  // The first entry that isn't before `key`.
  const_iterator lower_bound(const Key& key) const;
  bool contains(const Key& key) const { return find(key) != end(); }

  // In place of the entry with its key, if there is one.
  void Put(T entry);
  std::size_t erase(const Key& key);

  // Calls visit(before, after) for each entry that may differ, in order; null where there is none. Chunks that both
  // sets share are passed over, so that the cost follows the size of the change.
  template <typename Visit>
  static void VisitDifferences(const ChunkedSet& before, const ChunkedSet& after, Visit visit);

 private:
  // The chunk that holds `key`, or would.
  std::size_t ChunkOf(const Key& key) const;
  static std::size_t PositionIn(const Chunk& chunk, const Key& key);
  Chunk& Writable(std::size_t chunk);
  void Split(std::size_t chunk);
  void Share() const;

  std::vector<std::shared_ptr<Chunk>> chunks_;
  // Chunks that no copy has seen: those may be changed in place. A copy that was never changed has none, so that
  // copying it writes nothing.
  mutable std::vector<bool> own_;
  mutable bool owns_some_ = false;
};

template <typename T, typename KeyOf>
ChunkedSet<T, KeyOf>& ChunkedSet<T, KeyOf>::operator=(const ChunkedSet& other) {
  if (this == &other) return *this;
  other.Share();
  chunks_ = other.chunks_;
  own_.assign(chunks_.size(), false);
  owns_some_ = false;
  return *this;
}

template <typename T, typename KeyOf>
void ChunkedSet<T, KeyOf>::Share() const {
  if (!owns_some_) return;
  own_.assign(own_.size(), false);
  owns_some_ = false;
}

template <typename T, typename KeyOf>
std::size_t ChunkedSet<T, KeyOf>::size() const {
  std::size_t size = 0;
  for (const std::shared_ptr<Chunk>& chunk : chunks_) size += chunk->size();
  return size;
}

template <typename T, typename KeyOf>
std::size_t ChunkedSet<T, KeyOf>::ChunkOf(const Key& key) const {
  const auto last = [](const std::shared_ptr<Chunk>& chunk) -> decltype(auto) { return KeyOf()(chunk->back()); };
  auto it = std::ranges::lower_bound(chunks_, key, {}, last);
  if (it == chunks_.end() && it != chunks_.begin()) --it;
  return static_cast<std::size_t>(it - chunks_.begin());
}

template <typename T, typename KeyOf>
std::size_t ChunkedSet<T, KeyOf>::PositionIn(const Chunk& chunk, const Key& key) {
  return static_cast<std::size_t>(std::ranges::lower_bound(chunk, key, {}, KeyOf()) - chunk.begin());
}

template <typename T, typename KeyOf>
typename ChunkedSet<T, KeyOf>::const_iterator ChunkedSet<T, KeyOf>::lower_bound(const Key& key) const {
  if (chunks_.empty()) return end();
  const std::size_t chunk = ChunkOf(key);
  const std::size_t position = PositionIn(*chunks_[chunk], key);
  const_iterator found(chunks_.data() + chunk, position);
  if (position == chunks_[chunk]->size()) found.NextChunk();
  return found;
}

template <typename T, typename KeyOf>
typename ChunkedSet<T, KeyOf>::const_iterator ChunkedSet<T, KeyOf>::find(const Key& key) const {
  const const_iterator found = lower_bound(key);
  return found == end() || KeyOf()(*found) != key ? end() : found;
}

template <typename T, typename KeyOf>
typename ChunkedSet<T, KeyOf>::Chunk& ChunkedSet<T, KeyOf>::Writable(std::size_t chunk) {
  if (!own_[chunk]) {
    chunks_[chunk] = std::make_shared<Chunk>(*chunks_[chunk]);
    own_[chunk] = true;
    owns_some_ = true;
  }
  return *chunks_[chunk];
}

template <typename T, typename KeyOf>
void ChunkedSet<T, KeyOf>::Split(std::size_t chunk) {
  Chunk& full = *chunks_[chunk];
  const auto middle = full.begin() + static_cast<std::ptrdiff_t>(full.size() / 2);
  auto upper = std::make_shared<Chunk>(std::make_move_iterator(middle), std::make_move_iterator(full.end()));
  full.erase(middle, full.end());
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, std::move(upper));
  own_.insert(own_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, true);
}

template <typename T, typename KeyOf>
void ChunkedSet<T, KeyOf>::Put(T entry) {
  if (chunks_.empty()) {
    chunks_.push_back(std::make_shared<Chunk>());
    own_.push_back(true);
    owns_some_ = true;
    chunks_.front()->push_back(std::move(entry));
    return;
  }
  const std::size_t chunk = ChunkOf(KeyOf()(entry));
  const std::size_t position = PositionIn(*chunks_[chunk], KeyOf()(entry));
  Chunk& entries = Writable(chunk);
  if (position < entries.size() && KeyOf()(entries[position]) == KeyOf()(entry)) {
    entries[position] = std::move(entry);
    return;
  }
  entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(position), std::move(entry));
  if (entries.size() > kChunk) Split(chunk);
}

template <typename T, typename KeyOf>
std::size_t ChunkedSet<T, KeyOf>::erase(const Key& key) {
  const const_iterator found = find(key);
  if (found == end()) return 0;
  const auto chunk = found.chunk_ - chunks_.data();
  Chunk& entries = Writable(static_cast<std::size_t>(chunk));
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(found.index_));
  if (entries.empty()) {
    chunks_.erase(chunks_.begin() + chunk);
    own_.erase(own_.begin() + chunk);
  }
  return 1;
}

template <typename T, typename KeyOf>
template <typename Visit>
void ChunkedSet<T, KeyOf>::VisitDifferences(const ChunkedSet& before, const ChunkedSet& after, Visit visit) {
  const_iterator a = before.begin();
  const_iterator b = after.begin();
  while (a != before.end() && b != after.end()) {
    if (a.index_ == 0 && b.index_ == 0 && *a.chunk_ == *b.chunk_) {
      a.NextChunk();
      b.NextChunk();
      continue;
    }
    const std::strong_ordering order = KeyOf()(*a) <=> KeyOf()(*b);
    visit(order <= 0 ? &*a : nullptr, order >= 0 ? &*b : nullptr);
    if (order <= 0) ++a;
    if (order >= 0) ++b;
  }
  for (; a != before.end(); ++a) visit(&*a, static_cast<const T*>(nullptr));
  for (; b != after.end(); ++b) visit(static_cast<const T*>(nullptr), &*b);
}

}  // namespace portreeve::store
