#include "dataplane/config/compile_listener.h"

#include "dataplane/config/hostname_check.h"
#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::config {

absl::StatusOr<CompiledListener> CompileListener(const v1::Listener& listener) {
  if (listener.name().empty()) return filter::FieldError("name", "empty");
  if (listener.port() < 1 || listener.port() > 65535) return filter::FieldError("port", "must be 1 to 65535");
  if (listener.protocol() != v1::Listener::HTTP && listener.protocol() != v1::Listener::HTTPS) {
    return filter::FieldError("protocol", "this data plane speaks HTTP and HTTPS only; upgrade it for others");
  }
  if (absl::Status status = CheckHostname("hostname", listener.hostname(), true); !status.ok()) return status;
  const bool tls = listener.protocol() == v1::Listener::HTTPS;
  if (!tls && listener.certificates_size() > 0) {
    return filter::FieldError("certificates", "only a listener of protocol HTTPS may have them");
  }
  CompiledListener compiled;
  compiled.name = listener.name();
  compiled.port = static_cast<std::uint16_t>(listener.port());
  compiled.tls = tls;
  compiled.hostname = listener.hostname();
  compiled.certificates.assign(listener.certificates().begin(), listener.certificates().end());
  return compiled;
}

}  // namespace portreeve::config
