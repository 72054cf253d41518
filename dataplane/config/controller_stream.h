// One gRPC stream to the controller, made to be used by one thread that also waits for other things.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/config/controller_identity.h"

namespace portreeve::config::v1 {
class DataPlaneMessage;
class Delta;
}  // namespace portreeve::config::v1

namespace portreeve::config {

class ControllerStream {
 public:
  // Connects in the background, over TLS if there is an `identity`. `notify` is called by gRPC's threads whenever
  // HasEvent may have become true, even after this object is gone.
  ControllerStream(const std::string& address, std::optional<StreamIdentity> identity, std::function<void()> notify);
  // Cancels.
  ~ControllerStream();
  ControllerStream(const ControllerStream&) = delete;
  ControllerStream& operator=(const ControllerStream&) = delete;

  // Sent one after the other; what can't be sent ends the stream.
  void Send(const v1::DataPlaneMessage& message);

  // A delta is there, or the stream has ended.
  bool HasEvent() const;
  // The delta that is there; null if there is none. The next one is read after Next.
  std::shared_ptr<const v1::Delta> TakeDelta();
  void Next();
  bool closed() const;
  // Why it ended: what the controller said, why it can't be believed, or gRPC's words.
  std::string error() const;
  // Somebody has said no, so there is something to mend; else it is only to be awaited. Once it has ended.
  bool refused() const;

 private:
  class Call;
  std::shared_ptr<Call> call_;
};

}  // namespace portreeve::config
