// Reflector: keeps an ObjectSink in step with one kind on the API server: a list in pages, then a watch from there, for
// ever. What it has told stays when the server is away, and a new list is only compared with it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "controller/kube/api_client.h"
#include "controller/kube/backoff.h"
#include "controller/kube/kind.h"
#include "controller/kube/object_sink.h"
#include "controller/kube/server_probe.h"
#include "controller/kube/thread.h"
#include "controller/kube/watch_parser.h"
#include "controller/kube/watch_status.h"

namespace portreeve::kube {

struct ReflectorOptions {
  std::chrono::milliseconds first_wait{200};
  std::chrono::milliseconds longest_wait{30'000};
  std::chrono::milliseconds list_deadline{30'000};  // of one page
  // How long a watch is asked to last; each takes up to half as long again, so that not all end at once.
  std::chrono::seconds watch_time{300};
  // A watch in which nothing comes, not even a bookmark or its end, for so much longer than it should last is dead.
  std::chrono::milliseconds watch_slack{15'000};
  // After one that ended sooner it waits, so that a server which ends them at once isn't asked without a pause.
  std::chrono::milliseconds shortest_watch{1'000};
  std::chrono::milliseconds missing_wait{30'000};
  // Nobody tells that a right was given back.
  std::chrono::milliseconds longest_forbidden_wait{5'000};
  // So long a refusal, or a kind that isn't there, may be a matter of order: roles and CRDs are just being made.
  std::chrono::milliseconds grace{10'000};
};

class Reflector {
 public:
  // Called by the reflector's thread when state, reason or `read` has changed.
  using OnStatus = std::function<void(const ReflectorStatus&)>;

  // In the namespace `ns`, or in all if it is empty. `client`, `probe`, `kind` and `sink` outlive the reflector.
  Reflector(ApiClient& client, ServerProbe& probe, const WatchedKind& kind, std::string ns, ObjectSink& sink,
            ReflectorOptions options, OnStatus on_status);
  ~Reflector() { Stop(); }
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  void Start();
  // Nothing more is told once the call under way has ended. Then cancel the client, and Stop.
  void BeginStop();
  // Waits for the call under way.
  void Stop();
  // If it waits, it tries again now. Any thread.
  void Wake();

  const WatchedKind& kind() const { return kind_; }
  const std::string& namespace_name() const { return namespace_; }
  ReflectorStatus status() const;  // any thread
  // That the server has, as far as known. Any thread.
  std::string_view version() const;

 private:
  struct Outcome {
    enum class Type : std::uint8_t {
      kDone,       // all went well
      kBroken,     // a watch was cut off; it can go on from where it was
      kExpired,    // what is known is too old to go on from
      kFailed,     // no right answer
      kThrottled,  // the server asks for time
      kForbidden,
      kMissing,
    };
    Type type = Type::kDone;
    std::string reason{};
    bool unreachable = false;
    std::optional<std::chrono::seconds> retry_after{};

    bool done() const { return type == Type::kDone; }
  };

  void Run();
  Outcome Round();
  Outcome List();
  Outcome ListPages();
  Outcome ReadPage(const std::string& path, std::string* position, std::string* next);
  Outcome ConfirmMissing();
  Outcome CheckPosition();
  Outcome Watch();
  Outcome EndOfWatch(const absl::StatusOr<ApiResponse>& answer, const WatchParser& parser, const Outcome& outcome);
  bool TakeEvent(const WatchEvent& event, Outcome* outcome);
  void Settle(const Outcome& outcome);
  void SettleExpired(const Outcome& outcome);
  void SettleForbidden(const Outcome& outcome);
  void WaitFor(std::chrono::milliseconds time);
  bool stopping() const;
  void SetStatus(WatchState state, const Outcome& outcome, bool read);
  template <typename Change>
  void Count(Change change);

  Outcome FromAnswer(const ApiResponse& answer, std::string_view verb) const;
  static Outcome FromError(const absl::Status& status);
  std::string Path(std::string_view query) const;

  ApiClient& client_;
  const WatchedKind& kind_;
  const std::string namespace_;
  ObjectSink& sink_;
  const ReflectorOptions options_;
  const OnStatus on_status_;

  // The thread's own.
  std::string position_;     // the resourceVersion up to which all is told; empty: a list is due
  bool suspicious_ = false;  // the server was away, or the way to it: it may have come back as another one
  bool expired_ = false;     // nothing has come since what was known was too old
  int expired_pages_ = 0;    // lists that grew too old before their last page, in a row
  bool progress_ = false;    // the watch has brought something
  Backoff backoff_;
  std::optional<std::chrono::steady_clock::time_point> forbidden_since_;
  std::optional<std::chrono::steady_clock::time_point> missing_since_;
  std::minstd_rand random_{std::random_device()()};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool woken_ = false;
  ReflectorStatus status_;
  std::size_t version_ = 0;  // index in kind_.versions

  WatchLog log_;  // its thread's own
  ServerProbe::Caller server_;
  Thread thread_;
};

}  // namespace portreeve::kube
