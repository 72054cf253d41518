#include "controller/serve/stream_registry.h"

#include <algorithm>
#include <tuple>

#include "common/log.h"
#include "controller/serve/stream.h"

namespace portreeve::serve {
namespace {

constexpr std::chrono::seconds kSayAgain(60);
// Reasons may hold names that were sent to us.
constexpr std::size_t kMaxSaid = 1000;

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

void StreamRegistry::ReportEnd(const std::string& gateway, const std::string& instance, const std::string& reason) {
  const auto now = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(mutex_);
    absl::erase_if(said_, [&](const auto& entry) { return now - entry.second >= kSayAgain; });
    if (said_.size() >= kMaxSaid || !said_.emplace(gateway + '\0' + reason, now).second) return;
  }
  log::Warning("stream of a data plane ends", {{"gateway", gateway}, {"instance", instance}, {"reason", reason}});
}

bool StreamRegistry::Add(std::shared_ptr<Stream> stream) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  streams_.insert(std::move(stream));
  ++active_;
  return true;
}

void StreamRegistry::Remove(std::shared_ptr<Stream> stream) {
  DataPlaneReport last;
  {
    std::lock_guard lock(mutex_);
    if (streams_.erase(stream) == 0) return;
    if (auto report = reports_.extract(stream.get())) last = std::move(report.mapped());
  }
  if (listener_ && !last.instance.empty()) {
    last.connected = false;
    last.refused.clear();
    last.listening.clear();
    listener_(last);
  }
  stream.reset();
  std::lock_guard lock(mutex_);
  --active_;
  emptied_.notify_all();
}

void StreamRegistry::Report(const Stream* stream, DataPlaneReport report) {
  std::vector<Refusal> fresh = report.refused;
  {
    std::lock_guard lock(mutex_);
    const auto last = reports_.find(stream);
    if (last != reports_.end()) {
      std::erase_if(fresh, [&](const Refusal& refusal) {
        return std::ranges::find(last->second.refused, refusal) != last->second.refused.end();
      });
    }
    reports_.insert_or_assign(stream, report);
  }
  for (const Refusal& refusal : fresh) {
    log::Warning("a data plane refuses a resource; it keeps the last good version", {{"gateway", report.gateway},
                                                                                     {"instance", report.instance},
                                                                                     {"object", refusal.origin},
                                                                                     {"key", refusal.key},
                                                                                     {"field", refusal.field},
                                                                                     {"reason", refusal.message}});
  }
  if (listener_) listener_(report);
}

// Copies, since a stream takes its own lock before this one.
void StreamRegistry::WakeAll() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    std::lock_guard lock(mutex_);
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) stream->Wake();
}

void StreamRegistry::CloseAll() {
  std::vector<std::shared_ptr<Stream>> streams;
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
  std::vector<DataPlaneReport> reports;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [stream, report] : reports_) {
      if (report.gateway == gateway) reports.push_back(report);
    }
  }
  std::ranges::sort(reports, {}, &DataPlaneReport::instance);
  return reports;
}

std::vector<DataPlaneReport> StreamRegistry::AllReports() const {
  std::vector<DataPlaneReport> reports;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [stream, report] : reports_) reports.push_back(report);
  }
  std::ranges::sort(reports, {},
                    [](const DataPlaneReport& report) { return std::tie(report.gateway, report.instance); });
  return reports;
}

}  // namespace portreeve::serve
