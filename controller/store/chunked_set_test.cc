#include "controller/store/chunked_set.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portreeve::store {
namespace {

struct FirstOf {
  std::string_view operator()(const std::pair<std::string, int>& entry) const { return entry.first; }
};

using Set = ChunkedSet<std::pair<std::string, int>, FirstOf>;
using Model = std::map<std::string, int>;

// Puts and erases at random, in both.
void Change(std::mt19937& random, int number, Set* set, Model* model) {
  for (int i = 0; i < number; ++i) {
    const std::string key = "k" + std::to_string(random() % 1500);
    if (random() % 3 == 0) {
      REQUIRE(set->erase(key) == model->erase(key));
    } else {
      const int value = static_cast<int>(random());
      set->Put({key, value});
      (*model)[key] = value;
    }
  }
}

TEST_CASE("A bound is the first entry that isn't before it") {
  std::mt19937 random(1);
  Set set;
  Model model;
  CHECK(set.lower_bound("k") == set.end());
  Change(random, 2'000, &set, &model);
  for (int i = 0; i < 2'000; ++i) {
    const std::string key = "k" + std::to_string(random() % 2000);
    const auto wanted = model.lower_bound(key);
    const auto found = set.lower_bound(key);
    REQUIRE((found == set.end()) == (wanted == model.end()));
    if (wanted != model.end()) REQUIRE(found->first == wanted->first);
  }
  CHECK(set.lower_bound("l") == set.end());
}

TEST_CASE("Every difference between two sets is visited, in order, and little else") {
  std::mt19937 random(2);
  Set set;
  Model model;
  Change(random, 4'000, &set, &model);
  for (int round = 0; round < 300; ++round) {
    const Set before = set;
    const Model model_before = model;
    const int changes = static_cast<int>(random() % 5);
    Change(random, changes, &set, &model);
    Model wanted_gone;
    Model wanted;
    for (const auto& [key, value] : model_before) {
      if (!model.contains(key)) wanted_gone[key] = value;
    }
    for (const auto& [key, value] : model) {
      const auto old = model_before.find(key);
      if (old == model_before.end() || old->second != value) wanted[key] = value;
    }
    Model gone;
    Model changed;
    std::string last;
    int visited = 0;
    Set::VisitDifferences(before, set, [&](const auto* a, const auto* b) {
      REQUIRE((a != nullptr || b != nullptr));
      const std::string& key = a != nullptr ? a->first : b->first;
      REQUIRE(last < key);
      last = key;
      ++visited;
      if (b == nullptr) {
        gone.insert(*a);
      } else if (a == nullptr || a->second != b->second) {
        changed.insert(*b);
      }
    });
    REQUIRE(gone == wanted_gone);
    REQUIRE(changed == wanted);
    // Of each change the chunk that it falls into, and the one that a split made of it.
    REQUIRE(visited <= changes * 2 * 129);
  }
}

TEST_CASE("Sets that have nothing in common differ in every entry") {
  std::mt19937 random(3);
  Set set;
  Model model;
  Change(random, 1'000, &set, &model);
  const auto count = [](const Set& before, const Set& after) {
    std::size_t number = 0;
    Set::VisitDifferences(before, after, [&](const auto*, const auto*) { ++number; });
    return number;
  };
  CHECK(count({}, set) == set.size());
  CHECK(count(set, {}) == set.size());
  CHECK(count(set, set) == 0);
  CHECK(count({}, {}) == 0);
}

}  // namespace
}  // namespace portreeve::store
