#include "controller/provision/placement.h"

#include <algorithm>
#include <utility>

#include "controller/translate/text.h"

namespace portreeve::provision {
namespace {

using gatewayapi::GatewayAddress;
using translate::Concat;
using translate::Objection;

constexpr std::string_view kNotAssigned = "AddressNotAssigned";
constexpr std::string_view kNotUsable = "AddressNotUsable";

// Those at which a Service can be reached.
std::vector<GatewayAddress> AddressesOf(const ObservedObject& service) {
  if (service.service_type == "LoadBalancer") return service.ingress;
  if (service.cluster_ip.empty() || service.cluster_ip == "None") return {};
  return {{.type = "IPAddress", .value = service.cluster_ip, .routability = {}}};
}

// "spec.addresses[1]: ", or nothing for a Gateway that asks for none.
std::string FieldOf(const PlannedObject& planned) {
  return planned.address_index.has_value() ? Concat("spec.addresses[", *planned.address_index, "]: ") : std::string();
}

Objection NotThere(const std::string& ns, const PlannedObject& planned) {
  return {std::string(kNotAssigned), Concat(FieldOf(planned), "Service ", ns, "/", planned.name, " isn't there yet")};
}

Objection NoAddress(const std::string& ns, const PlannedObject& planned) {
  return {std::string(kNotAssigned),
          Concat(FieldOf(planned), "no load balancer has given Service ", ns, "/", planned.name,
                 " an address yet; in a cluster without one, set service.type of a DataPlaneConfig to ClusterIP or "
                 "NodePort")};
}

Objection NotGiven(const std::string& ns, const PlannedObject& planned, bool patient) {
  if (patient) {
    return {std::string(kNotAssigned), Concat(FieldOf(planned), "no load balancer has given Service ", ns, "/",
                                              planned.name, " the address ", planned.address, " yet")};
  }
  return {std::string(kNotUsable),
          Concat(FieldOf(planned), "no load balancer gives Service ", ns, "/", planned.name, " the address ",
                 planned.address, "; ask for a free one of its pool, or for none")};
}

class Placer {
 public:
  Placer(const std::string& ns, std::int64_t now) : ns_(ns), now_(now) {}

  void Add(const PlannedObject& planned, const ObservedObject* service);
  Placement placement() && { return std::move(placement_); }

 private:
  // The first counts, but what can't be helped by waiting comes before what can.
  void Complain(Objection objection) {
    const bool worse =
        placement_.problem.has_value() && placement_.problem->reason == kNotAssigned && objection.reason == kNotUsable;
    if (!placement_.problem.has_value() || worse) placement_.problem = std::move(objection);
  }

  const std::string& ns_;
  const std::int64_t now_;
  Placement placement_;
};

void Placer::Add(const PlannedObject& planned, const ObservedObject* service) {
  if (service == nullptr) return Complain(NotThere(ns_, planned));
  std::vector<GatewayAddress> addresses = AddressesOf(*service);
  if (planned.address.empty()) {
    if (addresses.empty()) Complain(NoAddress(ns_, planned));
  } else {
    // Exactly what was asked for.
    std::erase_if(addresses, [&](const GatewayAddress& one) { return one.value != planned.address; });
    if (addresses.empty()) {
      const std::int64_t patience = service->created + kAddressPatience;
      if (now_ < patience) placement_.look_again = std::min(placement_.look_again.value_or(patience), patience);
      Complain(NotGiven(ns_, planned, now_ < patience));
    }
  }
  std::ranges::move(addresses, std::back_inserter(placement_.addresses));
}

}  // namespace

Placement Place(const std::string& ns, const std::vector<PlannedObject>& plan,
                const std::function<const ObservedObject*(const std::string& name)>& service, std::int64_t now) {
  Placer placer(ns, now);
  for (const PlannedObject& planned : plan) {
    if (planned.kind == ObjectKind::kService) placer.Add(planned, service(planned.name));
  }
  return std::move(placer).placement();
}

}  // namespace portreeve::provision
