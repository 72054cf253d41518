#include "controller/status/write_queue.h"

#include <algorithm>
#include <utility>

namespace portreeve::status {

using gatewayapi::ObjectKey;

WriteQueue::WriteQueue(Options options, Clock::time_point now)
    : options_(std::move(options)), tokens_(options_.burst), refilled_(now) {}

void WriteQueue::Put(const ObjectKey& key, bool urgent, Clock::time_point now) {
  auto [found, added] = entries_.try_emplace(key);
  Entry& entry = found->second;
  // Long enough ago.
  if (added) entry.last_write = now - kMaxCounts;
  if (added) entry.not_before = now;
  entry.forget = false;
  if (entry.in_flight) {
    entry.again = true;
    entry.again_urgent |= urgent;
    return;
  }
  Enqueue(key, entry, urgent, now);
}

void WriteQueue::Enqueue(const ObjectKey& key, Entry& entry, bool urgent, Clock::time_point now) {
  if (entry.queued) {
    if (!urgent || entry.urgent) return;
    due_.erase(PlaceOf(key, entry));
  }
  const Duration interval = urgent ? kInterval : entry.counts_interval;
  entry.queued = true;
  entry.urgent = urgent;
  entry.paced = entry.last_write + interval > now;
  entry.due = std::max({now, entry.last_write + interval, entry.not_before});
  entry.sequence = next_sequence_++;
  due_.insert(PlaceOf(key, entry));
}

void WriteQueue::Forget(const ObjectKey& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (entry.in_flight) {
    entry.again = false;
    entry.forget = true;
    return;
  }
  if (entry.queued) due_.erase(PlaceOf(key, entry));
  entries_.erase(found);
}

void WriteQueue::Clear() {
  due_.clear();
  absl::erase_if(entries_, [](const auto& entry) { return !entry.second.in_flight; });
  for (auto& [key, entry] : entries_) {
    entry.again = false;
    entry.forget = true;
  }
}

bool WriteQueue::Has(const ObjectKey& key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && (found->second.queued || found->second.in_flight);
}

bool WriteQueue::InFlight(const ObjectKey& key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && found->second.in_flight;
}

void WriteQueue::Refill(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - refilled_).count();
  tokens_ = std::min(options_.burst, tokens_ + seconds * options_.per_second);
  refilled_ = now;
}

std::optional<ObjectKey> WriteQueue::Take(Clock::time_point now, Clock::time_point* wake) {
  *wake = Clock::time_point::max();
  if (due_.empty()) return std::nullopt;
  // Urgent ones stand before all others, but may fall due later.
  const auto first_other = due_.lower_bound({true, Clock::time_point::min(), 0, ObjectKey{}});
  auto next = due_.end();
  for (const auto candidate : {due_.begin(), first_other}) {
    if (candidate == due_.end()) continue;
    const Clock::time_point due = std::get<1>(*candidate);
    if (due <= now) {
      next = candidate;
      break;
    }
    *wake = std::min(*wake, due);
  }
  if (next == due_.end()) return std::nullopt;
  Refill(now);
  if (tokens_ < 1) {
    *wake = now +
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>((1 - tokens_) / options_.per_second)) +
            Duration(1);
    return std::nullopt;
  }
  tokens_ -= 1;
  ObjectKey key = std::get<3>(*next);
  due_.erase(next);
  Entry& entry = entries_.at(key);
  entry.queued = false;
  entry.in_flight = true;
  return key;
}

void WriteQueue::Done(const ObjectKey& key, Result result, Clock::time_point now, Duration not_before) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.in_flight = false;
  const bool was_urgent = entry.urgent;
  entry.urgent = false;
  if (entry.forget || (result == Result::kGone && !entry.again)) {
    entries_.erase(found);
    return;
  }
  bool again = std::exchange(entry.again, false);
  bool urgent = std::exchange(entry.again_urgent, false);
  if (result == Result::kRetry) {
    const Duration wait = std::min(kMaxRetry, kFirstRetry * (1 << std::min(entry.failures, 10)));
    const double longer = 1 + options_.random() / 4;
    entry.not_before = now + std::max(not_before, std::chrono::duration_cast<Duration>(wait * longer));
    ++entry.failures;
    again = true;
    urgent |= was_urgent;
  } else {
    entry.failures = 0;
    entry.not_before = now;
  }
  if (result == Result::kWritten) {
    entry.last_write = now;
    if (!was_urgent)
      entry.counts_interval = entry.paced ? std::min(kMaxCounts, entry.counts_interval * 2) : kFirstCounts;
  }
  if (again) Enqueue(key, entry, urgent, now);
}

}  // namespace portreeve::status
