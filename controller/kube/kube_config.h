// Where the API server is and who we are to it: from the pod that we run in, or from a kubeconfig.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>

#include "controller/kube/http_api_client.h"

namespace portreeve::kube {

struct KubeConfig {
  ServerOptions server;
  std::string namespace_;  // the pod's own, or the context's; "default" where neither says
  std::string origin;      // for logs: "in-cluster", or the file and context
};

struct KubeConfigSearch {
  std::string file;     // a kubeconfig; empty: look for one
  std::string context;  // of a kubeconfig; empty: its current-context

  std::string service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  // The value of an environment variable; nothing if it isn't set. Empty function: this process's environment.
  std::function<std::optional<std::string>(const char*)> environment;
};

// The first that there is: `file`, $KUBECONFIG (several files, joined by ":", are merged as kubectl does it), the pod,
// ~/.kube/config. With a context named, the pod isn't considered. An error names file, line, field and remedy, and
// never quotes a credential. Plug-ins (exec, auth-provider), passwords, proxies and impersonation are refused.
absl::StatusOr<KubeConfig> FindKubeConfig(const KubeConfigSearch& search);

}  // namespace portreeve::kube
