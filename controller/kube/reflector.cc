#include "controller/kube/reflector.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <span>
#include <utility>

namespace portreeve::kube {
namespace {

using gatewayapi::JsonTree;
using gatewayapi::TextAt;
using gatewayapi::YamlNode;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kSteadyWatch{5'000};  // one that lasted so long is a success, whatever it brought
constexpr seconds kLongestRetryAfter{60};
constexpr int kExpiredPages = 2;  // after so many, the list is read in one piece

gatewayapi::SkippedKeys SkippedKeysOf(const WatchedKind& kind) {
  return kind.kind ? gatewayapi::SkippedKeys(kSkippedKeys) : gatewayapi::SkippedKeys(kSkippedCrdKeys);
}

std::string_view VersionIn(const YamlNode& node) {
  return TextAt(node, {"metadata", "resourceVersion"});
}

std::size_t VersionsOf(const WatchedKind& kind) {
  return kind.versions[1].empty() ? 1 : 2;
}

}  // namespace

Reflector::Reflector(ApiClient& client, ServerProbe& probe, const WatchedKind& kind, std::string ns, ObjectSink& sink,
                     ReflectorOptions options, OnStatus on_status)
    : client_(client),
      kind_(kind),
      namespace_(std::move(ns)),
      sink_(sink),
      options_(options),
      on_status_(std::move(on_status)),
      backoff_(options.first_wait, options.longest_wait),
      log_(kind, namespace_),
      server_(probe, [this] { Wake(); }) {}

void Reflector::Start() {
  thread_.Start("kube-reflector", [this] { Run(); });
}

void Reflector::BeginStop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

void Reflector::Stop() {
  BeginStop();
  thread_.Join();
}

void Reflector::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool Reflector::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

ReflectorStatus Reflector::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string_view Reflector::version() const {
  const std::lock_guard lock(mutex_);
  return kind_.versions[version_];
}

void Reflector::Run() {
  while (!stopping()) {
    const Outcome outcome = Round();
    if (stopping()) return;
    Settle(outcome);
  }
}

// At most one list for each wait.
Reflector::Outcome Reflector::Round() {
  if (position_.empty() || suspicious_) {
    Outcome listed = List();
    if (!listed.done()) return listed;
  } else if (Outcome checked = CheckPosition(); !checked.done()) {
    return checked;
  }
  SetStatus(WatchState::kWatching, {}, true);
  return Watch();
}

// --- lists ----------------------------------------------------------------------------------------------------------

Reflector::Outcome Reflector::List() {
  Outcome outcome;
  for (std::size_t tried = 0; tried < VersionsOf(kind_); ++tried) {
    Count([](ReflectorStatus& status) { ++status.lists; });
    outcome = ListPages();
    if (outcome.type != Outcome::Type::kMissing) return outcome;
    const std::lock_guard lock(mutex_);
    version_ = (version_ + 1) % VersionsOf(kind_);
  }
  return ConfirmMissing();
}

// The whole list as it was at one moment, or nothing of it.
Reflector::Outcome Reflector::ListPages() {
  const std::string limit = expired_pages_ >= kExpiredPages ? std::string() : absl::StrCat("limit=", kind_.page_size);
  std::string position;
  std::string next;
  sink_.BeginList();
  do {
    std::string query = limit;
    if (!next.empty()) absl::StrAppend(&query, "&continue=", PercentEncode(next));
    const bool first = next.empty();
    next.clear();
    std::string page_position;
    Outcome outcome =
        stopping() ? Outcome{.type = Outcome::Type::kFailed} : ReadPage(Path(query), &page_position, &next);
    if (outcome.done() && page_position.empty()) {
      outcome = {.type = Outcome::Type::kFailed, .reason = "a list came without a resourceVersion"};
    }
    if (!outcome.done()) {
      sink_.AbandonList();
      if (outcome.type == Outcome::Type::kExpired && !first) ++expired_pages_;
      return outcome;
    }
    if (first) position = std::move(page_position);
  } while (!next.empty());
  sink_.EndList();
  position_ = std::move(position);
  suspicious_ = false;
  expired_pages_ = 0;
  forbidden_since_.reset();
  missing_since_.reset();
  return {};
}

Reflector::Outcome Reflector::ReadPage(const std::string& path, std::string* position, std::string* next) {
  ApiRequest request;
  request.path = path;
  request.deadline = options_.list_deadline;
  const auto answer = client_.Send(request);
  if (!answer.ok()) return FromError(answer.status());
  if (!answer->ok()) return FromAnswer(*answer, "list");
  const JsonTree page = gatewayapi::ParseJsonList(answer->body, SkippedKeysOf(kind_),
                                                  [&](const YamlNode& object) { sink_.Listed(object); });
  if (!page.error.empty()) {
    return {
        .type = Outcome::Type::kFailed, .reason = absl::StrCat("a list is broken: ", page.error), .unreachable = true};
  }
  *position = VersionIn(page.root);
  *next = TextAt(page.root, {"metadata", "continue"});
  return {};
}

// A server that has just started answers 404 before it has read its CRDs, so the CRD itself has the last word.
Reflector::Outcome Reflector::ConfirmMissing() {
  if (!kind_.from_crd) {
    return {.type = Outcome::Type::kFailed,
            .reason = absl::StrCat("the API server has no ", kind_.FullName(), "; a newer Kubernetes is needed")};
  }
  const auto now = std::chrono::steady_clock::now();
  if (!missing_since_) missing_since_ = now;
  ApiRequest request;
  request.path = ObjectPath(CrdKind(), CrdKind().versions[0], {"", kind_.FullName()});
  const auto answer = client_.Send(request);
  const Outcome missing{.type = Outcome::Type::kMissing,
                        .reason = absl::StrCat("the CRD ", kind_.FullName(), " isn't installed")};
  if (answer.ok() && answer->status == 404) return missing;
  if (answer.ok() && answer->ok()) {
    const JsonTree tree = gatewayapi::ParseJson(answer->body, kSkippedCrdKeys);
    const CrdInfo crd = DecodeCrd(tree.root);
    const auto served = [&](std::string_view version) {
      return !version.empty() && std::ranges::find(crd.versions, version) != crd.versions.end();
    };
    if (tree.error.empty() && std::ranges::none_of(kind_.versions, served)) {
      return {.type = Outcome::Type::kMissing,
              .reason = absl::StrCat("the CRD ", kind_.FullName(), " doesn't serve version ",
                                     std::string(kind_.versions[0]))};
    }
    return {.type = Outcome::Type::kFailed,
            .reason = absl::StrCat("the API server doesn't serve ", kind_.FullName(), " yet, though its CRD is there")};
  }
  if (now - *missing_since_ >= options_.grace) return missing;
  return {.type = Outcome::Type::kFailed,
          .reason = absl::StrCat("the API server has no ", kind_.FullName(), ", and doesn't show its CRD")};
}

// A server whose newest state is older than what it told before has been restored from a backup. A watch from a
// position in its future would be silent, and wrong, for long.
Reflector::Outcome Reflector::CheckPosition() {
  ApiRequest request;
  request.path = Path("limit=1");
  request.deadline = options_.list_deadline;
  const auto answer = client_.Send(request);
  if (!answer.ok()) return FromError(answer.status());
  if (!answer->ok()) return FromAnswer(*answer, "list");
  const JsonTree page = gatewayapi::ParseJsonList(answer->body, SkippedKeysOf(kind_), [](const YamlNode&) {});
  if (!IsOlderVersion(VersionIn(page.root), position_)) return {};
  return {.type = Outcome::Type::kExpired, .reason = "the API server's state went back in time"};
}

// --- watches --------------------------------------------------------------------------------------------------------

Reflector::Outcome Reflector::Watch() {
  std::uniform_int_distribution<seconds::rep> extra(0, options_.watch_time.count() / 2);
  const seconds time = options_.watch_time + seconds(extra(random_));
  ApiRequest request;
  request.path = Path(absl::StrCat("watch=true&allowWatchBookmarks=true&timeoutSeconds=", time.count(),
                                   "&resourceVersion=", PercentEncode(position_)));
  request.deadline = time + options_.watch_slack;
  Count([](ReflectorStatus& status) { ++status.watches; });
  progress_ = false;
  const auto start = std::chrono::steady_clock::now();
  WatchParser parser(SkippedKeysOf(kind_));
  Outcome outcome;
  const auto answer = client_.Stream(request, [&](std::string_view bytes) {
    return parser.Feed(bytes, [&](const WatchEvent& event) { return TakeEvent(event, &outcome) && !stopping(); });
  });
  outcome = EndOfWatch(answer, parser, outcome);
  const auto lasted = std::chrono::steady_clock::now() - start;
  if (lasted >= kSteadyWatch || (progress_ && outcome.type != Outcome::Type::kExpired)) {
    backoff_.Reset();
    expired_ = false;
  }
  if (outcome.done() && lasted < options_.shortest_watch) {
    return {.type = Outcome::Type::kBroken, .reason = "the API server ends watches as soon as they begin"};
  }
  return outcome;
}

Reflector::Outcome Reflector::EndOfWatch(const absl::StatusOr<ApiResponse>& answer, const WatchParser& parser,
                                         const Outcome& outcome) {
  if (!outcome.done()) return outcome;
  if (!answer.ok()) {
    // While nobody listened the server may have been restored from a backup, and have written on from there, so that
    // its versions no longer tell.
    suspicious_ = true;
    Outcome broken = FromError(answer.status());
    broken.type = Outcome::Type::kBroken;
    broken.unreachable = false;  // the next try tells
    if (absl::IsDeadlineExceeded(answer.status())) broken.reason = "the watch is dead: nothing came for too long";
    return broken;
  }
  if (!answer->ok()) return FromAnswer(*answer, "watch");
  forbidden_since_.reset();
  // The place in the stream is lost; what comes after it, too.
  if (!parser.status().ok()) {
    return {.type = Outcome::Type::kExpired, .reason = std::string(parser.status().message())};
  }
  if (parser.in_line()) return {.type = Outcome::Type::kBroken, .reason = "the watch ended within an event"};
  return {};
}

bool Reflector::TakeEvent(const WatchEvent& event, Outcome* outcome) {
  using Type = WatchEvent::Type;
  if (event.type == Type::kError) {
    const std::string_view code = TextAt(event.object, {"code"});
    const std::string reason = absl::StrCat("the watch says: ", std::string(TextAt(event.object, {"message"})));
    *outcome = {.type = code == "410" ? Outcome::Type::kExpired : Outcome::Type::kFailed, .reason = reason};
    if (code == "429") outcome->type = Outcome::Type::kThrottled;
    return false;
  }
  const std::string_view version = VersionIn(event.object);
  if (version.empty()) {
    *outcome = {.type = Outcome::Type::kExpired, .reason = "an event came without a resourceVersion"};
    return false;
  }
  if (IsOlderVersion(version, position_)) {
    *outcome = {.type = Outcome::Type::kExpired, .reason = "events came out of order"};
    return false;
  }
  if (event.type == Type::kDeleted) {
    sink_.Deleted(event.object);
  } else if (event.type != Type::kBookmark) {
    sink_.Changed(event.object);
  }
  if (event.type != Type::kBookmark) Count([](ReflectorStatus& status) { ++status.events; });
  position_ = version;
  progress_ = true;
  return true;
}

// --- what went wrong, and what then ---------------------------------------------------------------------------------

Reflector::Outcome Reflector::FromError(const absl::Status& status) {
  return {.type = Outcome::Type::kFailed, .reason = std::string(status.message()), .unreachable = true};
}

Reflector::Outcome Reflector::FromAnswer(const ApiResponse& answer, std::string_view verb) const {
  Outcome outcome{.type = Outcome::Type::kFailed, .reason = ReasonOf(answer)};
  switch (answer.status) {
    case 401:
      outcome.reason = absl::StrCat("the API server doesn't know who we are (", outcome.reason,
                                    "); the token or client certificate has expired or belongs to another cluster");
      break;
    case 403:
      outcome.type = Outcome::Type::kForbidden;
      outcome.reason = absl::StrCat("may not ", std::string(verb), " ", kind_.FullName(), ": ", outcome.reason);
      break;
    case 404:
      outcome.type = Outcome::Type::kMissing;
      break;
    case 410:
      outcome.type = Outcome::Type::kExpired;
      break;
    case 429:
      outcome.type = Outcome::Type::kThrottled;
      outcome.retry_after = answer.retry_after;
      break;
    default:
      outcome.unreachable = answer.status >= 500;
      if (outcome.unreachable && answer.retry_after) {
        outcome.type = Outcome::Type::kThrottled;
        outcome.retry_after = answer.retry_after;
      }
  }
  return outcome;
}

void Reflector::Settle(const Outcome& outcome) {
  const bool known = status().read;
  if (!outcome.done()) Count([](ReflectorStatus& status) { ++status.failures; });
  switch (outcome.type) {
    case Outcome::Type::kDone:
      return;
    case Outcome::Type::kBroken:
      SetStatus(WatchState::kRetrying, outcome, known);
      return WaitFor(backoff_.Next());
    case Outcome::Type::kExpired:
      return SettleExpired(outcome);
    case Outcome::Type::kThrottled: {
      SetStatus(WatchState::kRetrying, outcome, known);
      const milliseconds asked = std::min(outcome.retry_after.value_or(seconds(0)), kLongestRetryAfter);
      const milliseconds wait = backoff_.Next();
      // Not all at the very second that the server has named.
      return WaitFor(asked > wait ? asked + std::min(wait, milliseconds(1'000)) : wait);
    }
    case Outcome::Type::kForbidden:
      return SettleForbidden(outcome);
    case Outcome::Type::kMissing:
      // Only a list says so with certainty (ConfirmMissing).
      if (!position_.empty()) {
        position_.clear();
        SetStatus(WatchState::kRetrying, outcome, known);
        return WaitFor(backoff_.Next());
      }
      sink_.KindGone();
      backoff_.Reset();
      SetStatus(WatchState::kMissing, outcome, true);
      return WaitFor(options_.missing_wait);
    case Outcome::Type::kFailed:
      suspicious_ = true;
      SetStatus(outcome.unreachable ? WatchState::kRetrying : WatchState::kRefused, outcome, known);
      return WaitFor(backoff_.Next());
  }
}

// The first time in a row, there is nothing to wait for: the list is known to be there.
void Reflector::SettleExpired(const Outcome& outcome) {
  position_.clear();
  SetStatus(WatchState::kRetrying, outcome, status().read);
  if (std::exchange(expired_, true)) WaitFor(backoff_.Next());
}

void Reflector::SettleForbidden(const Outcome& outcome) {
  const auto now = std::chrono::steady_clock::now();
  if (!forbidden_since_) forbidden_since_ = now;
  const bool for_good = now - *forbidden_since_ >= options_.grace;
  // Until it has read its roles, a server that has just started refuses everything.
  if (!for_good && !ServerProbe::Ready(client_)) {
    suspicious_ = true;
    SetStatus(
        WatchState::kRetrying,
        {.reason = absl::StrCat("the API server isn't ready yet, and says: ", outcome.reason), .unreachable = true},
        status().read);
    return WaitFor(backoff_.Next());
  }
  SetStatus(WatchState::kForbidden, outcome, status().read || (for_good && !kind_.essential));
  WaitFor(std::min(backoff_.Next(), options_.longest_forbidden_wait));
}

void Reflector::WaitFor(milliseconds time) {
  std::unique_lock lock(mutex_);
  const bool early = changed_.wait_for(lock, time, [&] { return stop_ || woken_; });
  woken_ = false;
  if (early) backoff_.Reset();
}

void Reflector::SetStatus(WatchState state, const Outcome& outcome, bool read) {
  ReflectorStatus now;
  {
    const std::lock_guard lock(mutex_);
    if (status_.state == state && status_.reason == outcome.reason && status_.read == read &&
        status_.unreachable == outcome.unreachable) {
      return;
    }
    status_.state = state;
    status_.reason = outcome.reason;
    status_.unreachable = outcome.unreachable;
    status_.read = read;
    now = status_;
  }
  log_.Say(now);
  server_.Report(now.unreachable, kind_.name, now.reason);
  on_status_(now);
}

template <typename Change>
void Reflector::Count(Change change) {
  const std::lock_guard lock(mutex_);
  change(status_);
}

std::string Reflector::Path(std::string_view query) const {
  std::string path = CollectionPath(kind_, version(), namespace_);
  char separator = '?';
  for (const std::string& part :
       {kind_.label_selector.empty() ? std::string()
                                     : absl::StrCat("labelSelector=", std::string(kind_.label_selector)),
        std::string(query)}) {
    if (part.empty()) continue;
    path += separator;
    path += part;
    separator = '&';
  }
  return path;
}

}  // namespace portreeve::kube
