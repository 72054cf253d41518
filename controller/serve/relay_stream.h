// One replica's stream of reports. Included by sources of this folder only: it carries gRPC.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <utility>

#include "controller/serve/served_stream.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

// RelayHello, the answer to it, then reports. What they say counts as long as the stream lasts.
class RelayStream final : public grpc::ServerBidiReactor<config::v1::RelayMessage, config::v1::RelayAnswer>,
                          public ServedStream {
 public:
  explicit RelayStream(StreamRegistry& registry);
  ~RelayStream() override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void ReadNext() override { StartRead(&incoming_); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }
  grpc::Status Admit(const Identity& identity) const override;

  // All of these with mutex_ held.
  grpc::Status TakeMessage();
  grpc::Status TakeHello(config::v1::RelayHello& hello);
  grpc::Status TakeReport(const config::v1::RelayedReport& message);

  config::v1::RelayMessage incoming_;
  const config::v1::RelayAnswer ready_;
  // The data planes whose reports are held: gateway and instance.
  absl::flat_hash_set<std::pair<std::string, std::string>> connected_;
};

}  // namespace portreeve::serve
