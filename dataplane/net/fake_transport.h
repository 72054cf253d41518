// A transport without a socket, for tests: scripted bytes in, captured bytes out.
#pragma once

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/net/transport.h"
#include "dataplane/net/wait_slot.h"

namespace portreeve::net {

// One thread, no clock. A read takes from one segment at a time; the next segment comes only after a wait. A wait that
// nothing will end is ended by the deadline at once, as if the time had passed; without a deadline (or in patient mode)
// it lasts until Feed, End or Cancel. Must outlive the coroutines that wait on it.
class FakeTransport final : public Transport {
 public:
  // Another segment to read.
  void Feed(std::string_view bytes) {
    if (!bytes.empty()) segments_.emplace_back(bytes);
    Wake();
  }
  // A segment for every byte.
  void FeedBytewise(std::string_view bytes) {
    for (char byte : bytes) segments_.emplace_back(1, byte);
    Wake();
  }
  // What comes after the last segment: kClosed or kError.
  void End(IoStatus status) {
    end_ = status;
    Wake();
  }
  // Each write takes that many bytes at most, and blocks once after each.
  void LimitWrites(std::size_t bytes) { write_limit_ = bytes; }
  // Writes fail from now on.
  void BreakWrites() { writes_broken_ = true; }
  // Writes block until UnblockWrites.
  void BlockWrites() { writes_blocked_ = true; }
  void UnblockWrites() {
    writes_blocked_ = false;
    write_wait_.Resume(IoStatus::kOk);
  }
  // Waits aren't ended by deadlines.
  void BePatient() { patient_ = true; }

  const std::string& written() const { return written_; }
  std::string TakeWritten() { return std::exchange(written_, {}); }
  std::size_t write_calls() const { return write_calls_; }
  std::size_t read_calls() const { return read_calls_; }
  bool send_closed() const { return send_closed_; }
  bool was_reset() const { return reset_; }
  // Nothing is left to read.
  bool exhausted() const { return segments_.empty(); }
  Clock::time_point deadline() const { return deadline_; }

  IoResult TryRead(char* data, std::size_t size) override {
    ++read_calls_;
    if (!open_) return {IoStatus::kError, 0};
    if (!readable_) return {IoStatus::kWouldBlock, 0};
    if (segments_.empty()) {
      if (end_) return {*end_, 0};
      readable_ = false;
      return {IoStatus::kWouldBlock, 0};
    }
    std::string& segment = segments_.front();
    const std::size_t bytes = std::min(size, segment.size());
    segment.copy(data, bytes);
    segment.erase(0, bytes);
    if (segment.empty()) {
      segments_.pop_front();
      readable_ = false;
    }
    return {IoStatus::kOk, bytes};
  }

  IoResult TryWrite(std::span<const iovec> parts) override {
    ++write_calls_;
    if (!open_ || writes_broken_ || send_closed_) return {IoStatus::kError, 0};
    if (writes_blocked_ || write_spent_) return {IoStatus::kWouldBlock, 0};
    std::size_t total = 0;
    for (const iovec& part : parts) {
      const std::size_t bytes = std::min(part.iov_len, write_limit_ - total);
      written_.append(static_cast<const char*>(part.iov_base), bytes);
      total += bytes;
    }
    write_spent_ = total == write_limit_;
    return {IoStatus::kOk, total};
  }

  Awaitable<IoStatus> WaitReadable() override {
    if (!open_) co_return IoStatus::kError;
    if (cancelled_) co_return IoStatus::kCancelled;
    if (readable_ || !segments_.empty() || end_) {
      readable_ = true;
      co_return IoStatus::kOk;
    }
    if (!patient_ && deadline_ != Clock::time_point::max()) co_return IoStatus::kTimeout;
    co_return co_await read_wait_.Wait();
  }

  Awaitable<IoStatus> WaitWritable() override {
    if (!open_) co_return IoStatus::kError;
    if (cancelled_) co_return IoStatus::kCancelled;
    write_spent_ = false;
    if (!writes_blocked_) co_return IoStatus::kOk;
    if (!patient_ && deadline_ != Clock::time_point::max()) co_return IoStatus::kTimeout;
    co_return co_await write_wait_.Wait();
  }

  Awaitable<IoStatus> Handshake() override { co_return IoStatus::kOk; }
  void SetDeadline(Clock::time_point when) override { deadline_ = when; }
  void Cancel() override {
    cancelled_ = true;
    WakeBoth(IoStatus::kCancelled);
  }
  bool PeerGone() override { return !open_ || (segments_.empty() && end_.has_value()); }
  void CloseSend() override { send_closed_ = true; }
  void Close(bool reset) override {
    if (!open_) return;
    open_ = false;
    reset_ = reset;
    WakeBoth(IoStatus::kError);
  }
  bool is_open() const override { return open_; }
  std::string_view peer_address() const override { return "192.0.2.1"; }
  std::uint16_t local_port() const override { return 8080; }

 private:
  void Wake() {
    if (!read_wait_.waiting()) return;
    readable_ = true;
    read_wait_.Resume(IoStatus::kOk);
  }
  void WakeBoth(IoStatus status) {
    WaitSlot reader = std::move(read_wait_);
    WaitSlot writer = std::move(write_wait_);
    reader.Resume(status);
    writer.Resume(status);
  }

  std::deque<std::string> segments_;
  std::optional<IoStatus> end_;
  std::string written_;
  std::size_t write_limit_ = std::numeric_limits<std::size_t>::max();
  std::size_t write_calls_ = 0;
  std::size_t read_calls_ = 0;
  bool readable_ = false;
  bool write_spent_ = false;
  bool writes_broken_ = false;
  bool writes_blocked_ = false;
  bool patient_ = false;
  bool open_ = true;
  bool reset_ = false;
  bool send_closed_ = false;
  bool cancelled_ = false;
  Clock::time_point deadline_ = Clock::time_point::max();
  WaitSlot read_wait_;
  WaitSlot write_wait_;
};

// Runs coroutines of tests to their end. What they wait for must come from other coroutines, or from the deadline.
class TestLoop {
 public:
  // The result, or nullopt when it still waits.
  template <typename T>
  std::optional<T> Run(Awaitable<T> awaitable) {
    auto result = std::make_shared<std::optional<T>>();
    boost::asio::co_spawn(context_.get_executor(), std::move(awaitable),
                          [result](const std::exception_ptr& thrown, T value) {
                            if (thrown) std::terminate();
                            *result = std::move(value);
                          });
    Turn();
    return *result;
  }
  // The same; the result is looked at later.
  template <typename T>
  std::shared_ptr<std::optional<T>> Start(Awaitable<T> awaitable) {
    auto result = std::make_shared<std::optional<T>>();
    boost::asio::co_spawn(context_.get_executor(), std::move(awaitable),
                          [result](const std::exception_ptr& thrown, T value) {
                            if (thrown) std::terminate();
                            *result = std::move(value);
                          });
    Turn();
    return result;
  }
  // Runs what can run.
  void Turn() {
    context_.restart();
    context_.poll();
  }

 private:
  boost::asio::io_context context_;
};

}  // namespace portreeve::net
