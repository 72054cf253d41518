// How the two ends of a stream over TLS know each other: read from files that others renew.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <string>
#include <string_view>

#include "common/secret_bytes.h"

namespace portreeve::config {

// Where it is.
struct IdentityFiles {
  // PEM bundle: whoever holds a certificate of one of these CAs, for `server_name`, is the controller.
  std::string ca_file;
  // The token of this data plane's ServiceAccount; empty: none is shown.
  std::string token_file;
  std::string server_name;
};

// What it is now. A copy; later changes of the files show in the next one.
struct StreamIdentity {
  std::string ca_bundle;
  std::string server_name;
  SecretBytes token;
};

// Errors name the file and the remedy, never what is in it.
absl::StatusOr<StreamIdentity> ReadIdentity(const IdentityFiles& files);
absl::StatusOr<SecretBytes> ReadToken(const std::string& path);

// The host of "host:port", "[::1]:port": the name to expect if none is given.
std::string HostOf(std::string_view address);

// Empty: the one with this chain (PEM) is the controller. Else what is wrong, and the remedy.
std::string CheckController(std::string_view chain, const StreamIdentity& identity, absl::Time now);

}  // namespace portreeve::config
