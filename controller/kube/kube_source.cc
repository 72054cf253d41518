#include "controller/kube/kube_source.h"

#include <absl/strings/str_cat.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "common/log.h"
#include "controller/gatewayapi/json_tree.h"

namespace portreeve::kube {

using gatewayapi::Kind;
using gatewayapi::NamespacedName;
using gatewayapi::ObjectKey;
using gatewayapi::Problem;
using source::ResourceEvent;

namespace {

constexpr std::chrono::milliseconds kFirstFetchWait{200};
constexpr std::chrono::milliseconds kLongestFetchWait{30'000};

int NewEventFd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    std::perror("eventfd");
    std::abort();
  }
  return fd;
}

}  // namespace

KubeSource::KubeSource(ServerProbe& probe, std::unique_ptr<ApiClient> client, KubeSourceOptions options)
    : options_(std::move(options)),
      probe_(probe),
      client_(std::move(client)),
      event_fd_(NewEventFd()),
      server_(probe, [this] { FetchNow(); }) {
  crds_ = std::make_unique<CrdTable>([this](const std::string& name) { CrdChanged(name); });
  for (const WatchedKind& kind : WatchedKinds()) {
    if (!kind.namespaced || options_.watch_namespaces.empty()) {
      Add(kind, "");
    } else {
      for (const std::string& namespace_ : options_.watch_namespaces) Add(kind, namespace_);
    }
  }
  for (const std::unique_ptr<Watch>& watch : watches_) watch->reflector->Start();
  thread_.Start("kube-source", [this] { Serve(); });
}

KubeSource::~KubeSource() {
  for (const std::unique_ptr<Watch>& watch : watches_) watch->reflector->BeginStop();
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  client_->Cancel();
  changed_.notify_all();
  thread_.Join();
  for (const std::unique_ptr<Watch>& watch : watches_) watch->reflector->Stop();
  close(event_fd_);
}

void KubeSource::Add(const WatchedKind& kind, const std::string& namespace_) {
  Watch& watch = *watches_.emplace_back(std::make_unique<Watch>());
  ObjectSink* sink = crds_.get();
  if (kind.kind) {
    watch.table = std::make_unique<ObjectTable>(
        kind, [this, &watch](TableChanges changes) { TakeChanges(watch, std::move(changes)); });
    sink = watch.table.get();
  }
  watch.reflector =
      std::make_unique<Reflector>(*client_, probe_, kind, namespace_, *sink, options_.reflector,
                                  [this, &watch](const ReflectorStatus& status) { TakeStatus(watch, status); });
}

// --- what the reading thread asks -----------------------------------------------------------------------------------

