#include "dataplane/codec/http1_connection.h"

#include <algorithm>

namespace portreeve::codec {

using net::IoResult;
using net::IoStatus;

IoStatus Http1Connection::Fill() {
  const std::span<char> space = input_.Space();
  const IoResult result = transport_.TryRead(space.data(), space.size());
  last_read_ = result.status == IoStatus::kOk ? result.bytes : 0;
  more_likely_ = last_read_ == space.size();
  input_.Commit(last_read_);
  return result.status;
}

IoStatus Http1Connection::Write(std::string_view head, std::string_view body, std::string_view tail) {
  part_count_ = 0;
  head_first_ = !head.empty();
  for (std::string_view part : {head, body, tail}) {
    if (part.empty()) continue;
    parts_[part_count_++] = {const_cast<char*>(part.data()), part.size()};
  }
  return ContinueWrite();
}

IoStatus Http1Connection::ContinueWrite() {
  while (part_count_ > 0) {
    const IoResult result = transport_.TryWrite(std::span<const iovec>(parts_.data(), part_count_));
    if (result.status == IoStatus::kWouldBlock) {
      KeepHead();
      return result.status;
    }
    if (result.status != IoStatus::kOk) {
      part_count_ = 0;
      return result.status;
    }
    std::size_t written = result.bytes;
    std::size_t done = 0;
    while (done < part_count_ && written >= parts_[done].iov_len) written -= parts_[done++].iov_len;
    if (done < part_count_) {
      parts_[done].iov_base = static_cast<char*>(parts_[done].iov_base) + written;
      parts_[done].iov_len -= written;
    }
    if (done > 0) head_first_ = false;
    std::move(parts_.begin() + static_cast<std::ptrdiff_t>(done),
              parts_.begin() + static_cast<std::ptrdiff_t>(part_count_), parts_.begin());
    part_count_ -= done;
  }
  return IoStatus::kOk;
}

void Http1Connection::KeepHead() {
  if (!head_first_) return;
  kept_head_.assign(static_cast<const char*>(parts_[0].iov_base), parts_[0].iov_len);
  parts_[0].iov_base = kept_head_.data();
  head_first_ = false;
}

void Http1Connection::BeginWait(Direction& mine, net::Clock::time_point deadline) {
  mine = {true, deadline};
  const net::Clock::time_point nearer = std::min(read_.deadline, write_.deadline);
  if (nearer != kNever || armed_) transport_.SetDeadline(nearer);
  armed_ = nearer != kNever;
}

// What the other direction waits for must not end by our deadline. Where nothing waits, ours may stay: the next wait
// replaces it.
void Http1Connection::EndWait(Direction& mine, const Direction& other) {
  mine = {};
  if (!other.waiting) return;
  transport_.SetDeadline(other.deadline);
  armed_ = other.deadline != kNever;
}

void Http1Connection::ClearDeadlines() {
  read_ = write_ = {};
  armed_ = false;
  transport_.SetDeadline(kNever);
}

}  // namespace portreeve::codec
