// v1::Certificate, parsed.
#pragma once

#include <absl/status/statusor.h>

#include <memory>

namespace portreeve::tls {
class Certificate;
}
namespace portreeve::config::v1 {
class Certificate;
}

namespace portreeve::config {

absl::StatusOr<std::shared_ptr<const tls::Certificate>> CompileCertificate(const v1::Certificate& certificate);

}  // namespace portreeve::config
