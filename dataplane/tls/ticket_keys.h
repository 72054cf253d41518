// The keys that session tickets are sealed with: of this process alone, new ones every hour.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <mutex>

namespace portreeve::tls {

struct TicketKey {
  std::array<unsigned char, 16> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};
};

struct TicketKeySet {
  // Seals new tickets.
  TicketKey current;
  // Still opens those of the last period; a ticket sealed with it is renewed.
  TicketKey previous;
  // From then on ask TicketKeys again.
  std::chrono::steady_clock::time_point rotate_at;
};

// Shared by all workers. A set is immutable: hold it until rotate_at and no lock is taken. Keys are random, never
// derived from one another, and wiped when the last holder lets go.
class TicketKeys {
 public:
  static constexpr std::chrono::minutes kPeriod{60};

  // The set for this time. Makes a new one when the last has served its period.
  std::shared_ptr<const TicketKeySet> At(std::chrono::steady_clock::time_point now);

 private:
  std::mutex mutex_;
  std::shared_ptr<const TicketKeySet> set_;  // guarded by mutex_
};

}  // namespace portreeve::tls
