// One data plane's stream. Included by sources of this folder only: it carries gRPC.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <string>

#include "controller/serve/served_stream.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

// Hello, then one delta after the other, each only after the verdict on the last. All that happens in between is
// merged, since a delta is made from the latest snapshot when it is sent. Nothing is done while nothing changes.
class Stream final : public grpc::ServerBidiReactor<config::v1::DataPlaneMessage, config::v1::Delta>,
                     public ServedStream {
 public:
  explicit Stream(StreamRegistry& registry);
  ~Stream() override;

  // Sends what is new, if nothing is under way.
  void Wake() override;

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

  void ReadNext() override { StartRead(&incoming_); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }
  grpc::Status Admit(const Identity& identity) const override;

  // All of these with mutex_ held.
  grpc::Status TakeMessage();
  grpc::Status TakeHello(config::v1::Hello& hello);
  grpc::Status TakeVerdict(const config::v1::Verdict& verdict);
  grpc::Status TakeResult(const config::v1::Verdict& verdict);
  void SendIfIdle();
  std::unique_ptr<Outgoing> Next(const std::shared_ptr<const Snapshot>& latest);
  void CompleteOutgoing();
  void Report(const config::v1::Verdict& verdict);

  config::v1::DataPlaneMessage incoming_;
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
};

}  // namespace portreeve::serve
