#include "dataplane/codec/http2_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace portreeve::codec {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kMaxKept = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint32_t kMaxKept = 0;
#else
constexpr std::uint32_t kMaxKept = 256;
#endif
#else
constexpr std::uint32_t kMaxKept = 256;
#endif

constexpr std::size_t kStep = 64;

// Before each block; keeps the alignment of malloc.
struct alignas(std::max_align_t) Prefix {
  std::size_t size;
  std::size_t size_class;
};

Prefix* PrefixOf(void* block) {
  return static_cast<Prefix*>(block) - 1;
}

}  // namespace

Http2Memory& Http2Memory::Get() {
  thread_local Http2Memory memory;
  return memory;
}

Http2Memory::~Http2Memory() {
  for (Class& one : classes_) {
    while (one.first != nullptr) std::free(Take(one));
  }
}

void* Http2Memory::Take(Class& one) {
  FreeBlock* block = one.first;
  one.first = block->next;
  --one.count;
  return block;
}

void* Http2Memory::Allocate(std::size_t size) {
  if (size > std::numeric_limits<std::size_t>::max() / 2) return nullptr;
  // kClasses itself: too large to be kept.
  const std::size_t size_class = std::min((size + kStep - 1) / kStep, kClasses);
  const bool small = size_class < kClasses;
  void* memory = small && classes_[size_class].first != nullptr
                     ? Take(classes_[size_class])
                     : std::malloc(sizeof(Prefix) + (small ? size_class * kStep : size));
  if (memory == nullptr) return nullptr;
  auto* prefix = static_cast<Prefix*>(memory);
  prefix->size = size;
  prefix->size_class = size_class;
  return prefix + 1;
}

void* Http2Memory::AllocateZeroed(std::size_t count, std::size_t size) {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* block = Allocate(count * size);
  if (block != nullptr) std::memset(block, 0, count * size);
  return block;
}

void* Http2Memory::Reallocate(void* block, std::size_t size) {
  void* result = Allocate(size);
  if (result == nullptr || block == nullptr) return result;
  std::memcpy(result, block, std::min(size, PrefixOf(block)->size));
  Free(block);
  return result;
}

void Http2Memory::Free(void* block) {
  if (block == nullptr) return;
  Prefix* prefix = PrefixOf(block);
  const std::size_t size_class = prefix->size_class;
  if (size_class >= kClasses || classes_[size_class].count >= kMaxKept) {
    std::free(prefix);
    return;
  }
  Class& one = classes_[size_class];
  auto* free_block = reinterpret_cast<FreeBlock*>(prefix);
  free_block->next = one.first;
  one.first = free_block;
  ++one.count;
}

}  // namespace portreeve::codec
