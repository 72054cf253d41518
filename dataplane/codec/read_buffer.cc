#include "dataplane/codec/read_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace portreeve::codec {

namespace {

// Blocks that no connection of this thread holds.
struct FreeBlocks {
  static constexpr std::size_t kMaxUsual = 256;
  static constexpr std::size_t kMaxLarge = 16;
  std::vector<std::unique_ptr<char[]>> usual;
  std::vector<std::unique_ptr<char[]>> large;
};

thread_local FreeBlocks free_blocks;

std::vector<std::unique_ptr<char[]>>* ListFor(std::size_t size, std::size_t& most) {
  if (size == BufferBlock::kUsualBytes) {
    most = FreeBlocks::kMaxUsual;
    return &free_blocks.usual;
  }
  if (size == BufferBlock::kLargeBytes) {
    most = FreeBlocks::kMaxLarge;
    return &free_blocks.large;
  }
  return nullptr;
}

}  // namespace

BufferBlock::BufferBlock(BufferBlock&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

BufferBlock& BufferBlock::operator=(BufferBlock&& other) noexcept {
  if (this != &other) {
    Release();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

BufferBlock BufferBlock::Borrow(std::size_t bytes) {
  BufferBlock block;
  block.size_ = bytes <= kUsualBytes ? kUsualBytes : std::max(bytes, kLargeBytes);
  std::size_t most = 0;
  auto* list = ListFor(block.size_, most);
  if (list != nullptr && !list->empty()) {
    block.bytes_ = std::move(list->back());
    list->pop_back();
  } else {
    block.bytes_.reset(new char[block.size_]);
  }
  return block;
}

void BufferBlock::Release() {
  if (!bytes_) return;
  std::size_t most = 0;
  auto* list = ListFor(size_, most);
  if (list != nullptr && list->size() < most) list->push_back(std::move(bytes_));
  bytes_.reset();
  size_ = 0;
}

std::span<char> ReadBuffer::Space() {
  if (block_.size() == 0) {
    block_ = BufferBlock::Borrow(BufferBlock::kUsualBytes);
    floor_ = begin_ = end_ = 0;
  }
  if (begin_ == end_) begin_ = end_ = floor_;
  if (block_.size() - end_ < kLeastSpace && begin_ > floor_) {
    std::memmove(block_.data() + floor_, block_.data() + begin_, end_ - begin_);
    end_ -= begin_ - floor_;
    begin_ = floor_;
  }
  if (block_.size() - end_ < kLeastSpace && floor_ > 0) {
    BufferBlock next = BufferBlock::Borrow(std::max(BufferBlock::kUsualBytes, end_ - begin_ + kLeastSpace));
    std::memcpy(next.data(), block_.data() + begin_, end_ - begin_);
    pinned_ = std::exchange(block_, std::move(next));
    end_ -= begin_;
    begin_ = floor_ = 0;
  }
  return {block_.data() + end_, block_.size() - end_};
}

bool ReadBuffer::Grow(std::size_t bytes) {
  if (block_.size() >= bytes) return false;
  BufferBlock next = BufferBlock::Borrow(bytes);
  if (end_ > begin_) std::memcpy(next.data(), block_.data() + begin_, end_ - begin_);
  block_ = std::move(next);
  end_ -= begin_;
  begin_ = floor_ = 0;
  return true;
}

void ReadBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (Space().size() < bytes.size()) Grow(end_ - begin_ + bytes.size());
  std::memcpy(block_.data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void ReadBuffer::Unpin() {
  pinned_.Release();
  floor_ = 0;
  if (begin_ == end_) {
    block_.Release();
    begin_ = end_ = 0;
  }
}

}  // namespace portreeve::codec
