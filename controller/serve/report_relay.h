// Tells the leader what the data planes connected to this replica report: the client of ConfigService.Relay.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/secret_bytes.h"
#include "controller/serve/config_service.h"

namespace portreeve::serve {

class RelayCall;

// Keeps one stream to the leader, if there is one that isn't this replica, for as long as it takes, and from one leader
// to the next. Each stream begins with the last report of every data plane that is connected; after that what has
// changed is sent, of each data plane only the latest. Any thread.
class ReportRelay {
 public:
  // The functions are called by the relay's thread, and must not block for long.
  struct Options {
    // Where the leader serves data planes: "10.0.0.7:18000". Empty while there is none, or while this replica leads.
    // Asked each second, and when LeadershipChanged is called. See kube::Elector::leader_address.
    std::function<std::string()> leader_address;
    // PEM: the CAs of which one must have issued the leader's certificate. Empty: not known yet.
    std::function<std::string()> ca_pem;
    // The name in that certificate.
    std::string server_name;
    // Of this replica's ServiceAccount, for the audience TokenReviewer::kAudience; asked for each stream and each proof
    // after that. Its errors are logged: they must not hold the token.
    std::function<absl::StatusOr<SecretBytes>()> token;
    // Of this process, for logs.
    std::string instance;
    // So often the token is shown again while a stream stands; well below ConfigService's proof_deadline.
    std::chrono::milliseconds proof_period = std::chrono::minutes(5);
  };

  explicit ReportRelay(Options options);
  // Ends the stream: the leader takes the data planes of this replica for gone. Takes a second at most.
  ~ReportRelay();
  ReportRelay(const ReportRelay&) = delete;
  ReportRelay& operator=(const ReportRelay&) = delete;

  // To be called by ConfigService's `local_listener`, not by `listener`. Doesn't block. What is kept is the last report
  // of each data plane that is connected, and which ones have gone of those that the leader knows.
  void Report(const DataPlaneReport& report);
  // Asks for the leader's address at once.
  void LeadershipChanged();

  // OK while the leader gets the reports, and while there is nobody to tell; else why it doesn't, with the remedy.
  absl::Status status() const;

 private:
  using Clock = std::chrono::steady_clock;
  // Gateway and instance.
  using DataPlane = std::pair<std::string, std::string>;

  struct Entry {
    DataPlaneReport report;
    Clock::time_point heard;
    // Where it is in queue_; 0: it isn't.
    std::uint64_t place = 0;
    // By the stream that stands.
    bool told = false;
  };
  // What the thread waits on. gRPC's threads may ring when the relay is gone, so it is shared.
  struct Bell;
  enum class Outcome : std::uint8_t { kFailed, kStood, kMoved };

  void Run();
  // One stream, to its end.
  Outcome Converse(const std::string& address);
  // From when the leader is ready, to the end.
  Outcome Relay(RelayCall& call, const std::string& address);
  bool WaitReady(RelayCall& call, const std::string& address);
  bool Prove(RelayCall& call);
  bool SendNext(RelayCall& call);
  void Begin();
  void End();
  void Enqueue(const DataPlane& data_plane, Entry* entry);
  std::optional<Entry> TakeNext();
  void Complain(const std::string& address, const absl::Status& status);
  void SetStatus(absl::Status status);
  bool stopping() const;

  const Options options_;
  const std::shared_ptr<Bell> bell_;

  mutable std::mutex mutex_;
  absl::btree_map<DataPlane, Entry> entries_;        // guarded by mutex_
  absl::btree_map<std::uint64_t, DataPlane> queue_;  // what is to be sent, in order; guarded by mutex_
  std::uint64_t last_place_ = 0;                     // guarded by mutex_
  bool standing_ = false;                            // a stream; guarded by mutex_
  absl::Status status_;                              // guarded by mutex_
  std::string said_;                                 // what was complained of; the thread's own
  std::thread thread_;
};

}  // namespace portreeve::serve
