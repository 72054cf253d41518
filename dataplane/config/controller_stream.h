// One gRPC stream to the controller, made to be used by one thread that also waits for other things.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace portreeve::config::v1 {
class DataPlaneMessage;
class Delta;
}  // namespace portreeve::config::v1

namespace portreeve::config {

class ControllerStream {
 public:
  // Connects in the background. `notify` is called by gRPC's threads whenever HasEvent may have become true, even after
  // this object is gone.
  ControllerStream(const std::string& address, std::function<void()> notify);
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
  // Why it ended, in gRPC's words.
  std::string error() const;

 private:
  class Call;
  std::shared_ptr<Call> call_;
};

}  // namespace portreeve::config
