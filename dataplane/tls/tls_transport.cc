#include "dataplane/tls/tls_transport.h"

#include <absl/strings/str_cat.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/tls/socket_bio.h"

namespace portreeve::tls {
namespace {

using net::IoResult;
using net::IoStatus;

constexpr std::size_t kRecordBytes = 16384;

// "unknown CA (the client's alert)", "no shared cipher". Nothing in it comes from the peer or from keys.
std::string DescribeError() {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
      return absl::StrCat(SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET), " (the client's alert)");
    }
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return "the client closed the connection";
    if (reason == SSL_R_HTTP_REQUEST) return "plain HTTP on a TLS port";
  }
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace

TlsTransport::TlsTransport(std::unique_ptr<net::PolledSocket> socket, std::shared_ptr<TlsServerContext> context)
    : socket_(std::move(socket)), context_(std::move(context)), ssl_(NewServerSsl(*context_, state_)) {
  BIO* bio = ssl_ ? NewSocketBio(*socket_) : nullptr;
  if (bio == nullptr) {
    broken_ = true;
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsTransport::~TlsTransport() {
  Close(false);
}

void TlsTransport::Fail(http::Reason reason, std::string detail) {
  broken_ = true;
  // Afterwards the log wants to know what was agreed on.
  if (established_ || failure_reason_ != http::Reason::kNone) return;
  failure_reason_ = reason;
  failure_detail_ = std::move(detail);
}

IoStatus TlsTransport::Interpret(int result, bool writing) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      if (writing)
        write_wants_read_ = true;
      else
        read_starved_ = true;
      return IoStatus::kWouldBlock;
    case SSL_ERROR_WANT_WRITE:
      if (!writing) read_wants_write_ = true;
      return IoStatus::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return writing ? IoStatus::kError : IoStatus::kClosed;
    case SSL_ERROR_SSL:
      Fail(state_.unknown_name ? http::Reason::kTlsUnknownName : http::Reason::kTlsFailed, DescribeError());
      break;
    default:
      Fail(http::Reason::kTlsFailed, "the connection was reset");
      break;
  }
  ERR_clear_error();
  return IoStatus::kError;
}

IoResult TlsTransport::TryRead(char* data, std::size_t size) {
  if (broken_ || !socket_->is_open()) return {IoStatus::kError, 0};
  read_starved_ = false;
  read_wants_write_ = false;
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), data, size, &count);
  if (result == 1) return {IoStatus::kOk, count};
  return {Interpret(result, false), 0};
}

IoResult TlsTransport::TryWrite(std::span<const iovec> parts) {
  if (broken_ || close_notify_sent_ || !socket_->is_open()) return {IoStatus::kError, 0};
  write_wants_read_ = false;
  char record[kRecordBytes];
  std::size_t written = 0;
  std::size_t part = 0;
  std::size_t offset = 0;
  while (part < parts.size()) {
    // A part that fills a record goes as it is; smaller ones are joined.
    const char* data = static_cast<const char*>(parts[part].iov_base) + offset;
    std::size_t size = parts[part].iov_len - offset;
    if (size < kRecordBytes && part + 1 < parts.size()) {
      size = 0;
      std::size_t from = offset;
      for (std::size_t i = part; i < parts.size() && size < kRecordBytes; ++i, from = 0) {
        const std::size_t piece = std::min(parts[i].iov_len - from, kRecordBytes - size);
        if (piece > 0) std::memcpy(record + size, static_cast<const char*>(parts[i].iov_base) + from, piece);
        size += piece;
      }
      data = record;
    }
    size = std::min(size, kRecordBytes);
    if (size > 0) {
      ERR_clear_error();
      std::size_t count = 0;
      const int result = SSL_write_ex(ssl_.get(), data, size, &count);
      if (result != 1) {
        const IoStatus status = Interpret(result, true);
        if (written > 0 && status == IoStatus::kWouldBlock) break;
        return {status, 0};
      }
      written += count;
      offset += count;
    }
    while (part < parts.size() && offset >= parts[part].iov_len) offset -= parts[part++].iov_len;
  }
  return {IoStatus::kOk, written};
}

net::Awaitable<IoStatus> TlsTransport::WaitReadable() {
  if (broken_) co_return IoStatus::kError;
  // Bytes that OpenSSL has taken from the socket already bring no event.
  if (!read_starved_ && !read_wants_write_ && SSL_has_pending(ssl_.get()) == 1) co_return IoStatus::kOk;
  if (read_wants_write_) co_return co_await socket_->WaitWritable();
  co_return co_await socket_->WaitReadable();
}

net::Awaitable<IoStatus> TlsTransport::WaitWritable() {
  if (broken_) co_return IoStatus::kError;
  if (write_wants_read_) co_return co_await socket_->WaitReadable();
  co_return co_await socket_->WaitWritable();
}

net::Awaitable<IoStatus> TlsTransport::Handshake() {
  while (!broken_) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      established_ = true;
      const unsigned char* protocol = nullptr;
      unsigned size = 0;
      SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
      alpn_ = {reinterpret_cast<const char*>(protocol), size};
      read_starved_ = false;
      co_return IoStatus::kOk;
    }
    IoStatus status = Interpret(result, false);
    if (status == IoStatus::kWouldBlock) {
      const bool write = std::exchange(read_wants_write_, false);
      status = write ? co_await socket_->WaitWritable() : co_await socket_->WaitReadable();
    }
    if (status == IoStatus::kOk) continue;
    if (status == IoStatus::kTimeout) Fail(http::Reason::kTlsTimeout, "the handshake took too long");
    if (status == IoStatus::kCancelled) Fail(http::Reason::kTlsFailed, "cancelled");
    co_return status == IoStatus::kClosed ? IoStatus::kError : status;
  }
  co_return IoStatus::kError;
}

bool TlsTransport::PeerGone() {
  if (broken_ || !socket_->is_open()) return true;
  // A peek would find the client's close_notify and take it for data.
  pollfd probe{socket_->fd(), POLLRDHUP, 0};
  if (poll(&probe, 1, 0) <= 0) return false;
  return (probe.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void TlsTransport::SendCloseNotify() {
  if (!established_ || broken_ || close_notify_sent_ || !socket_->is_open()) return;
  close_notify_sent_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void TlsTransport::CloseSend() {
  SendCloseNotify();
  socket_->ShutdownSend();
}

void TlsTransport::Close(bool reset) {
  if (!socket_->is_open()) return;
  if (!reset) SendCloseNotify();
  broken_ = true;
  socket_->Close(reset);
}

bool TlsTransport::resumed() const {
  return established_ && SSL_session_reused(ssl_.get()) == 1;
}

std::string TlsTransport::tls_summary() const {
  if (failure_reason_ != http::Reason::kNone) {
    if (state_.unknown_name) return "no listener for the server name";
    return failure_detail_;
  }
  if (!established_) return {};
  return absl::StrCat(SSL_get_version(ssl_.get()), " ", SSL_get_cipher_name(ssl_.get()));
}

}  // namespace portreeve::tls
