#include "dataplane/net/polled_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace portreeve::net {
namespace {

std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof(text));
  } else if (address.ss_family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
      inet_ntop(AF_INET, &ip.s6_addr[12], text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &ip, text, sizeof(text));
    }
  }
  return text;
}

}  // namespace

SocketNames NamesOf(int fd) {
  SocketNames names;
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    names.local_port = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                                           : reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  size = sizeof(address);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) names.peer_address = AddressText(address);
  return names;
}

PolledSocket::PolledSocket(Poller& poller, DeadlineWheel& wheel, int fd)
    : Deadline(wheel), poller_(poller), fd_(fd), names_(NamesOf(fd)) {
  if (!poller_.Add(fd_, *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP)) Close(true);
}

PolledSocket::~PolledSocket() {
  Close(false);
}

IoResult PolledSocket::TryRead(char* data, std::size_t size) {
  if (fd_ < 0) return {IoStatus::kError, 0};
  const ssize_t count = recv(fd_, data, size, 0);
  if (count > 0) {
    // Less than asked for: the socket is drained, and the next bytes are a new edge.
    if (static_cast<std::size_t>(count) < size) readable_ = false;
    return {IoStatus::kOk, static_cast<std::size_t>(count)};
  }
  if (count == 0) return {IoStatus::kClosed, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    readable_ = errno == EINTR;
    return {IoStatus::kWouldBlock, 0};
  }
  return {IoStatus::kError, 0};
}

IoResult PolledSocket::TryWrite(std::span<const iovec> parts) {
  if (fd_ < 0) return {IoStatus::kError, 0};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  const ssize_t count = parts.size() == 1 ? send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                                          : sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (count >= 0) {
    std::size_t asked = 0;
    for (const iovec& part : parts) asked += part.iov_len;
    if (static_cast<std::size_t>(count) < asked) writable_ = false;
    return {IoStatus::kOk, static_cast<std::size_t>(count)};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    writable_ = errno == EINTR;
    return {IoStatus::kWouldBlock, 0};
  }
  return {IoStatus::kError, 0};
}

Awaitable<IoStatus> PolledSocket::WaitReadable() {
  if (fd_ < 0) co_return IoStatus::kError;
  if (cancelled_) co_return IoStatus::kCancelled;
  if (readable_ || hung_up_) co_return IoStatus::kOk;
  if (timed_out_) co_return IoStatus::kTimeout;
  co_return co_await read_wait_.Wait();
}

Awaitable<IoStatus> PolledSocket::WaitWritable() {
  if (fd_ < 0) co_return IoStatus::kError;
  if (cancelled_) co_return IoStatus::kCancelled;
  if (writable_ || broken_) co_return IoStatus::kOk;
  if (timed_out_) co_return IoStatus::kTimeout;
  co_return co_await write_wait_.Wait();
}

void PolledSocket::SetDeadline(Clock::time_point when) {
  timed_out_ = false;
  Arm(when);
}

void PolledSocket::Cancel() {
  cancelled_ = true;
  ResumeBoth(IoStatus::kCancelled);
}

bool PolledSocket::PeerGone() {
  if (fd_ < 0) return true;
  char byte = 0;
  const ssize_t count = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void PolledSocket::ShutdownSend() {
  if (fd_ >= 0) shutdown(fd_, SHUT_WR);
}

void PolledSocket::Close(bool reset) {
  if (fd_ < 0) return;
  Disarm();
  poller_.Remove(fd_, *this);
  if (reset) {
    const linger option{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof(option));
  }
  close(fd_);
  fd_ = -1;
  ResumeBoth(IoStatus::kError);
}

void PolledSocket::OnEvents(std::uint32_t events) {
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if (broken) broken_ = true;
  if (broken || (events & EPOLLRDHUP) != 0) hung_up_ = true;
  const bool read = broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  const bool write = broken || (events & EPOLLOUT) != 0;
  if (read) readable_ = true;
  if (write) writable_ = true;
  // A resumed coroutine may destroy this object: take both handlers out first.
  if (read && write && read_wait_.waiting() && write_wait_.waiting()) {
    WaitSlot writer = std::move(write_wait_);
    read_wait_.Resume(IoStatus::kOk);
    writer.Resume(IoStatus::kOk);
    return;
  }
  if (read && read_wait_.waiting()) {
    read_wait_.Resume(IoStatus::kOk);
  } else if (read && idle_watcher_ != nullptr) {
    idle_watcher_->OnIdleReadable();
  } else if (write && write_wait_.waiting()) {
    write_wait_.Resume(IoStatus::kOk);
  }
}

void PolledSocket::OnDeadline() {
  timed_out_ = true;
  ResumeBoth(IoStatus::kTimeout);
}

void PolledSocket::ResumeBoth(IoStatus status) {
  WaitSlot reader = std::move(read_wait_);
  WaitSlot writer = std::move(write_wait_);
  reader.Resume(status);
  writer.Resume(status);
}

}  // namespace portreeve::net
