#include "dataplane/config/compile_certificate.h"

#include "common/secret_bytes.h"
#include "dataplane/tls/certificate.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::config {

absl::StatusOr<std::shared_ptr<const tls::Certificate>> CompileCertificate(const v1::Certificate& certificate) {
  return tls::Certificate::Parse(certificate.chain(), SecretBytes(certificate.private_key()));
}

}  // namespace portreeve::config
