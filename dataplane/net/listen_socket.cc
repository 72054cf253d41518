#include "dataplane/net/listen_socket.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace portreeve::net {
namespace {

constexpr int kBacklog = 4096;
// Per wake-up, so that one port can't starve the connections that are open.
constexpr int kAcceptsPerEvent = 64;

int OpenReserve() {
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

// A bound descriptor, or -1 with errno.
int Bind(std::uint16_t port, bool reuse_port) {
  const int on = 1;
  const int off = 0;
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const bool v6 = fd >= 0;
  if (!v6) fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  int bound = -1;
  if (v6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  if (bound == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

absl::StatusOr<int> OpenListenSocket(std::uint16_t port) {
  const int fd = Bind(port, true);
  if (fd < 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    if (error == EADDRINUSE) {
      return absl::UnavailableError(
          absl::StrCat("port ", port, " is in use by another process; stop it or choose another port"));
    }
    if (error == EACCES) {
      return absl::PermissionDeniedError(
          absl::StrCat("port ", port,
                       " may not be bound by this user; choose a port above 1023, or allow it with the sysctl "
                       "net.ipv4.ip_unprivileged_port_start"));
    }
    return absl::UnavailableError(absl::StrCat("port ", port, " can't be opened: ", std::strerror(error)));
  }
  return fd;
}

absl::Status ProbePort(std::uint16_t port) {
  const int fd = Bind(port, false);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  if (errno == EADDRINUSE) {
    return absl::UnavailableError(
        absl::StrCat("port ", port, " is in use by another process; stop it or choose another port"));
  }
  return absl::OkStatus();
}

ListenSocket::ListenSocket(Poller& poller, DeadlineWheel& wheel, int fd, OnAccept on_accept)
    : Deadline(wheel),
      poller_(poller),
      wheel_(wheel),
      fd_(fd),
      reserve_fd_(OpenReserve()),
      on_accept_(std::move(on_accept)) {
  poller_.Add(fd_, *this, EPOLLIN);
}

ListenSocket::~ListenSocket() {
  Close();
  if (reserve_fd_ >= 0) close(reserve_fd_);
}

void ListenSocket::Close() {
  if (fd_ < 0) return;
  for (;;) {
    const int client = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) break;
    on_accept_(client);
  }
  Disarm();
  poller_.Remove(fd_, *this);
  close(fd_);
  fd_ = -1;
}

void ListenSocket::OnEvents(std::uint32_t) {
  AcceptAll();
}

void ListenSocket::OnDeadline() {
  AcceptAll();
}

void ListenSocket::AcceptAll() {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    const int client = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) Shed();
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return;
    }
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    on_accept_(client);
    if (fd_ < 0) return;
  }
  // More may wait, and the edge was this one: go on after the others had their turn.
  poller_.Post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.lock()) AcceptAll();
  });
}

void ListenSocket::Shed() {
  if (reserve_fd_ >= 0) {
    close(reserve_fd_);
    const int client = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) close(client);
    reserve_fd_ = OpenReserve();
  }
  errno = EMFILE;
  wheel_.Refresh();
  Arm(wheel_.now() + DeadlineWheel::kTick);
}

}  // namespace portreeve::net
