#include "controller/status/status_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "common/log.h"
#include "controller/status/merge.h"
#include "controller/status/object_path.h"
#include "controller/status/status_json.h"

namespace portreeve::status {
namespace {

using gatewayapi::Kind;
using gatewayapi::Object;
using gatewayapi::ObjectKey;
using Json = nlohmann::ordered_json;

constexpr int kConflict = 409;
constexpr int kNotFound = 404;

double Random() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

// `status` as the watch's copy has it.
Json StoredStatus(const Object& object) {
  if (const auto* gateway = std::get_if<gatewayapi::Ptr<gatewayapi::Gateway>>(&object)) {
    return StatusJson((*gateway)->status);
  }
  if (const auto* route = std::get_if<gatewayapi::Ptr<gatewayapi::HTTPRoute>>(&object)) {
    return StatusJson((*route)->status);
  }
  if (const auto* one = std::get_if<gatewayapi::Ptr<gatewayapi::GatewayClass>>(&object)) {
    return StatusJson((*one)->status);
  }
  return Json();
}

bool HasForeignStatus(const Object& object) {
  if (const auto* gateway = std::get_if<gatewayapi::Ptr<gatewayapi::Gateway>>(&object)) {
    return HasForeign((*gateway)->status);
  }
  if (const auto* route = std::get_if<gatewayapi::Ptr<gatewayapi::HTTPRoute>>(&object)) {
    return HasForeign((*route)->status);
  }
  if (const auto* one = std::get_if<gatewayapi::Ptr<gatewayapi::GatewayClass>>(&object)) {
    return HasForeign((*one)->status);
  }
  return false;
}

std::string TextAt(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// metadata.resourceVersion, metadata.uid and status of an object's text. False: it isn't an object's.
bool ReadObject(const std::string& body, std::string* version, std::string* uid, Json* status) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("metadata") || !json["metadata"].is_object()) return false;
  *version = TextAt(json["metadata"], "resourceVersion");
  *uid = TextAt(json["metadata"], "uid");
  *status = json.contains("status") ? json["status"] : Json();
  return true;
}

}  // namespace

struct StatusWriter::Base {
  std::string version;
  Json status;
};

struct StatusWriter::Outcome {
  WriteQueue::Result result = WriteQueue::Result::kNothing;
  WriteQueue::Duration not_before{};
  // Of what was written.
  std::string version;
  std::string status;
  // The copies that are held are out of date.
  bool conflict = false;
};

StatusWriter::StatusWriter(kube::ApiClient& api, EventRecorder& events, Options options)
    : api_(api),
      events_(events),
      options_(std::move(options)),
      queue_({options_.per_second, options_.burst, Random}, Clock::now()) {
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { Run(); });
}

StatusWriter::~StatusWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void StatusWriter::Want(translate::ObjectStatus desired, Object stored) {
  const ObjectKey key = desired.key;
  {
    std::lock_guard lock(mutex_);
    Item& item = items_[key];
    item.desired = std::move(desired);
    item.stored = std::move(stored);
    item.copy.Watched(gatewayapi::MetaOf(item.stored).resource_version);
    Json patch;
    const std::string& copy = item.copy.status();
    const Merged merged =
        Merge(copy.empty() ? StoredStatus(item.stored) : Json::parse(copy, nullptr, false), item.desired, "", &patch);
    // What is under way may be just what isn't wanted any more.
    const bool certain = !item.copy.unknown() && !queue_.InFlight(key);
    if (merged.difference == Difference::kNone && certain) return Release(key);
    queue_.Put(key, merged.difference != Difference::kCounts, Clock::now());
  }
  changed_.notify_one();
}

// Lets go of what only a write needs; old versions of objects aren't kept alive by it.
void StatusWriter::Release(const ObjectKey& key) {
  const auto item = items_.find(key);
  if (item == items_.end() || queue_.Has(key)) return;
  if (item->second.copy.status().empty() && !item->second.copy.unknown()) {
    items_.erase(item);
    return;
  }
  item->second.desired = {};
  item->second.stored = {};
}

void StatusWriter::Forget(const ObjectKey& key) {
  std::lock_guard lock(mutex_);
  items_.erase(key);
  queue_.Forget(key);
}

void StatusWriter::Clear() {
  std::lock_guard lock(mutex_);
  items_.clear();
  queue_.Clear();
}

StatusWriter::Counts StatusWriter::counts() const {
  return {totals_.written.load(), totals_.conflicts.load(), totals_.failures.load()};
}

std::size_t StatusWriter::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void StatusWriter::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Clock::time_point wake;
    const std::optional<ObjectKey> key = queue_.Take(Clock::now(), &wake);
    if (!key.has_value()) {
      if (wake == Clock::time_point::max()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, wake);
      }
      continue;
    }
    const auto found = items_.find(*key);
    if (found == items_.end()) {
      queue_.Done(*key, WriteQueue::Result::kGone, Clock::now());
      continue;
    }
    const Item item = found->second;
    lock.unlock();
    Outcome outcome = Write(item);
    lock.lock();
    if (const auto now = items_.find(*key); now != items_.end()) {
      NewestCopy& copy = now->second.copy;
      if (outcome.conflict) copy.Distrust();
      if (!outcome.version.empty()) {
        copy.Wrote(std::move(outcome.version), std::move(outcome.status), item.copy.watched());
      }
      if (outcome.result == WriteQueue::Result::kGone) items_.erase(now);
    }
    queue_.Done(*key, outcome.result, Clock::now(), outcome.not_before);
    Release(*key);
    // It may be due again, and whoever waits knows of an older time.
    changed_.notify_one();
  }
}

