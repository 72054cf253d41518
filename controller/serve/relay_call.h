// One gRPC call by which a replica tells the leader what its data planes report; made to be used by one thread that
// also waits for other things. Included by sources of this folder only: it carries protobuf.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <string>

#include "common/secret_bytes.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

class RelayCall {
 public:
  struct Target {
    // "10.0.0.7:18000"
    std::string address;
    // PEM: the leader must hold a certificate of one of these CAs, for `server_name`.
    std::string ca_pem;
    std::string server_name;
    // Shown with the call, once it is the leader that has answered.
    SecretBytes token;
  };

  // Connects in the background. `notify` is called by gRPC's threads whenever something below may have changed, even
  // after this object is gone.
  RelayCall(const Target& target, std::function<void()> notify);
  // Cancels; takes a second at most.
  ~RelayCall();
  RelayCall(const RelayCall&) = delete;
  RelayCall& operator=(const RelayCall&) = delete;

  // The leader believes who we are.
  bool ready() const;
  // Nothing is being written.
  bool idle() const;
  // Only while it is idle.
  void Write(config::v1::RelayMessage message);

  bool closed() const;
  // Why, once it is closed; never OK then.
  absl::Status status() const;

 private:
  class Call;
  std::shared_ptr<Call> call_;
};

}  // namespace portreeve::serve
