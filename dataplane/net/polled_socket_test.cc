#include "dataplane/net/polled_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>

#include "dataplane/net/connect.h"
#include "dataplane/net/listen_socket.h"
#include "dataplane/net/tcp_transport.h"
#include "dataplane/net/worker.h"

namespace portreeve::net {
namespace {

// A loop that a test runs by itself, and two connected sockets in it.
struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    left = std::make_unique<PolledSocket>(poller, wheel, fds[0]);
    right = std::make_unique<PolledSocket>(poller, wheel, fds[1]);
    poller.Start();
  }
  // Runs the coroutine to its end.
  void Run(Awaitable<void> work) {
    boost::asio::co_spawn(context.get_executor(), std::move(work), [this](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      poller.Stop();
      context.stop();
    });
    context.run();
  }

  boost::asio::io_context context;
  DeadlineWheel wheel{context};
  Poller poller{context};
  std::unique_ptr<PolledSocket> left;
  std::unique_ptr<PolledSocket> right;
};

iovec Part(std::string& text) {
  return {text.data(), text.size()};
}

Awaitable<void> Sender(PolledSocket& socket, std::string text) {
  const iovec part = Part(text);
  socket.TryWrite({&part, 1});
  co_return;
}

Awaitable<void> ReadsWhatComes(Pair& pair, std::string& got) {
  char bytes[64];
  REQUIRE(pair.left->TryRead(bytes, sizeof(bytes)).status == IoStatus::kWouldBlock);
  boost::asio::co_spawn(pair.context.get_executor(), Sender(*pair.right, "hello"), boost::asio::detached);
  const IoStatus status = co_await pair.left->WaitReadable();
  REQUIRE(status == IoStatus::kOk);
  const IoResult read = pair.left->TryRead(bytes, sizeof(bytes));
  REQUIRE(read.status == IoStatus::kOk);
  got.assign(bytes, read.bytes);
}

Awaitable<void> SeesTheEndAfterTheData(Pair& pair) {
  char bytes[64];
  REQUIRE(pair.left->TryRead(bytes, sizeof(bytes)).status == IoStatus::kWouldBlock);
  std::string text = "bye";
  const iovec part = Part(text);
  pair.right->TryWrite({&part, 1});
  pair.right->Close(false);
  const IoStatus first = co_await pair.left->WaitReadable();
  REQUIRE(first == IoStatus::kOk);
  REQUIRE(pair.left->TryRead(bytes, sizeof(bytes)).bytes == 3);
  // Data and end came as one event: the end must not be waited for in vain.
  const IoStatus second = co_await pair.left->WaitReadable();
  REQUIRE(second == IoStatus::kOk);
  REQUIRE(pair.left->TryRead(bytes, sizeof(bytes)).status == IoStatus::kClosed);
}

// A client that half-closes and doesn't read: the writer must wait, not spin.
Awaitable<void> WaitsForARoomThatDoesntCome(Pair& pair, IoStatus& status) {
  pair.right->ShutdownSend();
  std::string text(1 << 20, 'x');
  const iovec part = Part(text);
  while (pair.left->TryWrite({&part, 1}).status == IoStatus::kOk) {
  }
  pair.left->SetDeadline(Clock::now() + std::chrono::milliseconds(30));
  char byte;
  // Lets the poller see the end of the other side.
  co_await pair.left->WaitReadable();
  pair.left->TryRead(&byte, 1);
  status = co_await pair.left->WaitWritable();
}

Awaitable<void> TimesOut(Pair& pair, IoStatus& status) {
  char byte;
  pair.left->TryRead(&byte, 1);
  pair.left->SetDeadline(Clock::now() + std::chrono::milliseconds(30));
  status = co_await pair.left->WaitReadable();
}

Awaitable<void> Canceller(PolledSocket& socket) {
  socket.Cancel();
  co_return;
}

Awaitable<void> IsCancelled(Pair& pair, IoStatus& status) {
  char byte;
  pair.left->TryRead(&byte, 1);
  boost::asio::co_spawn(pair.context.get_executor(), Canceller(*pair.left), boost::asio::detached);
  status = co_await pair.left->WaitReadable();
}

}  // namespace

TEST_CASE("a wait ends when bytes come") {
  Pair pair;
  std::string got;
  pair.Run(ReadsWhatComes(pair, got));
  CHECK(got == "hello");
}

TEST_CASE("the peer's end isn't lost when it comes with the last bytes") {
  Pair pair;
  pair.Run(SeesTheEndAfterTheData(pair));
}

TEST_CASE("a wait ends at the deadline") {
  Pair pair;
  IoStatus status = IoStatus::kOk;
  pair.Run(TimesOut(pair, status));
  CHECK(status == IoStatus::kTimeout);
}

TEST_CASE("a peer that has only half-closed is waited for when it doesn't read") {
  Pair pair;
  IoStatus status = IoStatus::kOk;
  pair.Run(WaitsForARoomThatDoesntCome(pair, status));
  CHECK(status == IoStatus::kTimeout);
}

TEST_CASE("a wait ends when it is cancelled") {
  Pair pair;
  IoStatus status = IoStatus::kOk;
  pair.Run(IsCancelled(pair, status));
  CHECK(status == IoStatus::kCancelled);
}

TEST_CASE("PeerGone takes no byte") {
  Pair pair;
  CHECK_FALSE(pair.left->PeerGone());
  std::string text = "x";
  const iovec part = Part(text);
  pair.right->TryWrite({&part, 1});
  CHECK_FALSE(pair.left->PeerGone());
  char byte = 0;
  CHECK(pair.left->TryRead(&byte, 1).bytes == 1);
  pair.right->Close(false);
  CHECK(pair.left->PeerGone());
}

TEST_CASE("a port that another process holds is named, and one with a listener takes connections on a worker") {
  // A socket without SO_REUSEPORT, as other programs have.
  const int other = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  REQUIRE(bind(other, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(other, 1) == 0);
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(other, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::uint16_t port = ntohs(address.sin6_port);
  const absl::Status busy = ProbePort(port);
  REQUIRE_FALSE(busy.ok());
  CHECK(std::string(busy.message()).find(std::to_string(port)) != std::string::npos);
  close(other);

  REQUIRE(ProbePort(port).ok());
  const auto listening = OpenListenSocket(port);
  REQUIRE(listening.ok());
  Worker worker(0);
  worker.Start();
  std::promise<void> accepted;
  std::unique_ptr<ListenSocket> socket_on_worker;
  worker.Call([&] {
    socket_on_worker = std::make_unique<ListenSocket>(worker.poller(), worker.wheel(), *listening, [&](int fd) {
      close(fd);
      accepted.set_value();
    });
  });
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_port = htons(port);
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(client, reinterpret_cast<const sockaddr*>(&loopback), sizeof(loopback)) == 0);
  CHECK(accepted.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  close(client);
  worker.Call([&] { socket_on_worker.reset(); });
}

}  // namespace portreeve::net
