// Watches what the provisioner makes, so that it knows what is there, and who changed it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controller/kube/api_client.h"
#include "controller/kube/server_probe.h"
#include "controller/provision/provisioner.h"

namespace portreeve {

class ManagedWatch {
 public:
  // Begins at once. In all namespaces if none is named. The client is the watch's own; probe and provisioner outlive
  // it.
  ManagedWatch(kube::ServerProbe& probe, std::unique_ptr<kube::ApiClient> client,
               const std::vector<std::string>& namespaces, provision::Provisioner& provisioner);
  ~ManagedWatch();
  ManagedWatch(const ManagedWatch&) = delete;
  ManagedWatch& operator=(const ManagedWatch&) = delete;

 private:
  struct Watch;

  std::unique_ptr<kube::ApiClient> client_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace portreeve
