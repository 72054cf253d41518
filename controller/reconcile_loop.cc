#include "controller/reconcile_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

#include "common/log.h"
#include "controller/condition_report.h"

namespace portreeve {
namespace {

using gatewayapi::Condition;
using gatewayapi::Problem;
using translate::ObjectStatus;
using translate::StatusSet;

void LogProblem(const Problem& problem) {
  log::Write(problem.severity == Problem::Severity::kError ? log::Level::kError : log::Level::kWarning,
             problem.severity == Problem::Severity::kError ? "refused; what was served before stays" : "ignored",
             {{"file", problem.file},
              {"line", problem.line},
              {"column", problem.column},
              {"object", problem.object},
              {"field", problem.field},
              {"reason", problem.message},
              {"remedy", problem.remedy}});
}

double Milliseconds(ReconcileLoop::Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

ReconcileLoop::ReconcileLoop(source::Source& source, serve::SnapshotCache& cache, Options options)
    : source_(source),
      cache_(cache),
      observer_(std::move(options.observer)),
      translator_(options.translator),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) {
    std::perror("eventfd");
    std::abort();
  }
}

ReconcileLoop::~ReconcileLoop() {
  close(wake_);
}

void ReconcileLoop::Run() {
  while (true) {
    DoRound();
    pollfd ready[] = {{source_.fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(ready, 2, dirty_ && source_.listed() ? 0 : -1) > 0 && ready[1].revents != 0) return;
  }
}

void ReconcileLoop::Stop() {
  const std::uint64_t one = 1;
  if (write(wake_, &one, sizeof(one)) < 0) std::perror("eventfd");
}

void ReconcileLoop::DoRound() {
  Take(source_.Read());
  if (dirty_ && source_.listed()) {
    Translate();
    // Whether something that this refers to is still on its way shows in the next read only.
    Take(source_.Read());
  }
  if (translation_ && source_.complete() && source_.settled()) Publish();
  LogProblems();
}

void ReconcileLoop::Take(const source::SourceBatch& batch) {
  for (const source::ResourceEvent& event : batch.events) dirty_ |= store_.Apply(event);
  if (std::string problem = source_.VersionProblem(); problem != version_problem_) {
    version_problem_ = problem;
    translator_.SetVersionProblem(std::move(problem));
    dirty_ = true;
  }
  if (dirty_ && !since_.has_value()) since_ = Clock::now();
}

void ReconcileLoop::Translate() {
  dirty_ = false;
  const Clock::time_point start = Clock::now();
  state_ = store_.Snapshot();
  translation_ = translator_.Translate(*state_);
  translate_time_ = Clock::now() - start;
  log::Debug("translated", {{"gateways", translation_->gateways.size()},
                            {"objects", translation_->statuses.size()},
                            {"ms", Milliseconds(translate_time_)}});
  std::set<gatewayapi::ObjectKey> wanted;
  for (const gatewayapi::NamespacedName& secret : translation_->secrets) {
    wanted.insert({gatewayapi::Kind::kSecret, secret.namespace_, secret.name});
  }
  source_.SetWanted(wanted);
}

void ReconcileLoop::Publish() {
  translate::Translation translation = *std::exchange(translation_, std::nullopt);
  const auto state = std::exchange(state_, nullptr);
  const Clock::time_point start = Clock::now();
  cache_.Publish(std::move(translation.gateways));
  log::Debug("published", {{"ms", Milliseconds(Clock::now() - start)}});
  // Words come after deeds.
  LogConditions(translation.statuses);
  LogUnclaimed(translation.unclaimed);
  const Round round{std::exchange(since_, std::nullopt).value_or(start), translate_time_, complaints_.size()};
  if (observer_) observer_(state, translation, round);
  statuses_ = std::move(translation.statuses);
}

void ReconcileLoop::LogProblems() {
  absl::btree_set<std::string> now;
  for (const Problem& problem : source_.AllProblems()) {
    std::string text = problem.ToString();
    if (!problems_.contains(text) && !now.contains(text)) LogProblem(problem);
    now.insert(std::move(text));
  }
  problems_ = std::move(now);
}

void ReconcileLoop::LogConditions(const StatusSet& statuses) {
  StatusSet::VisitDifferences(statuses_, statuses, [&](const ObjectStatus* before, const ObjectStatus* now) {
    if (now == nullptr) {
      complaints_.erase(before->key);
    } else if (before == nullptr || !SameStatus(*before, *now)) {
      LogComplaints(*now);
    }
  });
}

void ReconcileLoop::LogUnclaimed(const std::vector<translate::Unclaimed>& unclaimed) {
  absl::btree_set<std::string> now;
  for (const translate::Unclaimed& one : unclaimed) {
    std::string text = one.key.ToString() + "\n" + one.message;
    if (!unclaimed_.contains(text)) {
      const source::SourcePlace place = PlaceOf(one.key);
      log::Warning(
          "nobody claims an object",
          {{"object", one.key.ToString()}, {"file", place.file}, {"line", place.line}, {"message", one.message}});
    }
    now.insert(std::move(text));
  }
  unclaimed_ = std::move(now);
}

source::SourcePlace ReconcileLoop::PlaceOf(const gatewayapi::ObjectKey& key) const {
  return source_.PlaceOf(key).value_or(source::SourcePlace{});
}

void ReconcileLoop::LogComplaints(const ObjectStatus& status) {
  absl::btree_set<std::string> now;
  const auto before = complaints_.find(status.key);
  VisitConditions(status, [&](const std::string& where, const Condition& condition) {
    if (!IsComplaint(condition)) return;
    std::string text = where + "\n" + condition.type + "\n" + condition.reason + "\n" + condition.message;
    if (before == complaints_.end() || !before->second.contains(text)) {
      const source::SourcePlace place = PlaceOf(status.key);
      log::Warning("an object isn't served as its author wants", {{"object", status.key.ToString()},
                                                                  {"file", place.file},
                                                                  {"line", place.line},
                                                                  {"part", where},
                                                                  {"condition", condition.type},
                                                                  {"reason", condition.reason},
                                                                  {"message", condition.message}});
    }
    now.insert(std::move(text));
  });
  if (now.empty()) {
    complaints_.erase(status.key);
  } else {
    complaints_[status.key] = std::move(now);
  }
}

}  // namespace portreeve
