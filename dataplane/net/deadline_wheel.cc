#include "dataplane/net/deadline_wheel.h"

#include <algorithm>

namespace portreeve::net {

void Deadline::Arm(Clock::time_point when) {
  if (when == Clock::time_point::max()) {
    Disarm();
    return;
  }
  const bool earlier = when < due_;
  due_ = when;
  // A linked deadline that moved back is found too early by its slot, and linked again then: most never get there.
  if (slot_ != kNoSlot && !earlier) return;
  if (slot_ != kNoSlot) Unlink();
  wheel_.Link(*this);
}

void Deadline::Disarm() {
  due_ = Clock::time_point::max();
  if (slot_ != kNoSlot) Unlink();
}

void Deadline::Unlink() {
  if (previous_ != nullptr) {
    previous_->next_ = next_;
  } else if (slot_ == DeadlineWheel::kExpiring) {
    wheel_.expiring_ = next_;
  } else {
    wheel_.slots_[slot_] = next_;
  }
  if (next_ != nullptr) next_->previous_ = previous_;
  next_ = previous_ = nullptr;
  slot_ = kNoSlot;
  --wheel_.linked_;
}

DeadlineWheel::DeadlineWheel(boost::asio::io_context& context)
    : timer_(context.get_executor()), start_(Clock::now()), now_(start_) {}

void DeadlineWheel::Link(Deadline& deadline) {
  if (!ticking_) {
    // Nothing was armed: the slots are empty, so the ticks missed meanwhile need no visit.
    Refresh();
    done_ticks_ = static_cast<std::uint64_t>((now_ - start_) / kTick);
    StartTicking();
  }
  // Rounded up, so that nothing fires early; never the tick that is being handled.
  const auto offset = std::max(deadline.due_ - start_, Clock::duration::zero());
  const std::uint64_t tick = static_cast<std::uint64_t>((offset + kTick - Clock::duration(1)) / kTick);
  const std::uint64_t turn = std::max(tick, done_ticks_ + 1);
  // Further than one turn ahead: the slot of its last tick finds it too early and links it again.
  const auto slot = static_cast<std::uint32_t>(turn % kSlots);
  deadline.slot_ = slot;
  deadline.previous_ = nullptr;
  deadline.next_ = slots_[slot];
  if (deadline.next_ != nullptr) deadline.next_->previous_ = &deadline;
  slots_[slot] = &deadline;
  ++linked_;
}

void DeadlineWheel::StartTicking() {
  ticking_ = true;
  timer_.expires_at(start_ + kTick * static_cast<Clock::rep>(done_ticks_ + 1));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) OnTick();
  });
}

void DeadlineWheel::OnTick() {
  Refresh();
  const auto current = static_cast<std::uint64_t>((now_ - start_) / kTick);
  const std::uint64_t first = done_ticks_ + 1;
  // After a pause longer than one turn, one turn visits every slot.
  const std::uint64_t last = std::min(current, first + kSlots - 1);
  done_ticks_ = current;
  for (std::uint64_t tick = first; tick <= last; ++tick) {
    const auto slot = static_cast<std::uint32_t>(tick % kSlots);
    // Detach the whole list first: a callback may arm, disarm or destroy any deadline.
    Deadline* due = slots_[slot];
    slots_[slot] = nullptr;
    for (Deadline* one = due; one != nullptr; one = one->next_) one->slot_ = kExpiring;
    expiring_ = due;
    while (expiring_ != nullptr) {
      Deadline& one = *expiring_;
      expiring_ = one.next_;
      if (expiring_ != nullptr) expiring_->previous_ = nullptr;
      one.next_ = one.previous_ = nullptr;
      one.slot_ = Deadline::kNoSlot;
      --linked_;
      if (one.due_ <= now_) {
        one.due_ = Clock::time_point::max();
        one.OnDeadline();
      } else if (one.due_ != Clock::time_point::max()) {
        Link(one);
      }
    }
  }
  if (linked_ == 0) {
    ticking_ = false;
    return;
  }
  StartTicking();
}

}  // namespace portreeve::net
