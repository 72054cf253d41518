#include "controller/serve/config_service.h"

#include <absl/strings/str_cat.h>
#include <grpc/support/log.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include "common/log.h"
#include "controller/serve/relay_stream.h"
#include "controller/serve/stream.h"
#include "controller/serve/tls_credentials.h"
#include "portreeve/config/v1/service.grpc.pb.h"

namespace portreeve::serve {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
// A Hello names every resource that is held: 100,000 of them are about 10 MiB.
constexpr int kMaxMessageBytes = 64 << 20;
constexpr std::chrono::milliseconds kStopDeadline(1000);
// Whoever can connect can do that much before a token is looked at.
constexpr int kHandshakeDeadlineMs = 10'000;
constexpr int kMaxStreamsOfConnection = 4;

// Empty if there is none, or more than one.
SecretBytes BearerToken(const grpc::CallbackServerContext& context) {
  constexpr std::string_view kScheme = "Bearer ";
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first == last || std::next(first) != last) return SecretBytes();
  const std::string_view value(first->second.data(), first->second.size());
  if (!value.starts_with(kScheme)) return SecretBytes();
  return SecretBytes(std::string(value.substr(kScheme.size())));
}

class Service final : public config::v1::ConfigService::CallbackService {
 public:
  explicit Service(StreamRegistry& registry) : registry_(registry) {}

  grpc::ServerBidiReactor<config::v1::DataPlaneMessage, config::v1::Delta>* Stream(
      grpc::CallbackServerContext* context) override {
    const auto stream = std::make_shared<serve::Stream>(registry_);
    // The mode of the socket is its proof. The name of a peer is the kernel's, not the peer's.
    if (registry_.gate() == nullptr || context->peer().starts_with(kUnixPrefix)) {
      stream->Start();
    } else {
      stream->StartWith(BearerToken(*context), context->peer());
    }
    return stream.get();
  }

  grpc::ServerBidiReactor<config::v1::RelayMessage, config::v1::RelayAnswer>* Relay(
      grpc::CallbackServerContext* context) override {
    // Who opens a socket, or speaks plain text, proves nothing. gRPC answers UNIMPLEMENTED.
    if (registry_.gate() == nullptr || context->peer().starts_with(kUnixPrefix)) return nullptr;
    const auto stream = std::make_shared<RelayStream>(registry_);
    stream->StartWith(BearerToken(*context), context->peer());
    return stream.get();
  }

 private:
  StreamRegistry& registry_;
};

// gRPC would delete whatever socket it finds: one that somebody listens on must stay.
absl::Status CheckSocketPath(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a socket has 1 to ", sizeof(address.sun_path) - 1, " bytes: '", path, "'"));
  }
  path.copy(address.sun_path, path.size());
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) return absl::AlreadyExistsError(absl::StrCat("'", path, "' is no socket; remove it"));
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return absl::UnavailableError(absl::StrCat("socket: ", std::strerror(errno)));
  const bool in_use = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  if (in_use) return absl::AlreadyExistsError(absl::StrCat("'", path, "' is in use by another controller"));
  return absl::OkStatus();
}

void LogOfGrpc(gpr_log_func_args* args) {
  log::Debug(args->message, {{"source", "grpc"}, {"file", args->file}, {"line", args->line}});
}

void Configure(grpc::ServerBuilder& builder, bool tls) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(-1);
  // Two controllers on one port would each get some of the data planes.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  if (!tls) return;
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeDeadlineMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
}

}  // namespace

struct ConfigService::Server {
  Server(SnapshotCache& cache, Options& options)
      : registry(cache, options.epoch, std::move(options.listener), std::move(options.local_listener)),
        service(registry) {
    if (options.tls) registry.Require(options.tls->authenticator, options.tls->proof_deadline);
  }

  StreamRegistry registry;
  Service service;
  std::vector<int> ports;
  // gRPC asks them for certificates until it has gone.
  std::vector<std::shared_ptr<grpc::ServerCredentials>> credentials;
  std::unique_ptr<grpc::Server> grpc;
};

ConfigService::ConfigService(std::unique_ptr<Server> server) : server_(std::move(server)) {
  server_->registry.cache().SetWatcher([registry = &server_->registry] { registry->WakeAll(); });
}

absl::StatusOr<std::unique_ptr<ConfigService>> ConfigService::Start(Options options, SnapshotCache& cache) {
  gpr_set_log_function(LogOfGrpc);
  if (options.tls && options.tls->certificate() == nullptr) {
    return absl::FailedPreconditionError("there is no certificate to serve data planes with yet");
  }
  auto server = std::make_unique<Server>(cache, options);
  grpc::ServerBuilder builder;
  Configure(builder, options.tls.has_value());
  std::vector<std::string> sockets;
  server->ports.resize(options.addresses.size());
  for (std::size_t i = 0; i < options.addresses.size(); ++i) {
    const std::string& address = options.addresses[i];
    const bool socket = address.starts_with(kUnixPrefix);
    if (socket) {
      sockets.push_back(address.substr(kUnixPrefix.size()));
      if (absl::Status status = CheckSocketPath(sockets.back()); !status.ok()) return status;
    }
    server->credentials.push_back(options.tls && !socket ? TlsServerCredentials(options.tls->certificate)
                                                         : grpc::InsecureServerCredentials());
    builder.AddListeningPort(address, server->credentials.back(), &server->ports[i]);
  }
  builder.RegisterService(&server->service);
  // The socket is never open to others, not even before chmod.
  const mode_t mask = umask(0177);
  server->grpc = builder.BuildAndStart();
  umask(mask);
  for (std::size_t i = 0; i < options.addresses.size(); ++i) {
    if (server->grpc == nullptr || server->ports[i] == 0) {
      return absl::UnavailableError(absl::StrCat("'", options.addresses[i], "' can't be listened on; is it in use?"));
    }
  }
  for (const std::string& path : sockets) {
    if (chmod(path.c_str(), 0600) != 0) {
      return absl::PermissionDeniedError(absl::StrCat("chmod ", path, ": ", std::strerror(errno)));
    }
  }
  for (const std::string& address : options.addresses) log::Info("serving data planes", {{"address", address}});
  return std::unique_ptr<ConfigService>(new ConfigService(std::move(server)));
}

ConfigService::~ConfigService() {
  server_->registry.cache().SetWatcher(nullptr);
  server_->registry.CloseAll();
  server_->grpc->Shutdown(std::chrono::system_clock::now() + kStopDeadline);
  server_->grpc->Wait();
  // gRPC has ended all calls; this is for whoever is still in one's last words.
  if (!server_->registry.WaitEmpty(kStopDeadline)) log::Error("a stream doesn't end");
}

void ConfigService::SetEpoch(std::uint64_t epoch) {
  if (server_->registry.RaiseEpoch(epoch)) server_->registry.WakeAll();
}

std::uint64_t ConfigService::epoch() const {
  return server_->registry.epoch();
}

std::vector<DataPlaneReport> ConfigService::DataPlanes(std::string_view gateway) const {
  return server_->registry.Reports(gateway);
}

std::vector<DataPlaneReport> ConfigService::AllDataPlanes() const {
  return server_->registry.AllReports();
}

const std::vector<int>& ConfigService::ports() const {
  return server_->ports;
}

}  // namespace portreeve::serve
