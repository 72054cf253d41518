#include "controller/kube/connection.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace portreeve::kube {
namespace {

constexpr std::size_t kSocketBytes = 16 * 1024;  // a TLS record

std::string ErrnoText(int number) {
  return std::error_code(number, std::generic_category()).message();
}

int NewEventFd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    std::perror("eventfd");
    std::abort();
  }
  return fd;
}

void Raise(int event_fd) {
  const std::uint64_t one = 1;
  if (write(event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) std::perror("eventfd");
}

// What is ready goes before a deadline that has passed meanwhile: a process that was paused finds both.
absl::Status Wait(int fd, short events, const CancelSignal& cancel, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
    pollfd ready[] = {{fd, events, 0}, {cancel.fd(), POLLIN, 0}};
    const int count = poll(ready, 2, timeout);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::UnavailableError(ErrnoText(errno));
    if (ready[1].revents != 0) return absl::CancelledError("cancelled");
    if (ready[0].revents != 0) return absl::OkStatus();
    if (left <= 0) return absl::DeadlineExceededError("no answer in time");
  }
}

// --- names and sockets ----------------------------------------------------------------------------------------------

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// What a thread that looks up a name works on; it may outlive whoever asked.
struct LookUp {
  std::string host;
  std::string port;
  int done_fd = NewEventFd();
  int error = 0;
  std::vector<Address> addresses;
  // What is above may be read by another thread: poll alone orders nothing in C++.
  std::atomic<bool> done = false;

  ~LookUp() { close(done_fd); }

  void Run(int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
    if (error != 0) return;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      Address address;
      address.size = one->ai_addrlen;
      std::copy_n(reinterpret_cast<const char*>(one->ai_addr), one->ai_addrlen,
                  reinterpret_cast<char*>(&address.storage));
      addresses.push_back(address);
    }
    freeaddrinfo(found);
  }
};

// getaddrinfo knows no deadline, so a name is looked up by a thread that nobody waits for longer than allowed.
absl::StatusOr<std::vector<Address>> Resolve(const std::string& host, int port, const CancelSignal& cancel,
                                             Clock::time_point deadline) {
  auto look_up = std::make_shared<LookUp>();
  look_up->host = host;
  look_up->port = std::to_string(port);
  look_up->Run(AI_NUMERICHOST);
  if (look_up->error != 0) {
    std::thread([look_up] {
      look_up->Run(0);
      look_up->done.store(true, std::memory_order_release);
      Raise(look_up->done_fd);
    }).detach();
    if (absl::Status status = Wait(look_up->done_fd, POLLIN, cancel, deadline); !status.ok()) return status;
    if (!look_up->done.load(std::memory_order_acquire)) return absl::InternalError("a look-up ended before its end");
  }
  if (look_up->error != 0) {
    return absl::UnavailableError(
        absl::StrCat("the name ", host, " can't be looked up: ", gai_strerror(look_up->error)));
  }
  return std::move(look_up->addresses);
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// A watch may be silent for minutes, so that a peer which is gone without a word is found by probes: within 30 s.
void SetOptions(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  SetOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

absl::StatusOr<int> ConnectTo(const Address& address, const CancelSignal& cancel, Clock::time_point deadline) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::UnavailableError(ErrnoText(errno));
  SetOptions(fd);
  int error = 0;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) error = errno;
  if (error == EINPROGRESS) {
    absl::Status status = Wait(fd, POLLOUT, cancel, deadline);
    if (!status.ok()) {
      close(fd);
      return status;
    }
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    close(fd);
    return absl::UnavailableError(ErrnoText(error));
  }
  return fd;
}

// The first address that answers; each gets its share of the time.
absl::StatusOr<int> ConnectToAny(const std::vector<Address>& addresses, const CancelSignal& cancel,
                                 Clock::time_point deadline) {
  absl::Status last = absl::UnavailableError("the name has no address");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto left = deadline - Clock::now();
    absl::StatusOr<int> fd =
        ConnectTo(addresses[i], cancel, Clock::now() + left / static_cast<Clock::duration::rep>(addresses.size() - i));
    if (fd.ok() || absl::IsCancelled(fd.status())) return fd;
    last = fd.status();
  }
  return last;
}

bool IsAddress(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, name.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), ignored.data()) == 1;
}

}  // namespace

CancelSignal::CancelSignal() : fd_(NewEventFd()) {}

CancelSignal::~CancelSignal() {
  close(fd_);
}

void CancelSignal::Set() {
  set_.store(true, std::memory_order_release);
  Raise(fd_);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& host, int port,
                                                             std::shared_ptr<const TlsContext> tls,
                                                             const CancelSignal& cancel, Clock::time_point deadline) {
  auto addresses = Resolve(host, port, cancel, deadline);
  if (!addresses.ok()) return addresses.status();
  auto fd = ConnectToAny(*addresses, cancel, deadline);
  if (!fd.ok()) return fd.status();
  std::unique_ptr<Connection> connection(new Connection(*fd, std::move(tls), cancel));
  if (connection->tls_ != nullptr) {
    if (absl::Status status = connection->Handshake(deadline); !status.ok()) return status;
  }
  return connection;
}

