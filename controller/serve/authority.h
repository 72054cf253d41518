// The certificate authority by which data planes know their controller. Pure: bytes and times in, bytes out.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/secret_bytes.h"

namespace portreeve::serve {

struct ServerCertificate {
  // PEM: the server's own certificate, then what leads from it to the CA before this one.
  std::string chain;
  SecretBytes key;
  // Half of its life is over.
  absl::Time renew_at;
  absl::Time not_after;
};

// A CA with an ECDSA P-256 key, and the one before it as long as that is valid.
//
// Rotation needs no step that all must take at once, since both directions of being late are covered: who has the new
// bundle still believes certificates of the CA before, and who has the old one believes certificates of the new CA,
// whose certificate the CA before has signed, too (RFC 4210 section 4.4); servers send that along.
//
// Everything is valid from an hour before it was made, so that clocks may differ by that. A value; copies are cheap.
class Authority {
 public:
  static constexpr absl::Duration kLife = absl::Hours(365 * 24);
  static constexpr absl::Duration kServerLife = absl::Hours(24);
  static constexpr absl::Duration kClockSkew = absl::Hours(1);

  // What is kept of it, as the entries of a Secret:
  //   ca.crt     the bundle that data planes believe: this CA, then the one before it, if any
  //   ca.key     the key of this CA
  //   cross.crt  this CA's certificate as the one before has signed it; missing without one
  using Entries = std::map<std::string, SecretBytes, std::less<>>;

  static absl::StatusOr<Authority> New(absl::Time now);
  // Errors name the entry, never what is in it.
  static absl::StatusOr<Authority> ParseFrom(const Entries& entries);
  Entries Serialize() const;

  // 2/3 of its life are over.
  bool RotationDue(absl::Time now) const;
  // A new CA, with this one before it if it is still valid.
  absl::StatusOr<Authority> Rotated(absl::Time now) const;

  // For servers of these names, of which there is one at least. FAILED_PRECONDITION when the CA isn't valid now.
  absl::StatusOr<ServerCertificate> IssueServerCertificate(const std::vector<std::string>& dns_names,
                                                           absl::Time now) const;

  // PEM, this CA first.
  std::string bundle() const { return certificate_ + previous_; }
  absl::Time not_before() const { return not_before_; }
  absl::Time not_after() const { return not_after_; }

  bool operator==(const Authority&) const = default;

 private:
  Authority() = default;

  // PEM, all four; the last two may be empty.
  std::string certificate_;
  SecretBytes key_;
  std::string previous_;
  std::string cross_;
  absl::Time not_before_;
  absl::Time not_after_;
};

}  // namespace portreeve::serve
