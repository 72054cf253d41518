// Lets OpenSSL read and write a PolledSocket, so that the socket knows when it is drained or full.
#pragma once

struct bio_st;

namespace portreeve::net {
class PolledSocket;
}

namespace portreeve::tls {

// The socket outlives the BIO. No buffer in between.
bio_st* NewSocketBio(net::PolledSocket& socket);

}  // namespace portreeve::tls
