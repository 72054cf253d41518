#include "dataplane/upstream/connection_pool.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/http/arena.h"
#include "dataplane/net/yield.h"

namespace portreeve::upstream {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

// An endpoint whose side of each connection the test holds itself.
class Server {
 public:
  Server() {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd_, 16) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    endpoint_.address = {boost::asio::ip::address_v4::loopback(), ntohs(address.sin_port)};
    endpoint_.text = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~Server() {
    for (const int fd : accepted_) close(fd);
    Refuse();
  }
  // No connection is taken from now on.
  void Refuse() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  const Endpoint& endpoint() const { return endpoint_; }
  // The oldest connection that nobody has accepted.
  int Accept() {
    accepted_.push_back(accept(fd_, nullptr, nullptr));
    return accepted_.back();
  }
  void Send(int fd, std::string_view text) {
    REQUIRE(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void Hangup(int fd) { shutdown(fd, SHUT_RDWR); }

 private:
  int fd_ = -1;
  Endpoint endpoint_;
  std::vector<int> accepted_;
};

// A pool with a loop that the test runs by itself.
struct Rig {
  Rig() { poller.Start(); }
  void Run(net::Awaitable<void> work) {
    boost::asio::co_spawn(context.get_executor(), std::move(work), [this](std::exception_ptr error) {
      poller.Stop();
      context.stop();
      if (error) std::rethrow_exception(error);
    });
    context.run();
  }
  // Lets the loop go on until so many connections are idle, ten seconds at most.
  net::Awaitable<bool> UntilIdle(std::size_t wanted) {
    const auto deadline = net::Clock::now() + std::chrono::seconds(10);
    while (pool.idle_connections() != wanted && net::Clock::now() < deadline) {
      co_await net::Yield(context.get_executor());
    }
    co_return pool.idle_connections() == wanted;
  }

  boost::asio::io_context context;
  net::DeadlineWheel wheel{context};
  net::Poller poller{context};
  http::Limits limits;
  observe::WorkerCells cells;
  Server server;
  ConnectionPool pool{poller, wheel, limits, cells};
};

net::Awaitable<Lease> Connected(Rig& rig) {
  AcquireResult result = co_await rig.pool.Connect(rig.server.endpoint(), net::Clock::now() + std::chrono::seconds(5));
  REQUIRE(result.reason == http::Reason::kNone);
  co_return std::move(result.lease);
}

// One whole exchange, so that the connection may be kept.
net::Awaitable<void> Use(Rig& rig, Lease& lease, int server_side) {
  http::Arena arena;
  http::RequestHead request;
  request.method = "GET";
  request.path = "/";
  request.authority = "a";
  const http::Failure sent = co_await lease.client().SendHead(request, "", true);
  REQUIRE_FALSE(sent);
  rig.server.Send(server_side, kAnswer);
  http::ResponseHead response;
  const http::Failure read = co_await lease.client().ReadHead(response, arena, false, false);
  REQUIRE_FALSE(read);
  const codec::BodyPiece piece = co_await lease.client().ReadBody();
  REQUIRE(piece.end);
}

net::Awaitable<void> LastReturnedFirstTaken(Rig& rig) {
  Lease first = co_await Connected(rig);
  const int first_side = rig.server.Accept();
  Lease second = co_await Connected(rig);
  const int second_side = rig.server.Accept();
  CHECK(rig.pool.InFlight(rig.server.endpoint()) == 2);
  CHECK_FALSE(first.reused());
  co_await Use(rig, first, first_side);
  co_await Use(rig, second, second_side);
  const codec::Http1Client* last = &second.client();
  first.Return();
  second.Return();
  CHECK(rig.pool.InFlight(rig.server.endpoint()) == 0);
  CHECK(rig.pool.idle_connections() == 2);
  Lease again = rig.pool.TakeIdle(rig.server.endpoint(), true);
  REQUIRE(again);
  CHECK(&again.client() == last);
  CHECK(again.reused());
  CHECK(rig.cells.upstream_reused.value() == 1);
  again.Return(true);
  CHECK(rig.pool.idle_connections() == 1);
  CHECK(rig.cells.upstream_connections_open.value() == 1);
}

net::Awaitable<void> HalfUsedIsClosed(Rig& rig) {
  Lease lease = co_await Connected(rig);
  http::RequestHead request;
  request.method = "GET";
  request.path = "/";
  request.authority = "a";
  const http::Failure sent = co_await lease.client().SendHead(request, "", true);
  REQUIRE_FALSE(sent);
  lease.Return();
  CHECK(rig.pool.idle_connections() == 0);
  CHECK(rig.cells.upstream_connections_open.value() == 0);
}

net::Awaitable<void> OneIdle(Rig& rig, int& side) {
  Lease lease = co_await Connected(rig);
  side = rig.server.Accept();
  co_await Use(rig, lease, side);
  lease.Return();
  REQUIRE(rig.pool.idle_connections() == 1);
}

net::Awaitable<void> ClosedByTheEndpoint(Rig& rig) {
  int side = -1;
  co_await OneIdle(rig, side);
  rig.server.Hangup(side);
  // Before the loop has heard of it, the kernel says so to whoever asks.
  const Lease none = rig.pool.TakeIdle(rig.server.endpoint(), true);
  CHECK_FALSE(none);
  CHECK(rig.pool.idle_connections() == 0);
  co_await OneIdle(rig, side);
  rig.server.Hangup(side);
  const bool gone = co_await rig.UntilIdle(0);
  CHECK(gone);
}

net::Awaitable<void> SpeaksUnasked(Rig& rig) {
  int side = -1;
  co_await OneIdle(rig, side);
  rig.server.Send(side, kAnswer);
  const bool gone = co_await rig.UntilIdle(0);
  CHECK(gone);
  CHECK_FALSE(rig.pool.TakeIdle(rig.server.endpoint(), false));
}

net::Awaitable<void> AgesOut(Rig& rig) {
  rig.limits.upstream_idle_timeout_ms = 1;
  int side = -1;
  co_await OneIdle(rig, side);
  const bool gone = co_await rig.UntilIdle(0);
  CHECK(gone);
}

net::Awaitable<void> KeepsSoMany(Rig& rig) {
  rig.limits.upstream_idle_connections = 1;
  int side = -1;
  Lease surplus = co_await Connected(rig);
  const int surplus_side = rig.server.Accept();
  co_await OneIdle(rig, side);
  co_await Use(rig, surplus, surplus_side);
  surplus.Return();
  CHECK(rig.pool.idle_connections() == 1);
}

net::Awaitable<void> Refused(Rig& rig) {
  rig.server.Refuse();
  const AcquireResult result =
      co_await rig.pool.Connect(rig.server.endpoint(), net::Clock::now() + std::chrono::seconds(5));
  CHECK(result.reason == http::Reason::kConnectFailed);
  CHECK_FALSE(result.lease);
  CHECK(rig.pool.InFlight(rig.server.endpoint()) == 0);
}

}  // namespace

TEST_CASE("the connection returned last is taken first, and whoever holds one is counted") {
  Rig rig;
  rig.Run(LastReturnedFirstTaken(rig));
}

TEST_CASE("a connection that still owes an answer isn't kept") {
  Rig rig;
  rig.Run(HalfUsedIsClosed(rig));
}

TEST_CASE("an idle connection that its endpoint closes is never lent") {
  Rig rig;
  rig.Run(ClosedByTheEndpoint(rig));
}

TEST_CASE("an idle connection on which something is said is closed") {
  Rig rig;
  rig.Run(SpeaksUnasked(rig));
}

TEST_CASE("an idle connection is closed after upstream_idle_timeout_ms") {
  Rig rig;
  rig.Run(AgesOut(rig));
}

TEST_CASE("upstream_idle_connections are kept, and no more") {
  Rig rig;
  rig.Run(KeepsSoMany(rig));
}

TEST_CASE("a refused connection is no lease and leaves no count") {
  Rig rig;
  rig.Run(Refused(rig));
}

}  // namespace portreeve::upstream
