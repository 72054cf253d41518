#include "controller/serve/stream_registry.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "common/log.h"
#include "controller/serve/served_stream.h"

namespace portreeve::serve {
namespace {

constexpr std::chrono::seconds kSayAgain(60);
// Reasons may hold names that were sent to us.
constexpr std::size_t kMaxSaid = 1000;

void LogRefusals(const DataPlaneReport& report, const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    log::Warning("a data plane refuses a resource; it keeps the last good version", {{"gateway", report.gateway},
                                                                                     {"instance", report.instance},
                                                                                     {"object", refusal.origin},
                                                                                     {"key", refusal.key},
                                                                                     {"field", refusal.field},
                                                                                     {"reason", refusal.message}});
  }
}

}  // namespace

void StreamRegistry::Require(Authenticator authenticator, std::chrono::milliseconds proof_deadline) {
  proof_deadline_ = proof_deadline;
  gate_ = std::make_unique<TokenGate>(std::move(authenticator));
}

bool StreamRegistry::RaiseEpoch(std::uint64_t epoch) {
  std::uint64_t last = epoch_;
  while (epoch > last) {
    if (epoch_.compare_exchange_weak(last, epoch)) return true;
  }
  return false;
}

void StreamRegistry::ReportEnd(const char* kind, const std::string& gateway, const std::string& instance,
                               const std::string& reason) {
  const Clock::time_point now = Clock::now();
  {
    std::lock_guard lock(mutex_);
    absl::erase_if(said_, [&](const auto& entry) { return now - entry.second >= kSayAgain; });
    if (said_.size() >= kMaxSaid || !said_.emplace(gateway + '\0' + reason, now).second) return;
  }
  log::Warning(absl::StrCat("stream of a ", kind, " ends"),
               {{"gateway", gateway}, {"instance", instance}, {"reason", reason}});
}

bool StreamRegistry::Add(std::shared_ptr<ServedStream> stream) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  streams_.insert(std::move(stream));
  ++active_;
  return true;
}

void StreamRegistry::Remove(std::shared_ptr<ServedStream> stream) {
  {
    const std::lock_guard order(telling_);
    std::vector<Heard> last;
    {
      std::lock_guard lock(mutex_);
      if (streams_.erase(stream) == 0) return;
      absl::erase_if(reports_, [&](auto& entry) {
        if (entry.first.stream != stream.get()) return false;
        last.push_back(std::move(entry.second));
        return true;
      });
    }
    for (const Heard& one : last) Tell(one.report, one.relayed);
  }
  stream.reset();
  std::lock_guard lock(mutex_);
  --active_;
  emptied_.notify_all();
}

void StreamRegistry::Report(const ServedStream* stream, DataPlaneReport report) {
  const std::lock_guard order(telling_);
  std::vector<Refusal> fresh = report.refused;
  {
    std::lock_guard lock(mutex_);
    Source source{report.gateway, report.instance, stream};
    const auto last = reports_.find(source);
    if (last != reports_.end()) {
      std::erase_if(fresh, [&](const Refusal& refusal) {
        return std::ranges::find(last->second.report.refused, refusal) != last->second.report.refused.end();
      });
    }
    reports_.insert_or_assign(std::move(source), Heard{report, Clock::now(), false});
  }
  LogRefusals(report, fresh);
  Tell(report, false);
}

// What the data plane refuses is in the log of its own replica.
void StreamRegistry::ReportRelayed(const ServedStream* stream, DataPlaneReport report, Clock::time_point heard) {
  const std::lock_guard order(telling_);
  {
    std::lock_guard lock(mutex_);
    Source source{report.gateway, report.instance, stream};
    if (report.connected) {
      reports_.insert_or_assign(std::move(source), Heard{report, heard, true});
    } else if (reports_.erase(source) == 0) {
      return;
    }
  }
  Tell(report, true);
}

void StreamRegistry::Tell(const DataPlaneReport& said, bool relayed) {
  DataPlaneReport of_all;
  DataPlaneReport local;
  {
    std::lock_guard lock(mutex_);
    of_all = Latest(said, false);
    if (!relayed) local = Latest(said, true);
  }
  if (listener_) listener_(of_all);
  if (local_listener_ && !relayed) local_listener_(local);
}

DataPlaneReport StreamRegistry::Latest(const DataPlaneReport& said, bool local_only) const {
  const Heard* latest = nullptr;
  for (auto at = reports_.lower_bound(Source{said.gateway, said.instance, nullptr}); at != reports_.end(); ++at) {
    if (at->first.gateway != said.gateway || at->first.instance != said.instance) break;
    if (local_only && at->second.relayed) continue;
    if (latest == nullptr || at->second.at >= latest->at) latest = &at->second;
  }
  if (latest != nullptr) return latest->report;
  DataPlaneReport gone = said;
  gone.connected = false;
  gone.refused.clear();
  gone.listening.clear();
  return gone;
}

// Copies, since a stream takes its own lock before this one.
void StreamRegistry::WakeAll() {
  std::vector<std::shared_ptr<ServedStream>> streams;
  {
    std::lock_guard lock(mutex_);
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) stream->Wake();
}

void StreamRegistry::CloseAll() {
  std::vector<std::shared_ptr<ServedStream>> streams;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) stream->Close({grpc::StatusCode::UNAVAILABLE, "the controller is stopping"});
}

bool StreamRegistry::WaitEmpty(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_for(lock, deadline, [&] { return active_ == 0; });
}

std::vector<DataPlaneReport> StreamRegistry::Reports(std::string_view gateway) const {
  std::lock_guard lock(mutex_);
  auto end = reports_.lower_bound(Source{std::string(gateway), "", nullptr});
  const auto begin = end;
  while (end != reports_.end() && end->first.gateway == gateway) ++end;
  return LatestOfEach(begin, end);
}

std::vector<DataPlaneReport> StreamRegistry::AllReports() const {
  std::lock_guard lock(mutex_);
  return LatestOfEach(reports_.begin(), reports_.end());
}

std::vector<DataPlaneReport> StreamRegistry::LatestOfEach(Heards::const_iterator begin, Heards::const_iterator end) {
  std::vector<DataPlaneReport> reports;
  Clock::time_point at;
  for (auto one = begin; one != end; ++one) {
    const DataPlaneReport& report = one->second.report;
    if (reports.empty() || reports.back().gateway != report.gateway || reports.back().instance != report.instance) {
      reports.push_back(report);
    } else if (one->second.at >= at) {
      reports.back() = report;
    } else {
      continue;
    }
    at = one->second.at;
  }
  return reports;
}

}  // namespace portreeve::serve