// Empty: the object has to be read.
StatusWriter::Base StatusWriter::BaseOf(const Item& item) {
  if (item.copy.unknown()) return {};
  if (!item.copy.status().empty()) return {item.copy.version(), Json::parse(item.copy.status(), nullptr, false)};
  if (HasForeignStatus(item.stored)) return {};
  return {gatewayapi::MetaOf(item.stored).resource_version, StoredStatus(item.stored)};
}

StatusWriter::Outcome StatusWriter::Write(const Item& item) {
  Base base = BaseOf(item);
  bool conflict = false;
  for (int i = 0; i < kTries; ++i) {
    // It stays wanted: whoever leads again before anybody has noticed has still to write it.
    if (!options_.leader()) {
      Outcome later;
      later.result = WriteQueue::Result::kRetry;
      return later;
    }
    std::optional<Outcome> outcome;
    if (base.version.empty()) outcome = Read(item, &base);
    if (!outcome.has_value()) outcome = TryOnce(item, &base);
    if (outcome.has_value()) {
      outcome->conflict |= conflict;
      return *std::move(outcome);
    }
    conflict = true;
  }
  log::Debug("a status conflicts again and again", {{"object", item.desired.key.ToString()}});
  Outcome outcome;
  outcome.result = WriteQueue::Result::kRetry;
  outcome.conflict = true;
  return outcome;
}

// Nothing: `base` is the object as the API server has it.
std::optional<StatusWriter::Outcome> StatusWriter::Read(const Item& item, Base* base) {
  const ObjectKey& key = item.desired.key;
  kube::ApiRequest request;
  request.path = PathOf(key);
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (response.ok() && response->status == kNotFound) {
    Outcome gone;
    gone.result = WriteQueue::Result::kGone;
    return gone;
  }
  std::string uid;
  if (!response.ok() || !response->ok() || !ReadObject(response->body, &base->version, &uid, &base->status)) {
    return Failed(key, "can't be read", response);
  }
  // Another object of the same name: what is wanted is about the one before it.
  const std::string& known = gatewayapi::MetaOf(item.stored).uid;
  if (!known.empty() && uid != known) return Outcome{};
  return std::nullopt;
}

// Nothing: there was a conflict, and `base` has to be read.
std::optional<StatusWriter::Outcome> StatusWriter::TryOnce(const Item& item, Base* base) {
  const ObjectKey& key = item.desired.key;
  Json patch;
  const Merged merged = Merge(base->status, item.desired, Timestamp(), &patch);
  if (merged.difference == Difference::kNone) return Outcome{};
  if (merged.stale) {
    log::Debug("a status is newer than what would be written", {{"object", key.ToString()}});
    return Outcome{};
  }
  const Json body = {{"metadata", {{"resourceVersion", base->version}}}, {"status", std::move(patch)}};
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path = PathOf(key) + "/status?fieldManager=" + std::string(kFieldManager);
  request.content_type = "application/merge-patch+json";
  request.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (response.ok() && response->status == kConflict) {
    totals_.conflicts.fetch_add(1);
    *base = {};
    return std::nullopt;
  }
  Outcome outcome;
  if (response.ok() && response->status == kNotFound) {
    outcome.result = WriteQueue::Result::kGone;
    return outcome;
  }
  if (!response.ok() || !response->ok()) return Failed(key, "can't be written", response);
  totals_.written.fetch_add(1);
  Succeeded(key.kind);
  outcome.result = WriteQueue::Result::kWritten;
  std::string uid;
  Json status;
  if (ReadObject(response->body, &outcome.version, &uid, &status)) outcome.status = status.dump();
  for (const Complaint& complaint : merged.complaints) {
    events_.Record(key, gatewayapi::MetaOf(item.stored).uid, complaint);
  }
  return outcome;
}

StatusWriter::Outcome StatusWriter::Failed(const ObjectKey& key, const char* what,
                                           const absl::StatusOr<kube::ApiResponse>& response) {
  totals_.failures.fetch_add(1);
  Outcome outcome;
  outcome.result = WriteQueue::Result::kRetry;
  outcome.conflict = true;
  if (response.ok() && response->retry_after) outcome.not_before = *response->retry_after;
  const int status = response.ok() ? response->status : 0;
  std::string reason = response.ok() ? kube::ReasonOf(*response) : std::string(response.status().message());
  if (status == 403) reason += "; let the controller's role get the object and patch its status";
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = failing_.emplace(key.kind, status).second;
  }
  // All objects of a kind tend to fail for one reason.
  log::Write(first ? log::Level::kWarning : log::Level::kDebug,
             "a status " + std::string(what) + "; it is tried again, and others that fail the same way",
             {{"object", key.ToString()}, {"status", status}, {"reason", reason}});
  return outcome;
}

void StatusWriter::Succeeded(Kind kind) {
  std::lock_guard lock(mutex_);
  std::erase_if(failing_, [&](const auto& failure) { return failure.first == kind; });
}

std::string StatusWriter::Timestamp() const {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", options_.wall_clock(), absl::UTCTimeZone());
}

}  // namespace portreeve::status
