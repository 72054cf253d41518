#include "controller/translate/resource_map.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "controller/translate/text.h"
#include "portreeve/config/v1/resources.pb.h"

namespace portreeve::translate {
namespace {

using Model = std::map<std::string, std::shared_ptr<const config::v1::Resource>>;

std::shared_ptr<const config::v1::Resource> New() {
  return std::make_shared<const config::v1::Resource>();
}

bool Same(const ResourceMap& map, const Model& model) {
  if (map.size() != model.size() || map.empty() != model.empty()) return false;
  auto it = map.begin();
  for (const auto& [key, resource] : model) {
    if (it == map.end() || it->first != key || it->second != resource) return false;
    ++it;
  }
  return it == map.end();
}

TEST_CASE("a resource map is a sorted map") {
  std::mt19937 random(1);
  ResourceMap map;
  Model model;
  for (int step = 0; step < 20000; ++step) {
    const std::string key = Concat("k", random() % 700);
    if (random() % 3 == 0) {
      REQUIRE(map.erase(key) == model.erase(key));
    } else {
      const auto resource = New();
      map.Put(key, resource);
      model[key] = resource;
    }
    REQUIRE(map.contains(key) == model.contains(key));
    if (step % 500 == 0) REQUIRE(Same(map, model));
  }
  REQUIRE(Same(map, model));
  while (!model.empty()) {
    const std::string key = model.begin()->first;
    model.erase(key);
    REQUIRE(map.erase(key) == 1);
  }
  REQUIRE(Same(map, model));
}

TEST_CASE("a copy doesn't change with its original, nor the other way") {
  std::mt19937 random(2);
  ResourceMap map;
  Model model;
  std::vector<std::pair<ResourceMap, Model>> copies;
  for (int step = 0; step < 3000; ++step) {
    const std::string key = Concat("k", random() % 500);
    if (random() % 3 == 0) {
      map.erase(key);
      model.erase(key);
    } else {
      model[key] = New();
      map.Put(key, model[key]);
    }
    if (step % 100 == 0) copies.emplace_back(map, model);
    if (!copies.empty() && random() % 10 == 0) {
      auto& [copy, copy_model] = copies[random() % copies.size()];
      copy_model[key] = New();
      copy.Put(key, copy_model[key]);
    }
  }
  for (const auto& [copy, copy_model] : copies) REQUIRE(Same(copy, copy_model));
  REQUIRE(Same(map, model));
}

TEST_CASE("inserting keeps what is there") {
  const auto first = New();
  const auto second = New();
  ResourceMap map = {{"b", first}};
  const Model more = {{"a", second}, {"b", second}};
  map.insert(more.begin(), more.end());
  CHECK(Same(map, {{"a", second}, {"b", first}}));
  CHECK(Same(ResourceMap(more.begin(), more.end()), more));
  CHECK(map.find("c") == map.end());
  CHECK(ResourceMap().find("a") == ResourceMap().end());
  CHECK(map.erase("c") == 0);
}

}  // namespace
}  // namespace portreeve::translate
