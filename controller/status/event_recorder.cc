#include "controller/status/event_recorder.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/log.h"
#include "controller/status/object_path.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"

namespace portreeve::status {
namespace {

using gatewayapi::ObjectKey;
using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

// What the API server allows.
constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxName = 253;
constexpr const char* kEventsPath = "/apis/events.k8s.io/v1/namespaces/";

// Cluster-scoped objects have their events there.
std::string NamespaceOf(const ObjectKey& key) {
  return key.namespace_.empty() ? "default" : key.namespace_;
}

// "shop.5f0c3a…": 64 bits of a hash over all that makes it one event.
std::string NameOf(const ObjectKey& key, const std::string& uid, const Complaint& complaint) {
  std::string text;
  for (const std::string& part : {key.ToString(), uid, complaint.type, complaint.reason, complaint.message}) {
    text += part;
    text += '\0';
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  const std::string hash = absl::BytesToHexString(std::string(reinterpret_cast<const char*>(digest), 8));
  std::string name = key.name.substr(0, kMaxName - hash.size() - 1);
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.pop_back();
  return name + "." + hash;
}

// Whole characters of UTF-8 only.
std::string Shorten(const std::string& text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

EventRecorder::EventRecorder(kube::ApiClient& api, Options options)
    : api_(api), options_(std::move(options)), tokens_(options_.burst), thread_([this] { Run(); }) {}

EventRecorder::~EventRecorder() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void EventRecorder::Record(const ObjectKey& key, const std::string& uid, const Complaint& complaint) {
  Event event{key, uid, complaint, NameOf(key, uid, complaint)};
  {
    std::lock_guard lock(mutex_);
    const bool waits = std::ranges::find(waiting_, event.name, &Event::name) != waiting_.end();
    if (waits) return;
    waiting_.push_back(std::move(event));
    if (waiting_.size() > kMaxWaiting) {
      waiting_.pop_front();
      ++dropped_;
    }
  }
  changed_.notify_all();
}

std::uint64_t EventRecorder::written() const {
  std::lock_guard lock(mutex_);
  return written_;
}

bool EventRecorder::AwaitToken(std::unique_lock<std::mutex>& lock) {
  while (!stopping_) {
    const Clock::time_point now = Clock::now();
    tokens_ = std::min(options_.burst,
                       tokens_ + std::chrono::duration<double>(now - refilled_).count() * options_.per_second);
    refilled_ = now;
    if (tokens_ >= 1) {
      tokens_ -= 1;
      return true;
    }
    changed_.wait_for(lock, std::chrono::duration<double>((1 - tokens_) / options_.per_second));
  }
  return false;
}

void EventRecorder::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (!AwaitToken(lock)) return;
    // Record may have dropped it.
    if (waiting_.empty()) continue;
    Event event = std::move(waiting_.front());
    waiting_.pop_front();
    const std::uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    if (dropped > 0) log::Warning("more events than can be written; the oldest are lost", {{"lost", dropped}});
    milliseconds patience = options_.retry_after;
    const Outcome outcome = Write(event, &patience);
    lock.lock();
    if (outcome == Outcome::kWritten) ++written_;
    if (outcome != Outcome::kRetry || ++event.tries == kTries) continue;
    waiting_.push_front(std::move(event));
    changed_.wait_for(lock, patience, [&] { return stopping_; });
    if (stopping_) return;
  }
}

EventRecorder::Outcome EventRecorder::Write(const Event& event, milliseconds* patience) {
  const auto known = counts_.find(event.name);
  return known == counts_.end() ? Create(event, patience) : Raise(event, known->second + 1, patience);
}

EventRecorder::Outcome EventRecorder::Create(const Event& event, milliseconds* patience) {
  const ObjectKey& key = event.key;
  Json regarding = {{"apiVersion", gatewayapi::ApiVersionOf(key.kind)}, {"kind", gatewayapi::ToString(key.kind)}};
  if (!key.namespace_.empty()) regarding["namespace"] = key.namespace_;
  regarding["name"] = key.name;
  if (!event.uid.empty()) regarding["uid"] = event.uid;
  kube::ApiRequest request;
  request.method = "POST";
  request.path = kEventsPath + NamespaceOf(key) + "/events?fieldManager=" + std::string(kFieldManager);
  request.content_type = "application/json";
  request.body = Dump({{"apiVersion", "events.k8s.io/v1"},
                       {"kind", "Event"},
                       {"metadata", {{"namespace", NamespaceOf(key)}, {"name", event.name}}},
                       {"eventTime", Timestamp()},
                       {"type", "Warning"},
                       {"reason", event.complaint.reason},
                       {"action", event.complaint.type},
                       {"note", Shorten(event.complaint.message, kMaxNote)},
                       {"reportingController", translate::ControllerName()},
                       {"reportingInstance", options_.instance},
                       {"regarding", std::move(regarding)}});
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  // It is known already. From how often, a later one goes on.
  if (response.ok() && response->status == 409) return Raise(event, 0, patience);
  const Outcome outcome = Judge(event, response, patience);
  if (outcome != Outcome::kWritten) return outcome;
  if (counts_.size() >= kMaxKnown) counts_.clear();
  counts_[event.name] = 1;
  return outcome;
}

// `count` 0: only finds out how often it has happened.
EventRecorder::Outcome EventRecorder::Raise(const Event& event, int count, milliseconds* patience) {
  kube::ApiRequest request;
  request.method = "PATCH";
  request.path =
      kEventsPath + NamespaceOf(event.key) + "/events/" + event.name + "?fieldManager=" + std::string(kFieldManager);
  request.content_type = "application/merge-patch+json";
  request.body = count == 0 ? "{}" : Dump({{"series", {{"count", count}, {"lastObservedTime", Timestamp()}}}});
  const absl::StatusOr<kube::ApiResponse> response = api_.Send(request);
  if (response.ok() && response->status == 404) {
    // Events last an hour.
    counts_.erase(event.name);
    return count == 0 ? Outcome::kRetry : Create(event, patience);
  }
  const Outcome outcome = Judge(event, response, patience);
  if (outcome != Outcome::kWritten) return outcome;
  const Json body = Json::parse(response->body, nullptr, false);
  int now = std::max(count, 1);
  if (body.is_object() && body.contains("series") && body["series"].is_object()) {
    now = std::max(now, body["series"].value("count", 1));
  }
  if (counts_.size() >= kMaxKnown) counts_.clear();
  counts_[event.name] = now;
  return count == 0 ? Outcome::kDropped : Outcome::kWritten;
}

EventRecorder::Outcome EventRecorder::Judge(const Event& event, const absl::StatusOr<kube::ApiResponse>& response,
                                            milliseconds* patience) {
  if (response.ok() && response->ok()) return Outcome::kWritten;
  if (!response.ok() || response->status == 429 || response->status >= 500) {
    if (response.ok() && response->retry_after) *patience = *response->retry_after;
    return Outcome::kRetry;
  }
  // A missing permission is worth saying once.
  if (response->status == 403 && !kube::IsNamespaceEnding(*response) && !refused_) {
    refused_ = true;
    log::Warning("an event can't be written; let the controller's role create and patch events of events.k8s.io",
                 {{"object", event.key.ToString()}, {"reason", kube::ReasonOf(*response)}});
  } else {
    log::Debug("an event can't be written",
               {{"object", event.key.ToString()}, {"status", response->status}, {"reason", kube::ReasonOf(*response)}});
  }
  return Outcome::kDropped;
}

// metav1.MicroTime
std::string EventRecorder::Timestamp() const {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", options_.wall_clock(), absl::UTCTimeZone());
}

}  // namespace portreeve::status
