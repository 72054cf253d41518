// Elector: which of several replicas is the leader, by a Lease of coordination.k8s.io/v1.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>

#include "controller/gatewayapi/yaml_tree.h"
#include "controller/kube/api_client.h"
#include "controller/kube/thread.h"

namespace portreeve::kube {

struct ElectorOptions {
  std::string namespace_;
  std::string name = "portreeve-controller";
  // Of this process, and of no other one before or after it: see UniqueIdentity.
  std::string identity;
  // Where the other replicas reach this process while it leads: "10.0.0.7:18000". Empty: they aren't told.
  std::string address;
  // The lease is free so long after its last renewal was seen.
  std::chrono::milliseconds lease_duration{15'000};
  // A leader that could not renew for so long is none any more: well before anybody else may become one.
  std::chrono::milliseconds renew_deadline{10'000};
  std::chrono::milliseconds retry_period{2'000};
  // Time since boot, also while the machine sleeps; nothing is read from wall clocks, here or of others.
  std::function<std::chrono::nanoseconds()> clock;
  // Called by the elector's thread: leader or not.
  std::function<void(bool leader)> on_change;
};

// "POD_" and random digits.
std::string UniqueIdentity(std::string_view pod);

// The epoch of a Lease. It rises with each change of the leader, and also when somebody deletes the Lease and its count
// begins anew: without that, data planes would wait for the old count to be reached.
std::uint64_t EpochOf(absl::Time lease_created, std::uint32_t lease_transitions);

// The holder's ElectorOptions::address, as an annotation of the Lease.
inline constexpr char kLeaseAddress[] = "portreeve.dev/address";
// The least epoch of the Lease, where time of creation and transitions give a lower one: etcd was restored to a Lease
// that is older than one that has been seen, and no count of transitions makes up for that.
inline constexpr char kLeaseEpoch[] = "portreeve.dev/epoch";

class Elector {
 public:
  // The client is the elector's own: it is cancelled with it.
  Elector(std::unique_ptr<ApiClient> client, ElectorOptions options);
  ~Elector() { Stop(); }
  Elector(const Elector&) = delete;
  Elector& operator=(const Elector&) = delete;

  void Start();
  // Gives the lease back, so that another one takes over at once. Takes as long as a request, or
  // three if somebody writes the lease meanwhile.
  void Stop();

  // Looks at the clock: a process that was paused knows it before it writes, even if no other thread has run yet. A
  // writer asks before each write.
  bool leader() const;
  // EpochOf the Lease, or what its annotation says if that is more; the highest that was seen, so it never goes back.
  // 0 until the Lease has been read. Every replica knows it. When etcd was restored, the Lease may have a lower one
  // than was seen here: whoever leads raises it beyond what it has seen itself.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  // Who holds it, as last seen; empty if nobody does.
  std::string holder() const;
  // Of the holder, as last seen; empty if nobody holds it, if it is this one, and if the holder doesn't say it. Any
  // thread.
  std::string leader_address() const;

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  // What a Lease says.
  struct Record {
    std::string holder;
    std::string acquired;
    std::string renewed;
    std::int64_t seconds = 0;
    std::int64_t transitions = 0;
    std::string address;
    std::uint64_t least_epoch = 0;  // 0: the annotation is missing
    std::int64_t created = 0;       // seconds since 1970; 0: not known, as there is no Lease
    std::string version;

    bool operator==(const Record&) const = default;
  };

  enum class Written : std::uint8_t { kYes, kOther, kUnknown };  // kOther: somebody was quicker

  void Run();
  // One round each, the wait after it included.
  void Lead();
  void Stand();
  void TryAcquire();
  Written Renew();
  void Release();
  // Until the lease has changed hands or is free, or for a while.
  void WaitForChange();
  // A record without version if there is no Lease.
  absl::StatusOr<Record> Get();
  Written Write(Record record, std::chrono::milliseconds deadline);
  void Observe(const Record& record);
  static std::uint64_t EpochIn(const Record& record);
  static void RaiseEpoch(std::uint64_t seen, Record* record);
  Nanoseconds FreeAt() const;
  void SetLeader(std::int64_t until);
  void Complain(const std::string& reason);
  void Wait(std::chrono::milliseconds time);
  bool stopping() const;
  std::chrono::milliseconds Jittered(std::chrono::milliseconds time);
  Nanoseconds Now() const { return options_.clock(); }
  std::string Path(bool collection) const;
  static Record RecordIn(const gatewayapi::YamlNode& lease);

  const std::unique_ptr<ApiClient> client_;
  ElectorOptions options_;

  std::atomic<std::int64_t> leader_until_ = 0;  // nanoseconds of the clock; 0: not the leader
  std::atomic<std::uint64_t> epoch_ = 0;

  // The thread's own.
  Record observed_;
  Nanoseconds observed_at_{0};  // when it was first seen so
  bool complained_ = false;
  std::minstd_rand random_{std::random_device()()};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  std::string holder_;          // guarded by mutex_
  std::string leader_address_;  // guarded by mutex_
  Thread thread_;
};

}  // namespace portreeve::kube
