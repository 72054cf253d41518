// ApiClient over HTTP/1.1. cpp-httplib frames the messages; the connections below it are ours (connection.h), because
// those of the httplib that Debian 12 has can't be told when to stop: they know no deadline for a whole request and
// none for a TLS peer that says nothing, can't be ended while they connect, trust every authority of the system beside
// the given one, and raise SIGPIPE.
#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <memory>
#include <string>

#include "common/secret_bytes.h"
#include "controller/kube/api_client.h"

namespace portreeve::kube {

// Where the API server is, and who we are to it: what a kubeconfig says.
struct ServerOptions {
  std::string url;                     // "https://10.0.0.1:6443", perhaps with a path; http:// is spoken without TLS
  std::string ca_pem;                  // empty: the roots of this system
  std::string client_certificate_pem;  // empty: none
  SecretBytes client_key_pem;
  SecretBytes token;            // sent as a bearer token
  std::string token_file;       // instead of `token`: holds it, and is read again as it rotates
  std::string tls_server_name;  // empty: the host of the URL
  bool insecure = false;        // the server's certificate isn't checked
};

// Idle connections are kept and used again; there are as many at once as there are calls.
class HttpApiClient final : public ApiClient {
 public:
  // Projected tokens live for an hour at most, and are replaced long before they end.
  static constexpr std::chrono::seconds kTokenAge{10};
  // An idle connection is closed before API servers and balancers do it.
  static constexpr std::chrono::seconds kIdleAge{30};
  // A server answers a watch at once, whatever there is to tell: its head has to come by then.
  static constexpr std::chrono::seconds kHeadTime{30};

  // Reads the token, doesn't connect. Errors name the option that is wrong.
  static absl::StatusOr<std::unique_ptr<HttpApiClient>> Create(ServerOptions options);
  ~HttpApiClient() override;

  // Reads are tried again once on a fresh connection if a kept one turns out to be dead, and everything with a fresh
  // token if the server answers 401 to one that has been replaced.
  absl::StatusOr<ApiResponse> Send(const ApiRequest& request) override;
  absl::StatusOr<ApiResponse> Stream(const ApiRequest& request,
                                     const std::function<bool(std::string_view)>& on_bytes) override;
  void Cancel() override;

 private:
  struct State;
  struct Call;

  explicit HttpApiClient(std::unique_ptr<State> state);
  absl::StatusOr<ApiResponse> Run(const ApiRequest& request, const std::function<bool(std::string_view)>* on_bytes);
  absl::StatusOr<ApiResponse> RunWithToken(Call& call);

  std::unique_ptr<State> state_;
};

}  // namespace portreeve::kube
