#include "dataplane/upstream/balancer.h"

#include <random>

namespace portreeve::upstream {

Random::Random() {
  std::random_device device;
  state_ = (static_cast<std::uint64_t>(device()) << 32) | device() | 1;
}

const Endpoint* Balancer::Pick(const Backend& backend, std::uint32_t backend_index, const Endpoint* avoid) {
  if (backend.endpoints.empty()) return nullptr;
  if (backend.endpoints.size() == 1) return &backend.endpoints.front();
  if (backend.balancing == Balancing::kLeastRequest) return LeastRequest(backend, avoid);
  return NextInTurn(backend, backend_index, avoid);
}

const Endpoint* Balancer::NextInTurn(const Backend& backend, std::uint32_t backend_index, const Endpoint* avoid) {
  // Workers begin at different places, so that few requests don't all go to the first endpoint.
  while (turns_.size() <= backend_index) turns_.push_back(static_cast<std::uint32_t>(random_.Next()));
  const std::size_t count = backend.endpoints.size();
  const Endpoint* endpoint = &backend.endpoints[turns_[backend_index]++ % count];
  if (avoid != nullptr && endpoint->text == avoid->text) endpoint = &backend.endpoints[turns_[backend_index]++ % count];
  return endpoint;
}

// The better one of two taken at random: as good as a scan of all, at the price of two look-ups.
const Endpoint* Balancer::LeastRequest(const Backend& backend, const Endpoint* avoid) {
  const std::size_t count = backend.endpoints.size();
  const std::size_t first = random_.Below(count);
  const std::size_t second = (first + 1 + random_.Below(count - 1)) % count;
  const Endpoint* a = &backend.endpoints[first];
  const Endpoint* b = &backend.endpoints[second];
  if (avoid != nullptr && a->text == avoid->text) return b;
  if (avoid != nullptr && b->text == avoid->text) return a;
  return pool_.InFlight(*b) < pool_.InFlight(*a) ? b : a;
}

}  // namespace portreeve::upstream
