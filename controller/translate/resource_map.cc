#include "controller/translate/resource_map.h"

#include <algorithm>

namespace portreeve::translate {

ResourceMap::ResourceMap(const ResourceMap& other) {
  *this = other;
}

ResourceMap& ResourceMap::operator=(const ResourceMap& other) {
  if (this == &other) return *this;
  other.Share();
  chunks_ = other.chunks_;
  own_.assign(chunks_.size(), false);
  owns_some_ = false;
  return *this;
}

void ResourceMap::Share() const {
  if (!owns_some_) return;
  own_.assign(own_.size(), false);
  owns_some_ = false;
}

size_t ResourceMap::size() const {
  size_t size = 0;
  for (const std::shared_ptr<Chunk>& chunk : chunks_) size += chunk->size();
  return size;
}

size_t ResourceMap::ChunkOf(std::string_view key) const {
  auto it = std::ranges::lower_bound(
      chunks_, key, {}, [](const std::shared_ptr<Chunk>& chunk) { return std::string_view(chunk->back().first); });
  if (it == chunks_.end() && it != chunks_.begin()) --it;
  return static_cast<size_t>(it - chunks_.begin());
}

size_t ResourceMap::PositionIn(const Chunk& chunk, std::string_view key) {
  auto it =
      std::ranges::lower_bound(chunk, key, {}, [](const value_type& entry) -> std::string_view { return entry.first; });
  return static_cast<size_t>(it - chunk.begin());
}

ResourceMap::const_iterator ResourceMap::find(std::string_view key) const {
  if (chunks_.empty()) return end();
  const size_t chunk = ChunkOf(key);
  const size_t position = PositionIn(*chunks_[chunk], key);
  if (position == chunks_[chunk]->size() || (*chunks_[chunk])[position].first != key) return end();
  return {chunks_.data() + chunk, position};
}

ResourceMap::Chunk& ResourceMap::Writable(size_t chunk) {
  if (!own_[chunk]) {
    chunks_[chunk] = std::make_shared<Chunk>(*chunks_[chunk]);
    own_[chunk] = true;
    owns_some_ = true;
  }
  return *chunks_[chunk];
}

void ResourceMap::Split(size_t chunk) {
  Chunk& full = *chunks_[chunk];
  const auto middle = full.begin() + static_cast<std::ptrdiff_t>(full.size() / 2);
  auto upper = std::make_shared<Chunk>(std::make_move_iterator(middle), std::make_move_iterator(full.end()));
  full.erase(middle, full.end());
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, std::move(upper));
  own_.insert(own_.begin() + static_cast<std::ptrdiff_t>(chunk) + 1, true);
}

void ResourceMap::Put(std::string key, std::shared_ptr<const config::v1::Resource> resource) {
  if (chunks_.empty()) {
    chunks_.push_back(std::make_shared<Chunk>());
    own_.push_back(true);
    owns_some_ = true;
    chunks_.front()->emplace_back(std::move(key), std::move(resource));
    return;
  }
  const size_t chunk = ChunkOf(key);
  const size_t position = PositionIn(*chunks_[chunk], key);
  Chunk& entries = Writable(chunk);
  if (position < entries.size() && entries[position].first == key) {
    entries[position].second = std::move(resource);
    return;
  }
  entries.emplace(entries.begin() + static_cast<std::ptrdiff_t>(position), std::move(key), std::move(resource));
  if (entries.size() > kChunk) Split(chunk);
}

size_t ResourceMap::erase(std::string_view key) {
  const const_iterator found = find(key);
  if (found == end()) return 0;
  const auto chunk = found.chunk_ - chunks_.data();
  Chunk& entries = Writable(static_cast<size_t>(chunk));
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(found.index_));
  if (entries.empty()) {
    chunks_.erase(chunks_.begin() + chunk);
    own_.erase(own_.begin() + chunk);
  }
  return 1;
}

}  // namespace portreeve::translate
