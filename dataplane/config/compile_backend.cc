#include "dataplane/config/compile_backend.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "dataplane/filter/field_checks.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::config {
namespace {

constexpr std::uint32_t kMaxTimeoutMs = 3'600'000;

std::string TextOf(const net::Tcp::endpoint& address) {
  const std::string ip = address.address().to_string();
  return address.address().is_v6() ? absl::StrCat("[", ip, "]:", address.port())
                                   : absl::StrCat(ip, ":", address.port());
}

}  // namespace

absl::StatusOr<CompiledBackend> CompileBackend(const v1::Backend& backend) {
  if (backend.name().empty()) return filter::FieldError("name", "empty");
  if (backend.endpoints().empty()) return filter::FieldError("endpoints", "empty; name the key of the endpoints");
  if (backend.connect_timeout_ms() > kMaxTimeoutMs) {
    return filter::FieldError("connect_timeout_ms", "must be an hour at most");
  }
  CompiledBackend compiled;
  compiled.name = backend.name();
  compiled.endpoints = backend.endpoints();
  switch (backend.balancing()) {
    case v1::Backend::ROUND_ROBIN:
      compiled.balancing = upstream::Balancing::kRoundRobin;
      break;
    case v1::Backend::LEAST_REQUEST:
      compiled.balancing = upstream::Balancing::kLeastRequest;
      break;
    default:
      return filter::FieldError("balancing", "unknown to this data plane; upgrade it");
  }
  compiled.connect_timeout = std::chrono::milliseconds(backend.connect_timeout_ms());
  return compiled;
}

absl::StatusOr<CompiledEndpoints> CompileEndpoints(const v1::Endpoints& endpoints) {
  CompiledEndpoints ready;
  CompiledEndpoints draining;
  for (int i = 0; i < endpoints.endpoints_size(); ++i) {
    const v1::Endpoint& endpoint = endpoints.endpoints(i);
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(endpoint.address(), error);
    if (error || ip.is_unspecified() || ip.is_multicast()) {
      return filter::FieldError(absl::StrCat("endpoints[", i, "].address"), "not the IP address of a host");
    }
    if (endpoint.port() < 1 || endpoint.port() > 65535) {
      return filter::FieldError(absl::StrCat("endpoints[", i, "].port"), "must be 1 to 65535");
    }
    const net::Tcp::endpoint address(ip, static_cast<std::uint16_t>(endpoint.port()));
    (endpoint.draining() ? draining : ready).push_back({address, TextOf(address)});
  }
  CompiledEndpoints& used = ready.empty() ? draining : ready;
  const auto by_address = [](const upstream::Endpoint& a, const upstream::Endpoint& b) {
    return a.address < b.address;
  };
  std::ranges::sort(used, by_address);
  const auto doubles = std::ranges::unique(used, {}, &upstream::Endpoint::address);
  used.erase(doubles.begin(), doubles.end());
  return std::move(used);
}

std::shared_ptr<const upstream::Backend> MakeBackend(const CompiledBackend& backend,
                                                     const CompiledEndpoints* endpoints) {
  auto made = std::make_shared<upstream::Backend>();
  made->name = backend.name;
  made->balancing = backend.balancing;
  made->connect_timeout = backend.connect_timeout;
  if (endpoints != nullptr) made->endpoints = *endpoints;
  return made;
}

std::shared_ptr<const upstream::Backend> WithEndpoints(const upstream::Backend& backend,
                                                       const CompiledEndpoints* endpoints) {
  auto made = std::make_shared<upstream::Backend>();
  made->name = backend.name;
  made->balancing = backend.balancing;
  made->connect_timeout = backend.connect_timeout;
  if (endpoints != nullptr) made->endpoints = *endpoints;
  return made;
}

}  // namespace portreeve::config
