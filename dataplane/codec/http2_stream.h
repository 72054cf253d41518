// One stream of an Http2Session: the exchange's side of it, and what is queued in both directions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/codec/http2_head.h"
#include "dataplane/codec/http2_server.h"
#include "dataplane/net/deadline_wheel.h"
#include "dataplane/net/wait_slot.h"

namespace portreeve::codec {

class Http2Session;

// Calls a member function when its time has come.
template <typename Owner>
class MemberDeadline final : public net::Deadline {
 public:
  using Function = void (Owner::*)();
  MemberDeadline(net::DeadlineWheel& wheel, Owner& owner, Function function)
      : Deadline(wheel), owner_(owner), function_(function) {}

 private:
  void OnDeadline() override { (owner_.*function_)(); }

  Owner& owner_;
  Function function_;
};

// Lives as long as nghttp2 has the stream open or the exchange holds it, whichever is longer; then it is used again.
// Outbound bytes are copied while there is room (64 KiB a stream, 512 KiB a connection); above that the writer's own
// bytes are referenced and it waits, so that a client that doesn't read costs no more than that.
class Http2SessionStream final : public Http2Stream {
 public:
  static constexpr std::size_t kQueueBytes = 64 * 1024;

  Http2SessionStream(Http2Session& session, net::DeadlineWheel& wheel);

  // ServerStream, Http2Stream.
  bool TryReadBody(BodyPiece& piece) override;
  net::Awaitable<BodyPiece> ReadBody() override;
  bool body_done() const override { return body_done_; }
  net::Awaitable<http::Failure> WriteInterim(const http::ResponseHead& head) override;
  net::Awaitable<http::Failure> WriteHead(const http::ResponseHead& head, std::string_view body, bool end) override;
  net::Awaitable<http::Failure> WriteBody(std::string_view body, bool end) override;
  bool TryWriteHead(const http::ResponseHead& head, std::string_view body, bool end, http::Failure& failure) override;
  bool TryWriteBody(std::string_view body, bool end, http::Failure& failure) override;
  net::Awaitable<http::Failure> WriteTrailers(const http::HeaderList& trailers) override;
  void Abort() override;
  void CloseAfter() override;
  void Cancel() override;
  bool PeerGone() override;
  net::Transport* TakeTransport(std::string_view& early) override;
  http::RequestHead& head() override { return head_; }
  http::Arena& arena() override { return arena_; }
  http::Failure head_failure() const override { return head_failure_; }
  void SetCancelCallback(std::function<void()> callback) override { cancel_callback_ = std::move(callback); }

  // For the session, from here on.

  void Open(std::int32_t id);
  // Everything back to nothing; keeps small buffers.
  void Reset();
  std::int32_t id() const { return id_; }

  Http2RequestFields& fields() { return fields_; }
  void SetHead(std::string_view scheme, bool body_follows, const http::Limits& limits);
  bool is_open() const { return open_; }
  bool is_held() const { return held_; }
  // The handler gets it. `self` keeps the session alive for as long.
  void Hold(std::shared_ptr<Http2Session> self);

  // False: nobody will pull these bytes.
  bool TakeData(std::string_view bytes);
  void TakeEnd() { in_end_ = true; }
  // Of DATA; its cost is given back when the body is pulled.
  void CountFrame() { ++in_frames_; }
  bool in_end() const { return in_end_; }
  // The stream is gone, or is as good as gone: waits end with `reason`, later calls fail with it.
  void Fail(http::Reason reason);
  bool failed() const { return failure_ != http::Reason::kNone; }
  // nghttp2 has closed it.
  void OnClosed() { open_ = false; }
  // We reset it, for a reason that isn't the client's fault.
  bool reset_by_us() const { return reset_by_us_; }
  // Resumes whoever waits for what has come meanwhile. They may let the stream go.
  void Wake();
  bool writer_waits() const { return write_wait_.waiting(); }

  // What the data provider may send now.
  struct Outbound {
    std::size_t bytes = 0;
    bool last = false;
    bool trailers = false;
  };
  Outbound Prepare(std::size_t most);
  void TakeOutbound(std::size_t bytes, std::string& out);
  void OnEndSent();
  bool Complete() const { return end_sent_ && in_end_ && !failed(); }
  bool SubmitTrailers();

  // In a list of the session's.
  bool in_wake_list = false;
  bool in_ready_list = false;

 private:
  void Release() override;
  http::Failure WriteFailure() const;
  bool Submit(const http::ResponseHead& head, std::string_view body, bool end);
  void Queue(std::string_view body);
  bool Flushed(bool to_the_end) const;
  std::size_t queued() const { return out_.size() - out_taken_ + view_.size(); }
  bool WindowSuffices() const;
  // Whether the waiting for what was queued is over, or needn't begin.
  bool Settled(bool end);
  net::Awaitable<http::Failure> WaitFlushed(bool to_the_end);
  void ConsumeGiven();
  void OnReadDeadline();
  void OnWriteDeadline();
  bool ReadTooSlow(net::Clock::duration waited);
  void DropOutbound();

  Http2Session& session_;
  std::shared_ptr<Http2Session> keep_alive_;  // while held
  std::int32_t id_ = 0;
  http::Arena arena_;
  Http2RequestFields fields_;
  http::RequestHead head_;
  http::Failure head_failure_;
  std::function<void()> cancel_callback_;
  bool open_ = false;
  bool held_ = false;
  bool reset_by_us_ = false;
  http::Reason failure_ = http::Reason::kNone;

  // Inbound: what has come, and what the last pull gave out. Both count against the flow-control windows.
  std::string in_;
  std::string given_;
  std::uint32_t in_frames_ = 0;
  bool in_end_ = false;
  bool body_done_ = false;
  bool read_cancelled_ = false;
  net::WaitSlot read_wait_;
  MemberDeadline<Http2SessionStream> read_deadline_;
  // Of the measurement that body_bytes_per_second asks for.
  net::Clock::duration waited_{};
  std::uint64_t waited_bytes_ = 0;

  // Outbound: copied bytes, then the writer's own ones.
  std::string out_;
  std::size_t out_taken_ = 0;
  std::string_view view_;
  // The answer has no body, whatever is given: to HEAD, 204, 304.
  bool bodiless_ = false;
  bool head_sent_ = false;
  // A try has queued everything, but must wait: the call that follows goes on from there.
  bool write_begun_ = false;
  bool out_end_ = false;
  bool deferred_ = false;
  bool end_sent_ = false;
  bool has_trailers_ = false;
  std::vector<RawField> trailers_;  // in arena_
  net::WaitSlot write_wait_;
  MemberDeadline<Http2SessionStream> write_deadline_;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t sent_bytes_when_stuck_ = 0;
  net::Clock::time_point stuck_since_;
};

}  // namespace portreeve::codec