source::SourceBatch KubeSource::Read() {
  std::uint64_t ignored = 0;
  if (read(event_fd_, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN) std::perror("eventfd");
  source::SourceBatch batch;
  // What has been read, and the word that all has been read, are taken together.
  const std::lock_guard lock(mutex_);
  for (const ResourceEvent::Type type : {ResourceEvent::Type::kDeleted, ResourceEvent::Type::kApplied}) {
    for (auto& [key, event] : pending_) {
      if (event.type == type) batch.events.push_back(std::move(event));
    }
  }
  pending_.clear();
  batch.problems = std::exchange(new_problems_, {});
  listed_ = listed_ || std::ranges::all_of(watches_, [](const auto& watch) { return watch->read; });
  complete_ = complete_ || (listed_ && wanted_told_ && fetches_.empty());
  const Clock::time_point late = Clock::now() - options_.settle_time;
  settled_ = complete_ && std::ranges::none_of(fetches_, [&](const auto& entry) { return entry.second.since > late; });
  return batch;
}

std::vector<Problem> KubeSource::AllProblems() const {
  const std::lock_guard lock(mutex_);
  std::vector<Problem> all;
  for (const auto& [key, problems] : problems_) all.insert(all.end(), problems.begin(), problems.end());
  return all;
}

void KubeSource::SetWanted(const std::set<ObjectKey>& wanted) {
  std::map<Kind, WantedNames> by_kind;
  for (const ObjectKey& key : wanted) by_kind[key.kind].insert(key.Name());
  for (const WatchedKind& kind : WatchedKinds()) {
    if (!kind.only_wanted) continue;
    WantedNames& names = by_kind[*kind.kind];
    std::shared_ptr<const WantedNames>& before = wanted_[*kind.kind];
    if (before != nullptr && *before == names) continue;
    before = std::make_shared<const WantedNames>(std::move(names));
    for (const std::unique_ptr<Watch>& watch : watches_) {
      if (watch->reflector->kind().kind == kind.kind) watch->table->SetWanted(before);
    }
  }
  const std::lock_guard lock(mutex_);
  if (!listed_ || wanted_told_) return;
  wanted_told_ = true;
  Signal();
}

std::vector<KindReport> KubeSource::Report() const {
  std::vector<KindReport> reports;
  for (const std::unique_ptr<Watch>& watch : watches_) {
    KindReport report;
    report.kind = watch->reflector->kind().name;
    report.namespace_ = watch->reflector->namespace_name();
    report.status = watch->reflector->status();
    report.objects = watch->table != nullptr ? watch->table->size() : crds_->All().size();
    report.kept = watch->table != nullptr ? watch->table->kept() : report.objects;
    reports.push_back(std::move(report));
  }
  return reports;
}

// --- what the reflectors tell ---------------------------------------------------------------------------------------

void KubeSource::TakeChanges(Watch& watch, TableChanges changes) {
  const std::lock_guard lock(mutex_);
  for (ResourceEvent& event : changes.events) {
    ObjectKey key = event.key;
    pending_.insert_or_assign(std::move(key), std::move(event));
  }
  for (auto& [key, problems] : changes.problems) {
    std::vector<Problem>& known = problems_[key];
    for (const Problem& problem : problems) {
      if (std::ranges::find(known, problem) == known.end()) new_problems_.push_back(problem);
    }
    known = std::move(problems);
    if (known.empty()) problems_.erase(key);
  }
  const Clock::time_point now = Clock::now();
  for (NamespacedName& name : changes.fetch) {
    fetches_.insert_or_assign({&watch, std::move(name)}, Fetch{now, now, kFirstFetchWait});
  }
  if (!changes.fetch.empty()) changed_.notify_all();
  Signal();
}

void KubeSource::TakeStatus(Watch& watch, const ReflectorStatus& status) {
  const std::lock_guard lock(mutex_);
  const bool read_before = std::exchange(watch.read, status.read);
  if (status.read && !read_before) Signal();
}

void KubeSource::CrdChanged(const std::string& name) {
  for (const std::unique_ptr<Watch>& watch : watches_) {
    if (watch->reflector->kind().FullName() != name) continue;
    const WatchState state = watch->reflector->status().state;
    if (state == WatchState::kMissing || state == WatchState::kRefused) watch->reflector->Wake();
  }
  Signal();
}

void KubeSource::Signal() {
  const std::uint64_t one = 1;
  if (write(event_fd_, &one, sizeof(one)) < 0 && errno != EAGAIN) std::perror("eventfd");
}

// --- fetching --------------------------------------------------------------------------------------------------------

KubeSource::Clock::time_point KubeSource::NextDue() const {
  Clock::time_point next = Clock::now() + std::chrono::hours(1);
  for (const auto& [key, fetch] : fetches_) next = std::min(next, fetch.due);
  return next;
}

void KubeSource::Serve() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const Clock::time_point now = Clock::now();
    const auto due = std::ranges::find_if(fetches_, [&](const auto& entry) { return entry.second.due <= now; });
    if (due != fetches_.end()) {
      const FetchKey key = due->first;
      lock.unlock();
      FetchOne(key);
      lock.lock();
    } else {
      changed_.wait_until(lock, NextDue());
    }
  }
}

void KubeSource::FetchOne(const FetchKey& key) {
  const auto& [watch, name] = key;
  const WatchedKind& kind = watch->reflector->kind();
  if (!watch->table->fetching(name)) {
    server_.Report(false, kind.name, "");
    return EndFetch(key);
  }
  ApiRequest request;
  request.path = ObjectPath(kind, watch->reflector->version(), name);
  request.deadline = options_.fetch_deadline;
  const auto answer = client_->Send(request);
  // A good answer holds a Secret, perhaps: nothing of it is a reason.
  std::string trouble;
  if (!answer.ok()) {
    trouble = std::string(answer.status().message());
  } else if (answer->status >= 500) {
    trouble = ReasonOf(*answer);
  }
  server_.Report(!answer.ok() || answer->status >= 500, kind.name, trouble);
  if (answer.ok() && answer->ok()) {
    const gatewayapi::JsonTree tree = gatewayapi::ParseJson(answer->body, kSkippedKeys);
    if (tree.error.empty()) {
      watch->table->Fetched(name, tree.root);
      return EndFetch(key);
    }
  }
  if (answer.ok() && (answer->status == 403 || answer->status == 404)) {
    if (answer->status == 403) {
      log::Warning("RBAC forbids to read an object that is referred to",
                   {{"object", absl::StrCat(std::string(kind.name), " ", name.ToString())},
                    {"reason", ReasonOf(*answer)},
                    {"remedy", absl::StrCat("grant the controller the rule {", RbacRule(kind), "}")}});
    }
    watch->table->NotFetched(name);
    return EndFetch(key);
  }
  const std::lock_guard lock(mutex_);
  const auto found = fetches_.find(key);
  if (found == fetches_.end()) return;
  Fetch& fetch = found->second;
  fetch.due = Clock::now() + fetch.wait;
  fetch.wait = std::min(fetch.wait * 2, kLongestFetchWait);
  Signal();  // it may have become late
}

void KubeSource::FetchNow() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, fetch] : fetches_) fetch.due = Clock::now();
  changed_.notify_all();
}

void KubeSource::EndFetch(const FetchKey& key) {
  const std::lock_guard lock(mutex_);
  fetches_.erase(key);
  Signal();
}

}  // namespace portreeve::kube
