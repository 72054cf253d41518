// Coarse timers: one real timer per worker, any number of deadlines, no system call to set one.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "dataplane/net/executor.h"

namespace portreeve::net {

class DeadlineWheel;

// Something that is told when its time has come. Belongs to one wheel and its thread; destruction disarms it.
class Deadline {
 public:
  explicit Deadline(DeadlineWheel& wheel) : wheel_(wheel) {}
  virtual ~Deadline() { Disarm(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // Replaces what was set before. Fires once, at most one tick (20 ms) late. Cheap: moving a deadline back only stores
  // the new time.
  void Arm(Clock::time_point when);
  void Disarm();
  bool armed() const { return due_ != Clock::time_point::max(); }
  Clock::time_point due() const { return due_; }

 protected:
  virtual void OnDeadline() = 0;

 private:
  friend class DeadlineWheel;

  void Unlink();

  DeadlineWheel& wheel_;
  Clock::time_point due_ = Clock::time_point::max();
  // Intrusive list of the slot; null when not in the wheel.
  Deadline* next_ = nullptr;
  Deadline* previous_ = nullptr;
  std::uint32_t slot_ = kNoSlot;
  static constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;
};

// Hashed wheel of 512 slots of 20 ms. One thread: the worker's. Ticks only while something is armed.
class DeadlineWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{20};
  static constexpr std::uint32_t kSlots = 512;

  // Driven by one timer of the io_context.
  explicit DeadlineWheel(boost::asio::io_context& context);
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // The worker's idea of now: read at each tick and by Refresh; at most one tick old while something is armed.
  Clock::time_point now() const { return now_; }
  void Refresh() { now_ = Clock::now(); }

 private:
  friend class Deadline;
  // Slot number of the list that OnTick is working off.
  static constexpr std::uint32_t kExpiring = kSlots;

  void Link(Deadline& deadline);
  void StartTicking();
  void OnTick();

  Timer timer_;
  bool ticking_ = false;
  Clock::time_point start_;
  Clock::time_point now_;
  std::uint64_t done_ticks_ = 0;
  std::size_t linked_ = 0;
  std::array<Deadline*, kSlots> slots_{};
  Deadline* expiring_ = nullptr;
};

}  // namespace portreeve::net
