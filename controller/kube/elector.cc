#include "controller/kube/elector.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log.h"
#include "controller/gatewayapi/json_tree.h"
#include "controller/gatewayapi/text_rules.h"
#include "controller/kube/kind.h"
#include "controller/kube/watch_parser.h"

namespace portreeve::kube {
namespace {

using gatewayapi::TextAt;
using gatewayapi::YamlNode;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::chrono::seconds kWatchTime{300};
constexpr milliseconds kReleaseDeadline{2'000};
// Of a Lease: int32.
constexpr std::int64_t kMaxTransitions = std::numeric_limits<std::int32_t>::max();
// The annotation is no more than text, and one more than it must still be a number.
constexpr std::uint64_t kMaxLeastEpoch = std::numeric_limits<std::int64_t>::max();

nanoseconds SinceBoot() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

// For readers of the Lease; nobody decides by it.
std::string WallTime() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char day[32];
  char text[64];
  strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%06ldZ", day, now.tv_nsec / 1'000);
  return text;
}

std::int64_t NumberAt(const YamlNode& node, std::initializer_list<std::string_view> path) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(std::string(TextAt(node, path)), &number) ? number : 0;
}

std::uint64_t LeastEpochIn(const YamlNode& lease) {
  std::uint64_t epoch = 0;
  const std::string text(TextAt(lease, {"metadata", "annotations", kLeaseEpoch}));
  return absl::SimpleAtoi(text, &epoch) && epoch <= kMaxLeastEpoch ? epoch : 0;
}

std::int64_t CreatedIn(const YamlNode& lease) {
  return gatewayapi::ParseTimestamp(TextAt(lease, {"metadata", "creationTimestamp"})).value_or(0);
}

milliseconds Milliseconds(nanoseconds time) {
  return std::chrono::ceil<milliseconds>(time);
}

}  // namespace

std::string UniqueIdentity(std::string_view pod) {
  std::random_device random;
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%08x%08x", random(), random());
  return absl::StrCat(std::string(pod), "_", digits);
}

std::uint64_t EpochOf(absl::Time lease_created, std::uint32_t lease_transitions) {
  const std::int64_t seconds = std::max<std::int64_t>(absl::ToUnixSeconds(lease_created), 0);
  return (static_cast<std::uint64_t>(seconds) << 32) | lease_transitions;
}

Elector::Elector(std::unique_ptr<ApiClient> client, ElectorOptions options)
    : client_(std::move(client)), options_(std::move(options)) {
  if (!options_.clock) options_.clock = SinceBoot;
}

void Elector::Start() {
  thread_.Start("kube-elector", [this] { Run(); });
}

void Elector::Stop() {
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    // Asked before the thread can know that it ends: what it does then is to step down, and to give the lease back.
    leads = leader();
  }
  changed_.notify_all();
  // One that stands by may be in a long watch, and has nothing to give back.
  if (!leads) client_->Cancel();
  thread_.Join();
  client_->Cancel();
}

bool Elector::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Elector::leader() const {
  const std::int64_t until = leader_until_.load(std::memory_order_acquire);
  return until != 0 && Now().count() < until;
}

std::string Elector::holder() const {
  const std::lock_guard lock(mutex_);
  return holder_;
}

std::string Elector::leader_address() const {
  const std::lock_guard lock(mutex_);
  return leader_address_;
}

void Elector::Run() {
  while (!stopping()) {
    if (leader_until_ != 0) {
      Lead();
    } else {
      Stand();
    }
  }
  const bool held = leader();
  if (leader_until_ != 0) SetLeader(0);
  if (held) Release();
}

// --- the leader -----------------------------------------------------------------------------------------------------

void Elector::Lead() {
  const Written written = leader() ? Renew() : Written::kUnknown;
  if (written == Written::kOther || !leader()) {
    log::Warning("no longer the leader: the lease could not be renewed in time, or is another's",
                 {{"holder", observed_.holder}, {"epoch", static_cast<std::int64_t>(epoch())}});
    SetLeader(0);
    return;
  }
  const nanoseconds left(leader_until_.load() - Now().count());
  Wait(std::min(Jittered(options_.retry_period), Milliseconds(std::max(left, nanoseconds(0)))));
}

Elector::Written Elector::Renew() {
  const milliseconds patience = options_.renew_deadline / 2;
  for (int tried = 0; tried < 2; ++tried) {
    const nanoseconds sent = Now();
    Record record = observed_;
    record.renewed = WallTime();
    if (EpochIn(record) < epoch()) RaiseEpoch(epoch(), &record);
    const Written written = Write(std::move(record), patience);
    // From when it was sent: nobody can have seen it before.
    if (written == Written::kYes) leader_until_ = (sent + options_.renew_deadline).count();
    if (written != Written::kOther) return written;
    // It may be our own write, of which no answer came.
    const auto now = Get();
    if (!now.ok()) return Written::kUnknown;
    Observe(*now);
    if (now->holder != options_.identity) return Written::kOther;
  }
  return Written::kUnknown;
}

