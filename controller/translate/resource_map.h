// ResourceMap: the resources of one Gateway by key. Resources are immutable and shared: the same content is the same
// pointer from one translation to the next.
#pragma once

#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "controller/store/chunked_set.h"

namespace portreeve::config::v1 {
class Resource;
}

namespace portreeve::translate {

struct KeyOfResource {
  std::string_view operator()(const std::pair<std::string, std::shared_ptr<const config::v1::Resource>>& entry) const {
    return entry.first;
  }
};

class ResourceMap
    : public store::ChunkedSet<std::pair<std::string, std::shared_ptr<const config::v1::Resource>>, KeyOfResource> {
 public:
  ResourceMap() = default;
  template <std::input_iterator It>
  ResourceMap(It first, It last) {
    insert(first, last);
  }
  ResourceMap(std::initializer_list<value_type> entries) { insert(entries.begin(), entries.end()); }

  // Sets the resource under its key, whatever was there.
  void Put(std::string key, std::shared_ptr<const config::v1::Resource> resource) {
    ChunkedSet::Put({std::move(key), std::move(resource)});
  }
  // Adds those whose keys aren't there yet.
  template <std::input_iterator It>
  void insert(It first, It last) {
    for (; first != last; ++first) {
      if (!contains(first->first)) Put(first->first, first->second);
    }
  }
};

}  // namespace portreeve::translate
