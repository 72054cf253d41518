// Owning pointers to OpenSSL's objects. Declares no OpenSSL header, so that others may include ours cheaply.
#pragma once

#include <memory>

struct ssl_st;
struct ssl_ctx_st;
struct x509_st;
struct evp_pkey_st;
struct stack_st_X509;

namespace portreeve::tls {

struct OpenSslFree {
  void operator()(ssl_st* object) const;
  void operator()(ssl_ctx_st* object) const;
  void operator()(x509_st* object) const;
  void operator()(evp_pkey_st* object) const;
  // The certificates in it too.
  void operator()(stack_st_X509* object) const;
};

using SslPtr = std::unique_ptr<ssl_st, OpenSslFree>;
using SslCtxPtr = std::unique_ptr<ssl_ctx_st, OpenSslFree>;
using X509Ptr = std::unique_ptr<x509_st, OpenSslFree>;
using KeyPtr = std::unique_ptr<evp_pkey_st, OpenSslFree>;
using X509StackPtr = std::unique_ptr<stack_st_X509, OpenSslFree>;

}  // namespace portreeve::tls
