#include "controller/provision/placement.h"

#include <catch2/catch.hpp>
#include <map>

namespace portreeve::provision {
namespace {

using gatewayapi::GatewayAddress;

PlannedObject Planned(const std::string& name, std::optional<std::size_t> index = std::nullopt,
                      const std::string& address = "") {
  PlannedObject planned;
  planned.kind = ObjectKind::kService;
  planned.name = name;
  planned.address_index = index;
  planned.address = address;
  return planned;
}

ObservedObject Service(const std::string& type, std::vector<std::string> ingress) {
  ObservedObject service;
  service.service_type = type;
  service.cluster_ip = "10.0.0.1";
  service.created = 100;
  for (const std::string& ip : ingress) service.ingress.push_back({"IPAddress", ip, {}});
  return service;
}

struct Rig {
  std::vector<PlannedObject> plan;
  std::map<std::string, ObservedObject> services;
  std::int64_t now = 1000;

  Placement Get() const {
    return Place(
        "ns", plan,
        [&](const std::string& name) {
          const auto found = services.find(name);
          return found == services.end() ? nullptr : &found->second;
        },
        now);
  }
  // "AddressNotAssigned", or the addresses.
  std::string Say() const {
    const Placement placement = Get();
    std::string text;
    for (const GatewayAddress& address : placement.addresses) text += *address.value + " ";
    return text + (placement.problem.has_value() ? placement.problem->reason : "");
  }
};

TEST_CASE("a Service without a request has what it is given") {
  Rig rig;
  rig.plan = {Planned("s")};
  CHECK(rig.Say() == "AddressNotAssigned");
  CHECK(rig.Get().problem->message == "Service ns/s isn't there yet");
  rig.services["s"] = Service("LoadBalancer", {});
  CHECK(rig.Say() == "AddressNotAssigned");
  CHECK_FALSE(rig.Get().look_again.has_value());
  rig.services["s"] = Service("LoadBalancer", {"192.0.2.1", "2001:db8::1"});
  CHECK(rig.Say() == "192.0.2.1 2001:db8::1 ");
  for (const char* type : {"ClusterIP", "NodePort"}) {
    rig.services["s"] = Service(type, {});
    CHECK(rig.Say() == "10.0.0.1 ");
  }
  rig.services["s"].cluster_ip = "";
  CHECK(rig.Say() == "AddressNotAssigned");
}

TEST_CASE("an address that is asked for has to be given, within a while") {
  Rig rig;
  rig.plan = {Planned("s", 0, "192.0.2.7")};
  rig.services["s"] = Service("LoadBalancer", {});
  rig.now = 100 + kAddressPatience - 1;
  CHECK(rig.Say() == "AddressNotAssigned");
  CHECK(rig.Get().look_again == 100 + kAddressPatience);
  rig.now = 100 + kAddressPatience;
  CHECK(rig.Say() == "AddressNotUsable");
  CHECK(rig.Get().problem->message ==
        "spec.addresses[0]: no load balancer gives Service ns/s the address 192.0.2.7; ask for a free one of its pool, "
        "or for none");
  CHECK_FALSE(rig.Get().look_again.has_value());
  rig.services["s"] = Service("LoadBalancer", {"192.0.2.8"});
  CHECK(rig.Say() == "AddressNotUsable");
  rig.services["s"] = Service("LoadBalancer", {"192.0.2.7"});
  CHECK(rig.Say() == "192.0.2.7 ");
}

TEST_CASE("of several, what waiting doesn't help comes first") {
  Rig rig;
  rig.plan = {Planned("dynamic", 0), Planned("bad", 1, "203.0.113.1"), Planned("good", 2, "192.0.2.7")};
  rig.services["bad"] = Service("LoadBalancer", {});
  rig.services["good"] = Service("LoadBalancer", {"192.0.2.7"});
  CHECK(rig.Say() == "192.0.2.7 AddressNotUsable");
  rig.plan.erase(rig.plan.begin() + 1);
  CHECK(rig.Say() == "192.0.2.7 AddressNotAssigned");
  rig.services["dynamic"] = Service("LoadBalancer", {"192.0.2.1"});
  CHECK(rig.Say() == "192.0.2.1 192.0.2.7 ");
}

}  // namespace
}  // namespace portreeve::provision
