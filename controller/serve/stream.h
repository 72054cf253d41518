// One data plane's stream. Included by sources of this folder only: it carries gRPC.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/secret_bytes.h"
#include "controller/serve/stream_registry.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

// First a proof of who the data plane is, if it must give one: nothing is read from it before that is verified. Then
// Hello, then one delta after the other, each only after the verdict on the last. All that happens in between is
// merged, since a delta is made from the latest snapshot when it is sent. Nothing is done while nothing changes.
class Stream final : public grpc::ServerBidiReactor<config::v1::DataPlaneMessage, config::v1::Delta>,
                     public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(StreamRegistry& registry) : registry_(registry) {}
  ~Stream() override;

  // Either keeps itself alive until gRPC is done with it. Start believes whatever Hello says.
  void Start();
  // `token`: of the call; empty if it has none. `peer`: for the log.
  void StartWith(SecretBytes token, std::string peer);
  // Sends what is new, if nothing is under way.
  void Wake();
  void Close(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // A delta in flight. It borrows the resources, which other streams send, too.
  struct Outgoing {
    config::v1::Delta message;
    std::shared_ptr<const Snapshot> target;
    ResourceDelta delta;
    bool written = false;
    bool answered = false;
    Outgoing() = default;
    Outgoing(const Outgoing&) = delete;
    Outgoing& operator=(const Outgoing&) = delete;
    ~Outgoing();
  };

  // Something that must come before a deadline. The alarm is there only while it is awaited.
  struct Awaited {
    std::unique_ptr<grpc::Alarm> alarm;
    std::uint64_t wait = 0;
  };

  // All of these with mutex_ held.
  bool Begin();
  void Prove(SecretBytes token);
  grpc::Status TakeProof(config::v1::Proof& proof);
  grpc::Status TakeMessage();
  grpc::Status TakeHello(config::v1::Hello& hello);
  grpc::Status TakeVerdict(const config::v1::Verdict& verdict);
  grpc::Status TakeResult(const config::v1::Verdict& verdict);
  void SendIfIdle();
  std::unique_ptr<Outgoing> Next(const std::shared_ptr<const Snapshot>& latest);
  void CompleteOutgoing();
  void FinishOnce(const grpc::Status& status);
  void Refuse(const grpc::Status& status);
  void Expect(Awaited Stream::* awaited, std::chrono::milliseconds deadline, const char* what);
  void Report(const config::v1::Verdict& verdict);

  // These take it.
  void OnIdentity(const absl::StatusOr<Identity>& identity);
  void OnDeadline(Awaited Stream::* awaited, std::uint64_t wait, const char* what);

  StreamRegistry& registry_;
  std::shared_ptr<Stream> self_;

  std::mutex mutex_;
  config::v1::DataPlaneMessage incoming_;
  bool finished_ = false;

  bool must_prove_ = false;
  std::string peer_;
  bool proving_ = false;
  // Once it is proven.
  std::optional<Identity> identity_;

  bool greeted_ = false;
  std::string gateway_;
  std::string instance_;
  // From Hello, until the first delta is made from it.
  std::string held_snapshot_;
  absl::flat_hash_map<std::string, std::string> held_;

  // What the data plane has accepted in this stream; null: nothing yet, or a mismatch.
  std::shared_ptr<const Snapshot> base_;
  bool send_full_ = false;
  std::uint64_t nonce_ = 0;
  // Of the last delta.
  std::uint64_t epoch_ = 0;
  std::unique_ptr<Outgoing> outgoing_;

  Awaited answer_;
  Awaited proof_;
};

}  // namespace portreeve::serve
