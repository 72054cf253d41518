// The way from a listener or backend to its metric cells, without a look-up by name for each request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/observe/metrics.h"

namespace portreeve::proxy {

// One per worker; its thread only. Numbers of the configuration are used again for other names, so the name is
// compared.
class CellCache {
 public:
  CellCache(observe::Metrics& metrics, unsigned worker) : metrics_(metrics), worker_(worker) {}

  observe::ListenerCells& Listener(std::uint32_t number, std::string_view name) {
    return *Find(listeners_, number, name, [&] { return &metrics_.listener(worker_, metrics_.ListenerIndex(name)); });
  }
  observe::BackendCells& Backend(std::uint32_t number, std::string_view name) {
    return *Find(backends_, number, name, [&] { return &metrics_.backend(worker_, metrics_.BackendIndex(name)); });
  }
  // For requests that belong to no listener.
  observe::ListenerCells& NoListener() {
    if (no_listener_ == nullptr) no_listener_ = &metrics_.listener(worker_, metrics_.ListenerIndex("none"));
    return *no_listener_;
  }

 private:
  template <typename Cells>
  struct Slot {
    std::string name;
    Cells* cells = nullptr;
  };

  template <typename Cells, typename LookUp>
  static Cells* Find(std::vector<Slot<Cells>>& slots, std::uint32_t number, std::string_view name, LookUp look_up) {
    if (slots.size() <= number) slots.resize(number + 1);
    Slot<Cells>& slot = slots[number];
    if (slot.cells == nullptr || slot.name != name) slot = {std::string(name), look_up()};
    return slot.cells;
  }

  observe::Metrics& metrics_;
  unsigned worker_;
  std::vector<Slot<observe::ListenerCells>> listeners_;
  std::vector<Slot<observe::BackendCells>> backends_;
  observe::ListenerCells* no_listener_ = nullptr;
};

}  // namespace portreeve::proxy
