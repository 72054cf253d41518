#include "dataplane/net/connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace portreeve::net {

Awaitable<ConnectResult> Connect(Poller& poller, DeadlineWheel& wheel, Tcp::endpoint address,
                                 Clock::time_point deadline) {
  ConnectResult result;
  const int fd = socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return result;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const int started = connect(fd, address.data(), static_cast<socklen_t>(address.size()));
  if (started != 0 && errno != EINPROGRESS) {
    close(fd);
    co_return result;
  }
  auto connection = std::make_unique<PolledSocket>(poller, wheel, fd);
  if (started != 0) {
    connection->NotWritable();
    connection->SetDeadline(deadline);
    const IoStatus status = co_await connection->WaitWritable();
    int error = 0;
    socklen_t size = sizeof(error);
    if (status == IoStatus::kOk && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
      connection->SetDeadline(Clock::time_point::max());
    } else {
      result.status = status == IoStatus::kOk ? IoStatus::kError : status;
      co_return result;
    }
  }
  result.socket = std::move(connection);
  result.status = IoStatus::kOk;
  co_return result;
}

}  // namespace portreeve::net
