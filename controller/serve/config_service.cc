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

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "controller/serve/stream.h"
#include "portreeve/config/v1/service.grpc.pb.h"

namespace portreeve::serve {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
// A Hello names every resource that is held: 100,000 of them are about 10 MiB.
constexpr int kMaxMessageBytes = 64 << 20;
constexpr std::chrono::milliseconds kStopDeadline(1000);

class Service final : public config::v1::ConfigService::CallbackService {
 public:
  explicit Service(StreamRegistry& registry) : registry_(registry) {}

  grpc::ServerBidiReactor<config::v1::DataPlaneMessage, config::v1::Delta>* Stream(
      grpc::CallbackServerContext* /*context*/) override {
    const auto stream = std::make_shared<serve::Stream>(registry_);
    stream->Start();
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

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(-1);
  // Two controllers on one port would each get some of the data planes.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

struct ConfigService::Server {
  Server(SnapshotCache& cache, std::uint64_t epoch, VerdictListener listener)
      : registry(cache, epoch, std::move(listener)), service(registry) {}

  StreamRegistry registry;
  Service service;
  std::vector<int> ports;
  std::unique_ptr<grpc::Server> grpc;
};

ConfigService::ConfigService(std::unique_ptr<Server> server) : server_(std::move(server)) {
  server_->registry.cache().SetWatcher([registry = &server_->registry] { registry->WakeAll(); });
}

absl::StatusOr<std::unique_ptr<ConfigService>> ConfigService::Start(Options options, SnapshotCache& cache) {
  gpr_set_log_function(LogOfGrpc);
  auto server = std::make_unique<Server>(cache, options.epoch, std::move(options.listener));
  grpc::ServerBuilder builder;
  Configure(builder);
  std::vector<std::string> sockets;
  server->ports.resize(options.addresses.size());
  for (std::size_t i = 0; i < options.addresses.size(); ++i) {
    const std::string& address = options.addresses[i];
    if (address.starts_with(kUnixPrefix)) {
      sockets.push_back(address.substr(kUnixPrefix.size()));
      if (absl::Status status = CheckSocketPath(sockets.back()); !status.ok()) return status;
    }
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &server->ports[i]);
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
  if (!server_->registry.WaitEmpty(kStopDeadline)) log::Error("a stream of a data plane doesn't end");
}

std::vector<DataPlaneReport> ConfigService::DataPlanes(std::string_view gateway) const {
  return server_->registry.Reports(gateway);
}

const std::vector<int>& ConfigService::ports() const {
  return server_->ports;
}

}  // namespace portreeve::serve
