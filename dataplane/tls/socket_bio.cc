#include "dataplane/tls/socket_bio.h"

#include <openssl/bio.h>

#include <cstdio>
#include <cstdlib>

#include "dataplane/net/polled_socket.h"

namespace portreeve::tls {
namespace {

using net::IoResult;
using net::IoStatus;

net::PolledSocket& SocketOf(BIO* bio) {
  return *static_cast<net::PolledSocket*>(BIO_get_data(bio));
}

int Read(BIO* bio, char* data, std::size_t size, std::size_t* count) {
  BIO_clear_retry_flags(bio);
  const IoResult result = SocketOf(bio).TryRead(data, size);
  *count = result.bytes;
  if (result.status == IoStatus::kOk) return 1;
  if (result.status == IoStatus::kWouldBlock) BIO_set_retry_read(bio);
  if (result.status == IoStatus::kClosed) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return 0;
}

int Write(BIO* bio, const char* data, std::size_t size, std::size_t* count) {
  BIO_clear_retry_flags(bio);
  const iovec part{const_cast<char*>(data), size};
  const IoResult result = SocketOf(bio).TryWrite({&part, 1});
  *count = result.bytes;
  if (result.status == IoStatus::kOk) return 1;
  if (result.status == IoStatus::kWouldBlock) BIO_set_retry_write(bio);
  return 0;
}

long Control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* MakeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "polled socket");
  if (method == nullptr || BIO_meth_set_read_ex(method, Read) != 1 || BIO_meth_set_write_ex(method, Write) != 1 ||
      BIO_meth_set_ctrl(method, Control) != 1) {
    std::fputs("no memory for a BIO method\n", stderr);
    std::abort();
  }
  return method;
}

}  // namespace

bio_st* NewSocketBio(net::PolledSocket& socket) {
  // Kept until the process ends: leaked on purpose, reachable always.
  static const BIO_METHOD* method = MakeMethod();
  BIO* bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &socket);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace portreeve::tls
