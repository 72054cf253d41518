// Memory of one exchange: bump allocation, freed all at once.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

namespace portreeve::http {

// Holds what a request's views point to when that isn't the read buffer: rewritten paths, header values of filters.
// One thread. Views stay valid until Reset or destruction. Reset keeps the first block, so that a warm connection
// allocates nothing.
class Arena {
 public:
  static constexpr std::size_t kBlockBytes = 4096;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Uninitialised bytes, not aligned for anything but char.
  char* Allocate(std::size_t bytes) {
    if (bytes > available_) Grow(bytes);
    char* result = next_;
    next_ += bytes;
    available_ -= bytes;
    return result;
  }

  std::string_view Copy(std::string_view text) { return Concat({text}); }

  std::string_view Concat(std::initializer_list<std::string_view> parts) {
    std::size_t bytes = 0;
    for (std::string_view part : parts) bytes += part.size();
    if (bytes == 0) return {};
    char* start = Allocate(bytes);
    char* out = start;
    for (std::string_view part : parts) {
      if (part.empty()) continue;
      std::memcpy(out, part.data(), part.size());
      out += part.size();
    }
    return {start, bytes};
  }

  void Reset() {
    if (blocks_.size() > 1) blocks_.resize(1);
    next_ = blocks_.empty() ? nullptr : blocks_.front().bytes.get();
    available_ = blocks_.empty() ? 0 : blocks_.front().size;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };

  void Grow(std::size_t bytes) {
    const std::size_t size = bytes > kBlockBytes ? bytes : kBlockBytes;
    blocks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
    next_ = blocks_.back().bytes.get();
    available_ = size;
  }

  std::vector<Block> blocks_;
  char* next_ = nullptr;
  std::size_t available_ = 0;
};

}  // namespace portreeve::http
