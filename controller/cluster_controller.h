// The controller in a Kubernetes cluster: everything that `portreeve-controller --kubernetes` consists of.
#pragma once

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <vector>

namespace portreeve {

struct ClusterOptions {
  // A kubeconfig; empty: the pod's own account, or what kubectl would use.
  std::string kubeconfig;
  // Of this controller: where its Lease and its authority are.
  std::string ns;
  // Of this process, for the Lease and for events.
  std::string pod;
  // By which other replicas reach it; empty: they can't, and it must be the only one.
  std::string pod_ip;
  // That all replicas run as, in `ns`, and a token of it for data planes' audience, by which this one proves to the
  // leader who it is. Empty: none.
  std::string service_account;
  std::string token_file;
  // "0.0.0.0:18000"
  std::vector<std::string> listen;
  // By which data planes reach it: "portreeve-controller.portreeve-system.svc".
  std::string service_name;
  // Of the admin port; empty: none.
  std::string admin;
  std::string data_plane_image;
  std::string data_plane_pull_policy = "IfNotPresent";
  // Empty: all.
  std::vector<std::string> watch_namespaces;
};

class ClusterController {
 public:
  explicit ClusterController(const ClusterOptions& options);
  // Gives the lease back. Data planes go on with what they have.
  ~ClusterController();
  ClusterController(const ClusterController&) = delete;
  ClusterController& operator=(const ClusterController&) = delete;

  // Once. Returns when all of it runs; until then it waits for the API server, for as long as it takes. Errors are
  // those that time doesn't heal, and CANCELLED.
  absl::Status Start();
  // Ends a Start under way. Any thread.
  void Cancel();

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace portreeve