Connection::~Connection() {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    // A word of farewell, if the socket takes it without waiting.
    if (SSL_is_init_finished(ssl_) != 0) {
      SSL_shutdown(ssl_);
      Flush(Clock::now()).IgnoreError();
    }
    ERR_clear_error();
    SSL_free(ssl_);
  }
  close(fd_);
}

absl::Status Connection::Handshake(Clock::time_point deadline) {
  ERR_clear_error();
  ssl_ = SSL_new(tls_->get());
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || in == nullptr || out == nullptr)
    return absl::ResourceExhaustedError("OpenSSL gives no memory");
  BIO_set_mem_eof_return(in, -1);  // an empty one isn't at its end
  SSL_set_bio(ssl_, in, out);
  const std::string& name = tls_->server_name();
  if (IsAddress(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl_, name.c_str());
    SSL_set1_host(ssl_, name.c_str());
  }
  SSL_set_connect_state(ssl_);
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    const int error = SSL_get_error(ssl_, result);
    absl::Status failed =
        result != 1 && error != SSL_ERROR_WANT_READ ? TlsError(result, "handshake") : absl::OkStatus();
    // An alert that says why goes out first.
    absl::Status flushed = Flush(deadline);
    if (!failed.ok()) return failed;
    if (!flushed.ok()) return flushed;
    if (result == 1) return absl::OkStatus();
    if (absl::Status filled = Fill(deadline); !filled.ok()) return filled;
  }
}

// Clears the thread's queue of errors.
absl::Status Connection::TlsError(int result, std::string_view what) const {
  const int error = SSL_get_error(ssl_, result);
  const long verified = SSL_get_verify_result(ssl_);
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    return absl::FailedPreconditionError(absl::StrCat("the certificate of the server isn't right for ",
                                                      tls_->server_name(), ": ",
                                                      X509_verify_cert_error_string(verified)));
  }
  return absl::UnavailableError(
      absl::StrCat("TLS ", std::string(what), " failed: ", reason != nullptr ? reason : absl::StrCat("error ", error)));
}

absl::Status Connection::Fill(Clock::time_point deadline) {
  std::array<char, kSocketBytes> bytes;
  auto size = Receive(bytes.data(), bytes.size(), deadline);
  if (!size.ok()) return size.status();
  // An end without TLS's own end: somebody may have cut it.
  if (*size == 0) return absl::UnavailableError("the peer closed the connection");
  if (BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(*size)) != static_cast<int>(*size)) {
    return absl::ResourceExhaustedError("OpenSSL gives no memory");
  }
  return absl::OkStatus();
}

absl::Status Connection::Flush(Clock::time_point deadline) {
  std::array<char, kSocketBytes> bytes;
  while (true) {
    const int size = BIO_read(SSL_get_wbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    if (size <= 0) return absl::OkStatus();
    if (absl::Status status = SendAll(bytes.data(), static_cast<std::size_t>(size), deadline); !status.ok()) {
      return status;
    }
  }
}

absl::StatusOr<std::size_t> Connection::Receive(char* to, std::size_t size, Clock::time_point deadline) {
  while (true) {
    const ssize_t got = recv(fd_, to, size, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return absl::UnavailableError(ErrnoText(errno));
    if (absl::Status status = Wait(fd_, POLLIN, cancel_, deadline); !status.ok()) return status;
  }
}

absl::Status Connection::SendAll(const char* bytes, std::size_t size, Clock::time_point deadline) {
  while (size > 0) {
    const ssize_t sent = send(fd_, bytes, size, MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes += sent;
      size -= static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (absl::Status status = Wait(fd_, POLLOUT, cancel_, deadline); !status.ok()) return status;
    } else if (errno != EINTR) {
      return absl::UnavailableError(ErrnoText(errno));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Connection::Read(char* to, std::size_t size, Clock::time_point deadline) {
  if (cancel_.is_set()) return absl::CancelledError("cancelled");
  if (ssl_ == nullptr) return Receive(to, size, deadline);
  while (true) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
    if (got > 0) return static_cast<std::size_t>(got);
    const int error = SSL_get_error(ssl_, got);
    if (error == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    if (error != SSL_ERROR_WANT_READ) return TlsError(got, "read");
    if (absl::Status status = Flush(deadline); !status.ok()) return status;  // what TLS itself has to say
    if (absl::Status status = Fill(deadline); !status.ok()) return status;
  }
}

absl::Status Connection::Write(std::string_view bytes, Clock::time_point deadline) {
  if (cancel_.is_set()) return absl::CancelledError("cancelled");
  if (ssl_ == nullptr) return SendAll(bytes.data(), bytes.size(), deadline);
  while (!bytes.empty()) {
    const std::size_t part = std::min(bytes.size(), kSocketBytes);
    ERR_clear_error();
    const int written = SSL_write(ssl_, bytes.data(), static_cast<int>(part));
    if (written <= 0) return TlsError(written, "write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    if (absl::Status status = Flush(deadline); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool Connection::idle() const {
  if (ssl_ != nullptr && (SSL_has_pending(ssl_) != 0 || BIO_ctrl_pending(SSL_get_rbio(ssl_)) != 0)) return false;
  pollfd ready{fd_, POLLIN | POLLRDHUP, 0};
  return poll(&ready, 1, 0) == 0;
}

}  // namespace portreeve::kube