void Elector::Release() {
  Written written = Written::kOther;
  for (int tried = 0; tried < 2 && written == Written::kOther; ++tried) {
    Record record = observed_;
    record.holder.clear();
    record.seconds = 1;
    record.renewed = WallTime();
    written = Write(std::move(record), kReleaseDeadline);
    if (written != Written::kOther) break;
    // Somebody may have put something else into it.
    const auto now = Get();
    if (!now.ok()) break;
    Observe(*now);
    if (now->holder != options_.identity) return;
  }
  if (written == Written::kYes) {
    log::Info("the lease is given back");
  } else {
    log::Warning("the lease can't be given back; another replica leads once it has run out");
  }
}

// --- the others -----------------------------------------------------------------------------------------------------

void Elector::Stand() {
  const auto record = Get();
  if (!record.ok()) {
    Complain(std::string(record.status().message()));
    return Wait(Jittered(options_.retry_period));
  }
  Observe(*record);
  if (observed_.holder != options_.identity && Now() < FreeAt()) return WaitForChange();
  TryAcquire();
  if (leader_until_ == 0) Wait(Jittered(options_.retry_period / 4));
}

void Elector::TryAcquire() {
  const nanoseconds sent = Now();
  const std::string wall = WallTime();
  Record record = observed_;
  // Ours already: a write of which no answer came, or one that ran out and that nobody took.
  const bool ours = record.holder == options_.identity;
  if (!ours) record.transitions = std::min(record.transitions + 1, kMaxTransitions);
  if (ours ? EpochIn(record) < epoch() : EpochIn(record) <= epoch()) RaiseEpoch(epoch(), &record);
  record.holder = options_.identity;
  record.seconds = std::chrono::ceil<std::chrono::seconds>(options_.lease_duration).count();
  record.acquired = wall;
  record.renewed = wall;
  if (Write(std::move(record), options_.renew_deadline / 2) != Written::kYes) return;
  SetLeader((sent + options_.renew_deadline).count());
  log::Info("the leader now", {{"identity", options_.identity}, {"epoch", static_cast<std::int64_t>(epoch())}});
}

// A watch shows each renewal when it is made, and that there was none exactly when the lease runs out.
void Elector::WaitForChange() {
  const milliseconds left = Milliseconds(FreeAt() - Now());
  if (left.count() <= 0) return;
  ApiRequest request;
  request.path = absl::StrCat(Path(true), "?watch=true&timeoutSeconds=", kWatchTime.count(),
                              "&fieldSelector=", PercentEncode("metadata.name=" + options_.name),
                              "&resourceVersion=", PercentEncode(observed_.version));
  request.deadline = left;
  const std::string holder = observed_.holder;
  WatchParser parser(kSkippedKeys);
  const auto start = Now();
  const auto answer = client_->Stream(request, [&](std::string_view bytes) {
    return parser.Feed(bytes, [&](const WatchEvent& event) {
      if (event.type == WatchEvent::Type::kError || event.type == WatchEvent::Type::kBookmark) return false;
      Observe(event.type == WatchEvent::Type::kDeleted ? Record() : RecordIn(event.object));
      return observed_.holder == holder && !stopping();
    });
  });
  // Where it may not be watched, or a watch ends at once, it is read again and again.
  const bool watched = absl::IsDeadlineExceeded(answer.status()) || (answer.ok() && answer->ok());
  if (!watched || Now() - start < options_.retry_period / 4) {
    const milliseconds free = Milliseconds(std::max(FreeAt() - Now(), nanoseconds(0)));
    if (observed_.holder == holder) Wait(std::min(Jittered(options_.retry_period), free));
  }
}

// --- the Lease ------------------------------------------------------------------------------------------------------

std::string Elector::Path(bool collection) const {
  const std::string path =
      absl::StrCat("/apis/coordination.k8s.io/v1/namespaces/", PercentEncode(options_.namespace_), "/leases");
  return collection ? path : absl::StrCat(path, "/", PercentEncode(options_.name));
}

Elector::Record Elector::RecordIn(const YamlNode& lease) {
  Record record;
  record.holder = TextAt(lease, {"spec", "holderIdentity"});
  record.acquired = TextAt(lease, {"spec", "acquireTime"});
  record.renewed = TextAt(lease, {"spec", "renewTime"});
  record.seconds = NumberAt(lease, {"spec", "leaseDurationSeconds"});
  record.transitions = NumberAt(lease, {"spec", "leaseTransitions"});
  record.address = TextAt(lease, {"metadata", "annotations", kLeaseAddress});
  record.least_epoch = LeastEpochIn(lease);
  record.created = CreatedIn(lease);
  record.version = TextAt(lease, {"metadata", "resourceVersion"});
  return record;
}

absl::StatusOr<Elector::Record> Elector::Get() {
  ApiRequest request;
  request.path = Path(false);
  request.deadline = options_.renew_deadline / 2;
  const auto answer = client_->Send(request);
  if (!answer.ok()) return answer.status();
  if (answer->status == 404) return Record();
  if (!answer->ok()) {
    return absl::PermissionDeniedError(absl::StrCat(
        ReasonOf(*answer), answer->status == 403 ? "; grant the verbs get, create, patch and watch on leases of "
                                                   "coordination.k8s.io in the namespace of the controller"
                                                 : ""));
  }
  const gatewayapi::JsonTree tree = gatewayapi::ParseJson(answer->body, kSkippedKeys);
  if (!tree.error.empty()) return absl::DataLossError(absl::StrCat("the Lease is ", tree.error));
  return RecordIn(tree.root);
}

