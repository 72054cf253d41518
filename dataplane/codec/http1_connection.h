// What both ends of an HTTP/1 connection share: reading into the buffer, writing a head and a body in one call, and two
// deadlines on one transport.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/codec/read_buffer.h"
#include "dataplane/net/transport.h"

namespace portreeve::codec {

// One thread, the worker's.
class Http1Connection {
 public:
  explicit Http1Connection(net::Transport& transport) : transport_(transport) {}

  net::Transport& transport() { return transport_; }
  ReadBuffer& input() { return input_; }
  const ReadBuffer& input() const { return input_; }

  // Reads once into the buffer. kOk: at least one byte.
  net::IoStatus Fill();
  // The last read took all that there was room for, so more may be waiting.
  bool more_likely() const { return more_likely_; }
  std::size_t last_read() const { return last_read_; }

  // Writes all of the parts, or as much as goes. kWouldBlock: the rest is pending. `head` is copied then; `body` and
  // `tail` must stay until the write is over.
  net::IoStatus Write(std::string_view head, std::string_view body, std::string_view tail);
  // Goes on with what is pending.
  net::IoStatus ContinueWrite();
  bool write_pending() const { return part_count_ > 0; }

  // To be called before a wait, and after it. The transport gets the nearer one of the two directions' deadlines.
  void BeginRead(net::Clock::time_point deadline) { BeginWait(read_, deadline); }
  void EndRead() { EndWait(read_, write_); }
  void BeginWrite(net::Clock::time_point deadline) { BeginWait(write_, deadline); }
  void EndWrite() { EndWait(write_, read_); }

  // Takes all deadlines off, for whoever takes the transport over.
  void ClearDeadlines();

 private:
  static constexpr net::Clock::time_point kNever = net::Clock::time_point::max();

  struct Direction {
    bool waiting = false;
    net::Clock::time_point deadline = kNever;
  };

  void BeginWait(Direction& mine, net::Clock::time_point deadline);
  void EndWait(Direction& mine, const Direction& other);
  void KeepHead();

  net::Transport& transport_;
  ReadBuffer input_;
  bool more_likely_ = false;
  std::size_t last_read_ = 0;

  std::array<iovec, 3> parts_{};
  std::size_t part_count_ = 0;
  // The first part is a head in this thread's buffer, of which what couldn't be written goes to kept_head_.
  bool head_first_ = false;
  std::string kept_head_;

  // The transport has a deadline of ours; one that others gave it stays.
  bool armed_ = false;
  Direction read_;
  Direction write_;
};

}  // namespace portreeve::codec
