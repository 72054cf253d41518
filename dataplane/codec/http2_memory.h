// nghttp2's memory: what one stream gives back, the next takes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace portreeve::codec {

// Blocks of less than 1 KiB are kept by size, some hundred of each: malloc's own cache holds seven, and a connection
// opens thirty streams at a time. One thread. A plain malloc under the sanitizers, so that they see every block.
class Http2Memory {
 public:
  // The thread's own.
  static Http2Memory& Get();

  Http2Memory() = default;
  ~Http2Memory();
  Http2Memory(const Http2Memory&) = delete;
  Http2Memory& operator=(const Http2Memory&) = delete;

  // As malloc, calloc, realloc and free. A block may be given back on another thread.
  void* Allocate(std::size_t size);
  void* AllocateZeroed(std::size_t count, std::size_t size);
  void* Reallocate(void* block, std::size_t size);
  void Free(void* block);

 private:
  static constexpr std::size_t kClasses = 16;
  struct FreeBlock {
    FreeBlock* next;
  };
  struct Class {
    FreeBlock* first = nullptr;
    std::uint32_t count = 0;
  };
  static void* Take(Class& one);

  std::array<Class, kClasses> classes_{};
};

}  // namespace portreeve::codec
