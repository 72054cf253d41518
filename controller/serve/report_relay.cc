#include "controller/serve/report_relay.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <condition_variable>

#include "common/log.h"
#include "controller/kube/backoff.h"
#include "controller/serve/relay_call.h"
#include "controller/serve/report_message.h"

namespace portreeve::serve {
namespace {

using config::v1::RelayMessage;
using std::chrono::milliseconds;

constexpr milliseconds kFirstWait(100);
constexpr milliseconds kLongestWait(2000);
// So often the leader's address is asked for.
constexpr milliseconds kLookPeriod(1000);
// With the leader's own question to the API server in it.
constexpr milliseconds kReadyDeadline(15'000);

// Whether somebody has said no, so that there is something to mend; else it is only to be awaited.
bool IsRefusal(const absl::Status& status) {
  return !absl::IsUnavailable(status) && !absl::IsCancelled(status) && !absl::IsDeadlineExceeded(status);
}

}  // namespace

struct ReportRelay::Bell {
  std::mutex mutex;
  std::condition_variable rung;
  bool ringing = false;
  bool stopping = false;

  void Ring() {
    std::lock_guard lock(mutex);
    ringing = true;
    rung.notify_all();
  }
  // Until it rings, or rang since the last time.
  void Wait(Clock::time_point until) {
    std::unique_lock lock(mutex);
    rung.wait_until(lock, until, [&] { return ringing || stopping; });
    ringing = false;
  }
};

ReportRelay::ReportRelay(Options options) : options_(std::move(options)), bell_(std::make_shared<Bell>()) {
  thread_ = std::thread([this] { Run(); });
}

ReportRelay::~ReportRelay() {
  {
    std::lock_guard lock(bell_->mutex);
    bell_->stopping = true;
    bell_->rung.notify_all();
  }
  thread_.join();
}

bool ReportRelay::stopping() const {
  std::lock_guard lock(bell_->mutex);
  return bell_->stopping;
}

void ReportRelay::LeadershipChanged() {
  bell_->Ring();
}

absl::Status ReportRelay::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void ReportRelay::SetStatus(absl::Status status) {
  std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

// --- what is to be told ---------------------------------------------------------------------------------------------

void ReportRelay::Report(const DataPlaneReport& report) {
  {
    std::lock_guard lock(mutex_);
    const DataPlane data_plane(report.gateway, report.instance);
    auto found = entries_.find(data_plane);
    if (!report.connected) {
      if (found == entries_.end()) return;
      // That a stream has ended says it as well, and what was never told needs no end.
      if (!found->second.told) {
        queue_.erase(found->second.place);
        entries_.erase(found);
        return;
      }
    }
    if (found == entries_.end()) found = entries_.try_emplace(data_plane).first;
    found->second.report = report;
    found->second.heard = Clock::now();
    if (!standing_) return;
    Enqueue(data_plane, &found->second);
  }
  bell_->Ring();
}

// With mutex_ held.
void ReportRelay::Enqueue(const DataPlane& data_plane, Entry* entry) {
  if (entry->place != 0) return;
  entry->place = ++last_place_;
  queue_.emplace(entry->place, data_plane);
}

void ReportRelay::Begin() {
  std::lock_guard lock(mutex_);
  standing_ = true;
  for (auto& [data_plane, entry] : entries_) Enqueue(data_plane, &entry);
}

void ReportRelay::End() {
  std::lock_guard lock(mutex_);
  standing_ = false;
  queue_.clear();
  absl::erase_if(entries_, [](const auto& one) { return !one.second.report.connected; });
  for (auto& [data_plane, entry] : entries_) {
    entry.place = 0;
    entry.told = false;
  }
}

std::optional<ReportRelay::Entry> ReportRelay::TakeNext() {
  std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  const auto found = entries_.find(queue_.begin()->second);
  queue_.erase(queue_.begin());
  found->second.place = 0;
  found->second.told = true;
  Entry next = found->second;
  if (!next.report.connected) entries_.erase(found);
  return next;
}

// --- the stream -----------------------------------------------------------------------------------------------------

void ReportRelay::Run() {
  kube::Backoff backoff(kFirstWait, kLongestWait);
  while (!stopping()) {
    const std::string address = options_.leader_address();
    if (address.empty()) {
      SetStatus(absl::OkStatus());
      said_.clear();
      backoff.Reset();
      bell_->Wait(Clock::now() + kLookPeriod);
      continue;
    }
    const Outcome outcome = Converse(address);
    if (outcome != Outcome::kFailed) backoff.Reset();
    if (outcome == Outcome::kMoved) continue;
    const Clock::time_point next = Clock::now() + backoff.Next();
    while (!stopping() && Clock::now() < next && options_.leader_address() == address) {
      bell_->Wait(std::min(next, Clock::now() + kLookPeriod));
    }
  }
}

ReportRelay::Outcome ReportRelay::Converse(const std::string& address) {
  RelayCall::Target target;
  target.address = address;
  target.server_name = options_.server_name;
  target.ca_pem = options_.ca_pem();
  absl::StatusOr<SecretBytes> token = options_.token();
  absl::Status status = token.status();
  if (target.ca_pem.empty()) {
    status.Update(absl::FailedPreconditionError("the CA that the leader is known by hasn't been read yet"));
  }
  if (!status.ok()) {
    Complain(address, status);
    return Outcome::kFailed;
  }
  target.token = *std::move(token);
  RelayCall call(target, [bell = bell_] { bell->Ring(); });
  RelayMessage message;
  message.mutable_hello()->set_instance(options_.instance);
  call.Write(std::move(message));
  if (!WaitReady(call, address)) {
    return options_.leader_address() == address ? Outcome::kFailed : Outcome::kMoved;
  }
  SetStatus(absl::OkStatus());
  said_.clear();
  log::Info("telling the leader what the data planes of this replica report", {{"leader", address}});
  Begin();
  const Outcome outcome = Relay(call, address);
  End();
  return outcome;
}

bool ReportRelay::WaitReady(RelayCall& call, const std::string& address) {
  const Clock::time_point deadline = Clock::now() + kReadyDeadline;
  while (!stopping() && options_.leader_address() == address) {
    if (call.closed()) {
      Complain(address, call.status());
      return false;
    }
    if (call.ready()) return true;
    if (Clock::now() >= deadline) {
      Complain(address, absl::DeadlineExceededError("it doesn't answer"));
      return false;
    }
    bell_->Wait(std::min(deadline, Clock::now() + kLookPeriod));
  }
  return false;
}

ReportRelay::Outcome ReportRelay::Relay(RelayCall& call, const std::string& address) {
  Clock::time_point next_proof = Clock::now() + options_.proof_period;
  while (!stopping()) {
    if (call.closed()) {
      Complain(address, call.status());
      return Outcome::kStood;
    }
    if (options_.leader_address() != address) return Outcome::kMoved;
    const Clock::time_point now = Clock::now();
    if (call.idle()) {
      if (now >= next_proof) {
        next_proof = now + options_.proof_period;
        if (Prove(call)) continue;
      }
      if (SendNext(call)) continue;
    }
    bell_->Wait(std::min(std::max(next_proof, now + kFirstWait), now + kLookPeriod));
  }
  return Outcome::kStood;
}

// What can't be read is tried again at the next one; the leader waits for three.
bool ReportRelay::Prove(RelayCall& call) {
  const absl::StatusOr<SecretBytes> token = options_.token();
  if (!token.ok()) {
    log::Warning("the token can't be shown to the leader again, which may end the stream soon",
                 {{"reason", std::string(token.status().message())}});
    return false;
  }
  RelayMessage message;
  message.mutable_proof()->set_token(std::string(token->Reveal()));
  call.Write(std::move(message));
  return true;
}

bool ReportRelay::SendNext(RelayCall& call) {
  const std::optional<Entry> next = TakeNext();
  if (!next) return false;
  RelayMessage message;
  const auto age = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - next->heard);
  *message.mutable_report() = WriteReport(next->report, age);
  call.Write(std::move(message));
  return true;
}

// Once for each time that the leader goes, not for each try; and once for each reason that somebody has to mend.
void ReportRelay::Complain(const std::string& address, const absl::Status& status) {
  if (stopping()) return;
  const std::string reason(status.message());
  SetStatus({status.code(), absl::StrCat("the leader at ", address, " isn't told what data planes report: ", reason)});
  if (!said_.empty() && (!IsRefusal(status) || reason == said_)) return;
  said_ = reason;
  log::Warning(
      "the leader can't be told what the data planes of this replica report; it is tried again, and until "
      "then statuses don't count them",
      {{"leader", address}, {"reason", reason}});
}

}  // namespace portreeve::serve
