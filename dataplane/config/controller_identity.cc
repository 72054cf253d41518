#include "dataplane/config/controller_identity.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/tls/peer_check.h"

namespace portreeve::config {
namespace {

// A projected token has 1 to 2 KiB, a bundle of two CAs as much.
constexpr std::size_t kMaxTokenBytes = 16 << 10;
constexpr std::size_t kMaxBundleBytes = 1 << 20;

absl::StatusOr<std::string> ReadFile(const char* option, const std::string& path, std::size_t most) {
  const auto failed = [&](const char* why) {
    return absl::UnavailableError(absl::StrCat(option, ": ", path, ": ", why, "; check the volume that it comes from"));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(std::strerror(errno));
  std::string text(most + 1, '\0');
  std::size_t size = 0;
  ssize_t done = 0;
  do {
    done = read(fd, text.data() + size, text.size() - size);
    if (done > 0) size += static_cast<std::size_t>(done);
  } while (done > 0 || (done < 0 && errno == EINTR));
  const int error = errno;
  close(fd);
  if (done < 0) return failed(std::strerror(error));
  if (size > most) return failed("it is too long");
  text.resize(size);
  return text;
}

std::string RemedyFor(tls::PeerProblem problem, const StreamIdentity& identity) {
  switch (problem) {
    case tls::PeerProblem::kUnknownAuthority:
      return "; check that --controller-ca has the controller's CA by now (ca.crt of ConfigMap portreeve-ca)";
    case tls::PeerProblem::kWrongName:
      return absl::StrCat(", and '", identity.server_name, "' is expected; check --controller and --controller-name");
    case tls::PeerProblem::kExpired:
      return "; check this machine's clock, and in the controller's log why it can't renew it";
    case tls::PeerProblem::kNotYetValid:
      return "; check this machine's clock and the controller's";
    default:
      return "; check that it is the controller that --controller leads to";
  }
}

}  // namespace

absl::StatusOr<SecretBytes> ReadToken(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile("--controller-token", path, kMaxTokenBytes);
  if (!text.ok()) return text.status();
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  // As it goes into a header.
  const bool good = !text->empty() && std::ranges::all_of(*text, [](char c) { return c > ' ' && c < 0x7F; });
  if (!good) return absl::UnavailableError(absl::StrCat("--controller-token: ", path, " holds no token"));
  return SecretBytes(*std::move(text));
}

absl::StatusOr<StreamIdentity> ReadIdentity(const IdentityFiles& files) {
  StreamIdentity identity;
  absl::StatusOr<std::string> bundle = ReadFile("--controller-ca", files.ca_file, kMaxBundleBytes);
  if (!bundle.ok()) return bundle.status();
  if (!tls::HasCertificates(*bundle)) {
    return absl::UnavailableError(absl::StrCat("--controller-ca: ", files.ca_file,
                                               " holds no certificate of a CA in PEM; it must be the controller's "
                                               "(ca.crt of ConfigMap portreeve-ca)"));
  }
  identity.ca_bundle = *std::move(bundle);
  identity.server_name = files.server_name;
  if (files.token_file.empty()) return identity;
  absl::StatusOr<SecretBytes> token = ReadToken(files.token_file);
  if (!token.ok()) return token.status();
  identity.token = *std::move(token);
  return identity;
}

std::string HostOf(std::string_view address) {
  // "dns:///host:port"
  const std::size_t slash = address.rfind('/');
  if (slash != std::string_view::npos) address.remove_prefix(slash + 1);
  if (address.starts_with('[')) return std::string(address.substr(1, address.find(']') - 1));
  return std::string(address.substr(0, address.rfind(':')));
}

std::string CheckController(std::string_view chain, const StreamIdentity& identity, absl::Time now) {
  const tls::PeerVerdict verdict = tls::CheckServer(chain, identity.ca_bundle, identity.server_name, now);
  if (verdict.problem == tls::PeerProblem::kNone) return "";
  return absl::StrCat("it can't be believed: ", verdict.detail, RemedyFor(verdict.problem, identity));
}

}  // namespace portreeve::config