// A patch that holds only for the version that was seen, and leaves what others have put there.
Elector::Written Elector::Write(Record record, milliseconds deadline) {
  const bool create = record.version.empty();
  // One that is given back has no address. In a patch, null takes the annotation away.
  record.address = record.holder.empty() ? "" : options_.address;
  json annotations = {{kLeaseAddress, record.address.empty() ? json() : json(record.address)}};
  if (record.least_epoch != 0) annotations[kLeaseEpoch] = std::to_string(record.least_epoch);
  if (create && record.address.empty()) annotations.erase(kLeaseAddress);
  json lease = {{"spec",
                 {{"holderIdentity", record.holder},
                  {"leaseDurationSeconds", record.seconds},
                  {"acquireTime", record.acquired},
                  {"renewTime", record.renewed},
                  {"leaseTransitions", record.transitions}}}};
  ApiRequest request;
  request.deadline = deadline;
  if (create) {
    lease["apiVersion"] = "coordination.k8s.io/v1";
    lease["kind"] = "Lease";
    lease["metadata"] = {
        {"name", options_.name}, {"namespace", options_.namespace_}, {"annotations", std::move(annotations)}};
    request.method = "POST";
    request.path = Path(true);
    request.content_type = "application/json";
  } else {
    lease["metadata"] = {{"resourceVersion", record.version}, {"annotations", std::move(annotations)}};
    request.method = "PATCH";
    request.path = Path(false);
    request.content_type = "application/merge-patch+json";
  }
  request.body = lease.dump();
  const auto answer = client_->Send(request);
  if (answer.ok() && answer->ok()) {
    const gatewayapi::JsonTree tree = gatewayapi::ParseJson(answer->body, kSkippedKeys);
    record.version = TextAt(tree.root, {"metadata", "resourceVersion"});
    record.created = CreatedIn(tree.root);
    Observe(record);
    complained_ = false;
    return Written::kYes;
  }
  // 404: it was deleted meanwhile.
  if (answer.ok() && (answer->status == 409 || answer->status == 404)) return Written::kOther;
  Complain(answer.ok() ? ReasonOf(*answer) : std::string(answer.status().message()));
  return Written::kUnknown;
}

void Elector::Observe(const Record& record) {
  // What counts is when it was seen to change; the times in it are of another clock.
  if (record != observed_ || observed_at_.count() == 0) {
    observed_ = record;
    observed_at_ = Now();
  }
  const std::uint64_t epoch = EpochIn(record);
  if (epoch > epoch_) epoch_ = epoch;
  const std::lock_guard lock(mutex_);
  holder_ = record.holder;
  leader_address_ = record.holder.empty() || record.holder == options_.identity ? "" : record.address;
}

std::uint64_t Elector::EpochIn(const Record& record) {
  const auto transitions = static_cast<std::uint32_t>(std::clamp<std::int64_t>(record.transitions, 0, kMaxTransitions));
  return std::max(EpochOf(absl::FromUnixSeconds(record.created), transitions), record.least_epoch);
}

// So that the epoch of it is over `seen`. Of a Lease that is still to be made nobody knows the time of creation: it may
// be that of the last one, or an earlier one where the API servers' clocks differ.
void Elector::RaiseEpoch(std::uint64_t seen, Record* record) {
  const bool create = record->version.empty();
  const auto created = static_cast<std::int64_t>(seen >> 32);
  const auto transitions = static_cast<std::int64_t>(seen & 0xFFFF'FFFF);
  if ((create || record->created == created) && transitions < kMaxTransitions) record->transitions = transitions + 1;
  if (create || EpochIn(*record) <= seen) record->least_epoch = std::min(seen + 1, kMaxLeastEpoch);
}

nanoseconds Elector::FreeAt() const {
  if (observed_.holder.empty()) return observed_at_;
  return observed_at_ + (observed_.seconds > 0 ? nanoseconds(std::chrono::seconds(observed_.seconds))
                                               : nanoseconds(options_.lease_duration));
}

// --- odds and ends --------------------------------------------------------------------------------------------------

void Elector::SetLeader(std::int64_t until) {
  leader_until_ = until;
  if (options_.on_change) options_.on_change(until != 0);
}

void Elector::Complain(const std::string& reason) {
  if (stopping() || std::exchange(complained_, true)) return;
  log::Warning("the lease of the leader can't be read or written; trying again", {{"reason", reason}});
}

void Elector::Wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return stop_; });
}

milliseconds Elector::Jittered(milliseconds time) {
  std::uniform_int_distribution<milliseconds::rep> more(0, std::max<milliseconds::rep>(time.count() / 5, 1));
  return time + milliseconds(more(random_));
}

}  // namespace portreeve::kube
