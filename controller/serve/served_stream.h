// What all streams of the service have in common: who is at the other end, deadlines, and one end. Included by sources
// of this folder only: it carries gRPC.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/secret_bytes.h"
#include "controller/serve/identity.h"
#include "controller/serve/stream_registry.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::serve {

// Names of Kubernetes are shorter.
inline constexpr std::size_t kMaxNameBytes = 1024;

grpc::Status BrokenProtocol(const char* what);

// First a proof of who is at the other end, if there must be one: nothing is read before that is verified. Then the
// first message, before a deadline.
class ServedStream : public std::enable_shared_from_this<ServedStream> {
 public:
  // Who is at the other end, for the log and for what it is told.
  struct PeerKind {
    // "data plane"
    const char* name;
    // Whose token it shows, and how it gets it.
    const char* remedy;
  };

  ServedStream(StreamRegistry& registry, const PeerKind& kind) : registry_(registry), kind_(kind) {}
  virtual ~ServedStream();
  ServedStream(const ServedStream&) = delete;
  ServedStream& operator=(const ServedStream&) = delete;

  // Either keeps itself alive until gRPC is done with it. Start believes whatever the other end says.
  void Start();
  // `token`: of the call; empty if it has none. `peer`: for the log.
  void StartWith(SecretBytes token, std::string peer);
  // Something new was published.
  virtual void Wake() {}
  void Close(const grpc::Status& status);

 protected:
  // Something that must come before a deadline. The alarm is there only while it is awaited.
  struct Awaited {
    std::unique_ptr<grpc::Alarm> alarm;
    std::uint64_t wait = 0;
  };

  // What depends on the types of gRPC's call. With mutex_ held.
  virtual void ReadNext() = 0;
  virtual void FinishCall(const grpc::Status& status) = 0;
  // Whether whoever this is may use this kind of stream. With mutex_ held.
  virtual grpc::Status Admit(const Identity& identity) const = 0;
  // To be called by OnDone. What of it isn't needed any more is gone after that, this object at times.
  void Leave();

  // All of these with mutex_ held.
  grpc::Status TakeProof(config::v1::Proof& proof);
  void Expect(Awaited ServedStream::* awaited, std::chrono::milliseconds deadline, const char* what);
  void Refuse(const grpc::Status& status);
  void FinishOnce(const grpc::Status& status);

  StreamRegistry& registry_;
  const PeerKind kind_;

  std::mutex mutex_;
  bool finished_ = false;
  // Once it is proven.
  std::optional<Identity> identity_;
  // As the other end has said it.
  bool greeted_ = false;
  std::string gateway_;
  std::string instance_;
  // The next answer.
  Awaited answer_;

 private:
  // With mutex_ held.
  bool Begin();
  void Prove(SecretBytes token);

  // These take it.
  void OnIdentity(const absl::StatusOr<Identity>& identity);
  void OnDeadline(Awaited ServedStream::* awaited, std::uint64_t wait, const char* what);

  std::shared_ptr<ServedStream> self_;
  bool must_prove_ = false;
  bool proving_ = false;
  std::string peer_;
  Awaited proof_;
};

}  // namespace portreeve::serve
