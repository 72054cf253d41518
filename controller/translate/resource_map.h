// ResourceMap: the resources of one Gateway by key, made so that the next state costs little beside the last.
#pragma once

#include <compare>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portreeve::config::v1 {
class Resource;
}

namespace portreeve::translate {

// A sorted map whose copies share their parts: a copy costs one pointer per kChunk entries, and a change afterwards
// copies the one part that it falls into. Resources are immutable and shared: the same content is the same pointer from
// one translation to the next. Copies may be read and copied by any thread while this one changes.
class ResourceMap {
 public:
  using value_type = std::pair<std::string, std::shared_ptr<const config::v1::Resource>>;

 private:
  using Chunk = std::vector<value_type>;  // never empty
  static constexpr size_t kChunk = 128;

 public:
  class const_iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = ResourceMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    reference operator*() const { return (**chunk_)[index_]; }
    pointer operator->() const { return &(**chunk_)[index_]; }
    const_iterator& operator++() {
      if (++index_ == (*chunk_)->size()) {
        ++chunk_;
        index_ = 0;
      }
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    friend class ResourceMap;
    const_iterator(const std::shared_ptr<Chunk>* chunk, size_t index) : chunk_(chunk), index_(index) {}
    const std::shared_ptr<Chunk>* chunk_ = nullptr;
    size_t index_ = 0;
  };
  using iterator = const_iterator;

  ResourceMap() = default;
  template <std::input_iterator It>
  ResourceMap(It first, It last) {
    insert(first, last);
  }
  ResourceMap(std::initializer_list<value_type> entries) { insert(entries.begin(), entries.end()); }
  ResourceMap(const ResourceMap& other);
  ResourceMap& operator=(const ResourceMap& other);
  ResourceMap(ResourceMap&& other) noexcept = default;
  ResourceMap& operator=(ResourceMap&& other) noexcept = default;

  const_iterator begin() const { return {chunks_.data(), 0}; }
  const_iterator end() const { return {chunks_.data() + chunks_.size(), 0}; }
  size_t size() const;
  bool empty() const { return chunks_.empty(); }
  const_iterator find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != end(); }

  // Sets the resource under its key, whatever was there.
  void Put(std::string key, std::shared_ptr<const config::v1::Resource> resource);
  // Adds those whose keys aren't there yet.
  template <std::input_iterator It>
  void insert(It first, It last) {
    for (; first != last; ++first) {
      if (!contains(first->first)) Put(first->first, first->second);
    }
  }
  size_t erase(std::string_view key);

 private:
  // The chunk that holds `key`, or would.
  size_t ChunkOf(std::string_view key) const;
  static size_t PositionIn(const Chunk& chunk, std::string_view key);
  Chunk& Writable(size_t chunk);
  void Split(size_t chunk);
  void Share() const;

  std::vector<std::shared_ptr<Chunk>> chunks_;
  // Chunks that no copy has seen: those may be changed in place. A copy that was never changed has none, so that
  // copying it writes nothing.
  mutable std::vector<bool> own_;
  mutable bool owns_some_ = false;
};

}  // namespace portreeve::translate
