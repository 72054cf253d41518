// One HTTP/2 connection: nghttp2's session, its streams, and the bytes in and out.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/codec/http2_cost.h"
#include "dataplane/codec/http2_server.h"
#include "dataplane/codec/http2_stream.h"
#include "dataplane/net/wait_slot.h"

struct nghttp2_session;

namespace portreeve::codec {

struct Http2Callbacks;

// Reading is a loop in Run. Everything that is to be sent goes through a turn: posted once, however many streams have
// something to say, so that their frames leave in one write. What the socket doesn't take is kept and sent by a writer
// coroutine, the only one. While nothing waits to be sent, the connection holds no buffer.
// nghttp2's callbacks only note what happened (http2_callbacks.cc); exchanges are resumed when nghttp2 has returned.
class Http2Session final : public Http2Server, public std::enable_shared_from_this<Http2Session> {
 public:
  Http2Session(net::Transport& transport, net::DeadlineWheel& wheel, const http::Limits& limits,
               std::string_view scheme, std::string_view early);
  ~Http2Session() override;

  net::Awaitable<http::Failure> Run(Http2Handler& handler) override;
  void Drain() override;
  void Cancel() override;
  bool idle() const override { return ready_.empty() && held_ == 0; }
  std::uint64_t requests() const override { return requests_; }

  // For the streams, from here on.

  nghttp2_session* raw() { return raw_; }
  const http::Limits& limits() const { return limits_; }
  net::DeadlineWheel& wheel() { return wheel_; }
  Http2Cost& cost() { return cost_; }
  bool ended() const { return transport_ == nullptr; }
  bool write_blocked() const { return !blocked_.empty(); }
  // Frames wait in nghttp2, or a stream in `ready_`: takes care of them soon.
  void ScheduleTurn();
  // Bytes copied into the streams' queues, all together.
  std::size_t queued_bytes = 0;
  void OnReleased(Http2SessionStream& stream);

 private:
  friend struct Http2Callbacks;

  enum class State : std::uint8_t {
    kOpen,
    kClosing,    // all has been said; the last bytes are being written
    kLingering,  // our side is closed; what still comes is thrown away, until the peer closes too
    kEnded,
  };

  void Start();
  net::Awaitable<void> ReadUntilEnd();
  void Feed(std::string_view bytes);
  void AfterFeed(std::ptrdiff_t result);
  void OnReadEnd(net::IoStatus status);
  void Turn();
  void DispatchReady();
  bool CanDispatch() const;
  void Flush();
  bool FillOutput(std::string& out);
  void StartWriter();
  net::Awaitable<void> WriteBlocked(std::shared_ptr<Http2Session> self);
  void CheckCost();
  void CheckFinished();
  net::Awaitable<void> WaitForStreams();

  // Ends the connection with GOAWAY(error_code), if one can still be sent.
  void Terminate(std::uint32_t error_code, http::Reason reason);
  void FinishSending();
  void FailStreams(http::Reason reason);
  void Detach();

  Http2SessionStream& OpenStream(std::int32_t id);
  void CloseStream(Http2SessionStream& stream, bool clean);
  void Recycle(Http2SessionStream& stream);
  void WakeLater(Http2SessionStream& stream);
  void Wake();
  void FinalGoaway();

  void OnHeadDeadline();
  void OnIdleDeadline();
  void OnWriteDeadline();
  void OnDrainDeadline();
  void OnLingerDeadline();
  void OnAgeDeadline() { Drain(); }
  void ArmIdle();
  void TrimStreams();

  net::Transport* transport_;  // null once Run has ended
  net::DeadlineWheel& wheel_;
  const http::Limits& limits_;
  std::string_view scheme_;
  std::string early_;
  nghttp2_session* raw_ = nullptr;
  Http2Handler* handler_ = nullptr;
  std::optional<net::Executor> executor_;
  Http2Cost cost_;
  Http2FrameCounter frames_;
  State state_ = State::kOpen;
  http::Reason end_reason_ = http::Reason::kNone;

  // All streams there ever were at a time; `free_` are those not in use.
  std::vector<std::unique_ptr<Http2SessionStream>> streams_;
  std::vector<Http2SessionStream*> free_;
  std::deque<Http2SessionStream*> ready_;
  std::vector<Http2SessionStream*> wake_;
  std::size_t held_ = 0;
  std::uint64_t requests_ = 0;
  std::size_t head_bytes_ = 0;
  // The stream whose header block is coming in.
  Http2SessionStream* in_head_ = nullptr;
  bool head_in_progress_ = false;
  std::size_t trailer_count_ = 0;
  std::size_t trailer_bytes_ = 0;
  bool greeted_ = false;
  std::size_t discarded_ = 0;
  net::Clock::time_point idle_since_;

  bool turn_scheduled_ = false;
  bool writer_running_ = false;
  std::string blocked_;
  std::size_t blocked_taken_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t written_at_arm_ = 0;
  std::string* output_ = nullptr;  // while nghttp2 fills it

  bool drain_begun_ = false;
  bool drain_ping_sent_ = false;
  bool drain_final_ = false;

  MemberDeadline<Http2Session> head_deadline_;
  MemberDeadline<Http2Session> idle_deadline_;
  MemberDeadline<Http2Session> write_deadline_;
  MemberDeadline<Http2Session> drain_deadline_;
  MemberDeadline<Http2Session> linger_deadline_;
  MemberDeadline<Http2Session> age_deadline_;
  net::WaitSlot end_wait_;
};

}  // namespace portreeve::codec
