// The read buffer of one connection: borrowed from the thread while bytes are in flight.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace portreeve::codec {

// Memory for reading, in two sizes, reused within a thread: an idle connection holds none, and a busy thread allocates
// none.
class BufferBlock {
 public:
  static constexpr std::size_t kUsualBytes = 16 * 1024;
  static constexpr std::size_t kLargeBytes = 64 * 1024;

  BufferBlock() = default;
  BufferBlock(BufferBlock&& other) noexcept;
  BufferBlock& operator=(BufferBlock&& other) noexcept;
  ~BufferBlock() { Release(); }

  // At least that many bytes.
  static BufferBlock Borrow(std::size_t bytes);
  // Back to the thread.
  void Release();

  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

// Bytes come in at the end and are consumed at the front. What was consumed before Pin stays where it is until Unpin:
// the views of a head point there while the body is read behind it. One thread.
class ReadBuffer {
 public:
  std::string_view unread() const { return {block_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  // Unread bytes, to be decoded in place.
  char* mutable_unread() { return block_.data() + begin_; }
  // The bytes stay where they are until Space is called.
  void Consume(std::size_t bytes) { begin_ += bytes; }

  // Where to read to: borrows a block when there is none, and moves unread bytes when that makes room. Empty only when
  // unread bytes fill the whole block.
  std::span<char> Space();
  void Commit(std::size_t bytes) { end_ += bytes; }
  // A larger block, once; false when it is large enough for `bytes` already. Nothing may be pinned.
  bool Grow(std::size_t bytes);
  // Puts bytes at the end that were read elsewhere.
  void Append(std::string_view bytes);

  void Pin() { floor_ = begin_; }
  // Gives the block back too when nothing is unread.
  void Unpin();

 private:
  static constexpr std::size_t kLeastSpace = 4096;

  BufferBlock block_;
  // Keeps pinned bytes alive when reading went on in another block.
  BufferBlock pinned_;
  std::size_t floor_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace portreeve::codec
