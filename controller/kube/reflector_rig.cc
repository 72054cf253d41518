#include "controller/kube/reflector_rig.h"

#include <nlohmann/json.hpp>

namespace portreeve::kube::reflector_test {

using nlohmann::json;

json Route(const std::string& name, const std::string& path, const std::string& space) {
  return {{"apiVersion", "gateway.networking.k8s.io/v1"},
          {"kind", "HTTPRoute"},
          {"metadata", {{"name", name}, {"namespace", space}, {"managedFields", {{{"manager", "kubectl"}}}}}},
          {"spec", {{"rules", {{{"matches", {{{"path", {{"value", path}}}}}}}}}}}};
}

json Crd(const std::string& name, const std::vector<std::string>& versions) {
  json crd = {{"metadata", {{"name", name}}}, {"spec", {{"versions", json::array()}}}};
  for (const std::string& version : versions) {
    crd["spec"]["versions"].push_back({{"name", version}, {"served", true}, {"schema", {{"much", {1, 2, 3}}}}});
  }
  return crd;
}

ReflectorOptions Quick() {
  ReflectorOptions options;
  options.first_wait = milliseconds(5);
  options.longest_wait = milliseconds(80);
  options.list_deadline = milliseconds(5'000);
  options.shortest_watch = milliseconds(20);
  options.missing_wait = milliseconds(20);
  options.grace = milliseconds(200);
  return options;
}

}  // namespace portreeve::kube::reflector_test
