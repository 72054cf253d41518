// The server side of one HTTP/1 connection: what http1_server.cc (reading, the end of an exchange) and http1_answer.cc
// (writing) share.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "dataplane/codec/http1_body.h"
#include "dataplane/codec/http1_connection.h"
#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/http1_server.h"

namespace portreeve::codec {

class Http1ServerConnection final : public Http1Server {
 public:
  Http1ServerConnection(net::Transport& transport, const http::Limits& limits, std::string_view scheme,
                        std::string_view early);

  net::Awaitable<http::Failure> ReadHead(http::RequestHead& head, http::Arena& arena) override;
  bool TryReadHead(http::RequestHead& head, http::Arena& arena, http::Failure& failure) override;
  net::Awaitable<bool> Finish() override;
  bool TryFinish() override;
  void Drain() override;
  bool idle() const override { return idle_; }

  bool TryReadBody(BodyPiece& piece) override;
  net::Awaitable<BodyPiece> ReadBody() override;
  bool body_done() const override { return body_.done(); }
  net::Awaitable<http::Failure> WriteInterim(const http::ResponseHead& head) override;
  net::Awaitable<http::Failure> WriteHead(const http::ResponseHead& head, std::string_view body, bool end) override;
  net::Awaitable<http::Failure> WriteBody(std::string_view body, bool end) override;
  bool TryWriteHead(const http::ResponseHead& head, std::string_view body, bool end, http::Failure& failure) override;
  bool TryWriteBody(std::string_view body, bool end, http::Failure& failure) override;
  net::Awaitable<http::Failure> WriteTrailers(const http::HeaderList& trailers) override;
  void Abort() override;
  void CloseAfter() override { close_ = true; }
  void Cancel() override { io_.transport().Cancel(); }
  bool PeerGone() override { return io_.transport().PeerGone(); }
  net::Transport* TakeTransport(std::string_view& early) override;

 private:
  using BodyFraming = ResponseFraming::Body;

  // One exchange's state; reset by BeginExchange.
  struct Exchange {
    bool head_read = false;
    bool failed = false;
    bool head_request = false;
    bool http10 = false;
    bool expects_continue = false;
    bool continue_sent = false;
    bool head_written = false;
    bool answered = false;
    // What was told the client, or will happen anyway.
    bool closing = false;
    bool upgraded = false;
    // The write in progress is the last one of the answer.
    bool ending = false;
    BodyFraming body = BodyFraming::kNone;
    std::uint64_t body_left = 0;
  };

  void BeginExchange();
  http::Failure RefuseHead(http::Reason reason, http::RequestHead& head);
  http::Failure HeadWaitFailed(net::IoStatus status);
  std::optional<http::Failure> FillHead();
  net::Clock::time_point HeadDeadline();

  bool MustClose(bool end) const;
  ResponseFraming ChooseFraming(const http::ResponseHead& head, std::string_view body, bool end) const;
  bool SendBodyPart(HeadBuffer& buffer, std::string_view body, bool end, http::Failure& failure);
  bool Settle(net::IoStatus status, http::Failure& failure);
  http::Failure BreakAnswer();
  net::Awaitable<http::Failure> FlushPending();

  net::Awaitable<void> DrainBody();
  net::Awaitable<void> Linger();

  Http1Connection io_;
  const http::Limits& limits_;
  const std::string_view scheme_;
  std::string_view early_;
  Http1HeadParser parser_;
  Http1Body body_;
  BodyPace pace_;
  Exchange now_;
  std::uint64_t requests_ = 0;
  net::Clock::time_point end_of_age_;
  // Of the request that is being read, when its first byte has come.
  net::Clock::time_point head_deadline_ = net::Clock::time_point::max();
  net::Clock::time_point idle_since_;
  bool idle_ = false;
  bool draining_ = false;
  bool close_ = false;
};

// What is still read of a request body after its answer, to keep the connection.
inline constexpr std::uint64_t kMaxDrainBytes = 64 * 1024;

}  // namespace portreeve::codec
