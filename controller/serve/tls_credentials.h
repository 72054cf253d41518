// gRPC's server credentials for TLS. Included by sources of this folder only: it carries gRPC.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <functional>
#include <memory>

#include "controller/serve/authority.h"

namespace portreeve::serve {

using CertificateSource = std::function<std::shared_ptr<const ServerCertificate>()>;

// For one address. Each handshake uses what `source` gives then; connections that stand aren't touched. No certificate
// is asked of the client.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(CertificateSource source);

}  // namespace portreeve::serve
