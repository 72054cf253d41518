// Whether a server is who it is expected to be, by the certificates that it shows.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace portreeve::tls {

enum class PeerProblem : std::uint8_t {
  kNone,
  // The expected authorities can't be read, or there are none.
  kNoAuthorities,
  // What the server shows can't be read.
  kUnreadable,
  kUnknownAuthority,
  kWrongName,
  kExpired,
  kNotYetValid,
  // Not made for servers, a broken signature, and what else there may be.
  kOther,
};

struct PeerVerdict {
  PeerProblem problem = PeerProblem::kNone;
  // What is wrong, with the names or the time in question: "its certificate is for a, b". Empty if nothing is.
  std::string detail;
};

// `chain`: PEM, the server's own certificate first. `authorities`: PEM, one or more, no others are believed. `name`: a
// DNS name or an IP address, which must be among the certificate's alternative names. Any thread.
PeerVerdict CheckServer(std::string_view chain, std::string_view authorities, const std::string& name, absl::Time now);

// Whether `pem` can be `authorities` above.
bool HasCertificates(std::string_view pem);

}  // namespace portreeve::tls
