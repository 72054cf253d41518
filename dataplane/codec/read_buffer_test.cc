#include "dataplane/codec/read_buffer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

namespace portreeve::codec {
namespace {

void Put(ReadBuffer& buffer, std::string_view bytes) {
  const auto space = buffer.Space();
  REQUIRE(space.size() >= bytes.size());
  std::memcpy(space.data(), bytes.data(), bytes.size());
  buffer.Commit(bytes.size());
}

TEST_CASE("bytes come in and are consumed") {
  ReadBuffer buffer;
  CHECK(buffer.empty());
  Put(buffer, "hello");
  CHECK(buffer.unread() == "hello");
  buffer.Consume(2);
  CHECK(buffer.unread() == "llo");
  Put(buffer, "!");
  CHECK(buffer.unread() == "llo!");
  buffer.Consume(4);
  CHECK(buffer.empty());
}

TEST_CASE("a block goes back to the thread and comes out again") {
  const char* first = nullptr;
  {
    BufferBlock block = BufferBlock::Borrow(1);
    CHECK(block.size() == BufferBlock::kUsualBytes);
    first = block.data();
  }
  BufferBlock again = BufferBlock::Borrow(BufferBlock::kUsualBytes);
  CHECK(again.data() == first);
  CHECK(BufferBlock::Borrow(BufferBlock::kUsualBytes + 1).size() == BufferBlock::kLargeBytes);
  CHECK(BufferBlock::Borrow(200000).size() == 200000);
  BufferBlock moved = std::move(again);
  CHECK(moved.data() == first);
  again = std::move(moved);
  CHECK(again.data() == first);
}

TEST_CASE("what is pinned stays, whatever is read behind it") {
  ReadBuffer buffer;
  Put(buffer, "head" + std::string(3000, 'x'));
  const std::string_view head = buffer.unread().substr(0, 4);
  buffer.Consume(4);
  buffer.Pin();
  for (int i = 0; i < 100; ++i) {
    buffer.Consume(buffer.unread().size() / 2);
    Put(buffer, std::string(1500, 'y'));
    REQUIRE(head == "head");
  }
  CHECK(buffer.unread().ends_with("yyyy"));
  buffer.Consume(buffer.unread().size());
  buffer.Unpin();
  CHECK(buffer.empty());
}

TEST_CASE("a pinned block that is nearly full is kept beside a new one") {
  ReadBuffer buffer;
  std::string large(BufferBlock::kUsualBytes - 100, 'h');
  const auto space = buffer.Space();
  std::memcpy(space.data(), large.data(), large.size());
  buffer.Commit(large.size());
  const std::string_view head = buffer.unread().substr(0, large.size() - 10);
  buffer.Consume(large.size() - 10);
  buffer.Pin();
  CHECK(buffer.Space().size() >= 4096);
  CHECK(buffer.unread() == std::string(10, 'h'));
  CHECK(head == std::string(large.size() - 10, 'h'));
  Put(buffer, std::string(4000, 'b'));
  CHECK(buffer.unread() == std::string(10, 'h') + std::string(4000, 'b'));
}

TEST_CASE("growth keeps the unread bytes") {
  ReadBuffer buffer;
  buffer.Append(std::string(100, 'a'));
  CHECK(buffer.Grow(60000));
  CHECK(buffer.unread() == std::string(100, 'a'));
  CHECK_FALSE(buffer.Grow(60000));
  buffer.Append(std::string(100000, 'b'));
  CHECK(buffer.unread() == std::string(100, 'a') + std::string(100000, 'b'));
}

}  // namespace
}  // namespace portreeve::codec
