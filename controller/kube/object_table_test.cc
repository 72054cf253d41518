#include "controller/kube/object_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "controller/gatewayapi/json_tree.h"

namespace portreeve::kube {
namespace {

using gatewayapi::Kind;
using gatewayapi::NamespacedName;
using gatewayapi::YamlNode;

YamlNode Tree(const std::string& json) {
  gatewayapi::JsonTree tree = gatewayapi::ParseJson(json);
  REQUIRE(tree.error.empty());
  return std::move(tree.root);
}

YamlNode Map(const std::string& name, const std::string& value, const std::string& version = "1") {
  return Tree(R"({"metadata":{"namespace":"ns","name":")" + name + R"(","resourceVersion":")" + version +
              R"("},"data":{"k":")" + value + "\"}}");
}

YamlNode Route(const std::string& name, const std::string& path) {
  return Tree(R"({"metadata":{"namespace":"ns","name":")" + name +
              R"("},"spec":{"rules":[{"matches":[{"path":{"value":")" + path + "\"}}]}]}}");
}

// A table, and what it told.
struct Rig {
  explicit Rig(Kind kind)
      : table(WatchedKindOf(kind), [this](TableChanges changes) {
          for (const source::ResourceEvent& event : changes.events) {
            told.push_back((event.type == source::ResourceEvent::Type::kApplied ? "+" : "-") + event.key.name);
          }
          for (const auto& [key, problems] : changes.problems) {
            told.push_back((problems.empty() ? "ok:" : "bad:") + key.name);
          }
          for (const NamespacedName& name : changes.fetch) told.push_back("?" + name.name);
        }) {}

  void List(const std::vector<YamlNode>& objects) {
    table.BeginList();
    for (const YamlNode& object : objects) table.Listed(object);
    table.EndList();
  }
  void Want(const std::vector<std::string>& names) {
    WantedNames wanted;
    for (const std::string& name : names) wanted.insert({"ns", name});
    table.SetWanted(std::make_shared<const WantedNames>(std::move(wanted)));
  }
  std::vector<std::string> Told() { return std::exchange(told, {}); }

  std::vector<std::string> told;
  ObjectTable table;
};

using Words = std::vector<std::string>;

TEST_CASE("A list is compared with what is known: only differences are told, deletions too") {
  Rig rig(Kind::kHTTPRoute);
  rig.List({Route("a", "/1"), Route("b", "/1"), Route("c", "/1")});
  CHECK(rig.Told() == Words{"+a", "+b", "+c"});
  rig.List({Route("a", "/1"), Route("b", "/1"), Route("c", "/1")});
  CHECK(rig.Told().empty());
  rig.List({Route("a", "/1"), Route("b", "/2"), Route("d", "/1")});
  CHECK(rig.Told() == Words{"+b", "+d", "-c"});
  CHECK(rig.table.size() == 3);
}

TEST_CASE("Nothing is told of a list before its end, and nothing ever of one that is abandoned") {
  Rig rig(Kind::kHTTPRoute);
  rig.List({Route("a", "/1")});
  rig.Told();
  rig.table.BeginList();
  rig.table.Listed(Route("a", "/2"));
  rig.table.Listed(Route("b", "/1"));
  rig.table.AbandonList();
  CHECK(rig.Told().empty());
  rig.List({Route("a", "/1")});
  CHECK(rig.Told().empty());
}

TEST_CASE("What a watch says twice is told once") {
  Rig rig(Kind::kHTTPRoute);
  rig.table.Changed(Route("a", "/1"));
  rig.table.Changed(Route("a", "/1"));
  rig.table.Deleted(Route("b", "/1"));
  CHECK(rig.Told() == Words{"+a"});
  rig.table.Deleted(Route("a", "/1"));
  rig.table.Deleted(Route("a", "/1"));
  CHECK(rig.Told() == Words{"-a"});
  CHECK(rig.table.size() == 0);
}

TEST_CASE("What comes by a watch after a list is there at the end of the next one only if that lists it") {
  Rig rig(Kind::kHTTPRoute);
  rig.List({});
  rig.table.Changed(Route("a", "/1"));
  rig.Told();
  rig.List({Route("a", "/1")});
  CHECK(rig.Told().empty());
  rig.List({});
  CHECK(rig.Told() == Words{"-a"});
}

TEST_CASE("An object that is refused keeps its last good version, and is complained about until it is right or gone") {
  Rig rig(Kind::kHTTPRoute);
  rig.table.Changed(Route("a", "/1"));
  rig.table.Changed(Route("a", "bad"));
  CHECK(rig.Told() == Words{"+a", "bad:a"});
  rig.List({Route("a", "bad")});
  CHECK(rig.Told() == Words{"bad:a"});
  rig.table.Changed(Route("a", "/1"));
  CHECK(rig.Told() == Words{"ok:a"});
  rig.table.Changed(Route("a", "bad"));
  rig.table.Deleted(Route("a", "bad"));
  CHECK(rig.Told() == Words{"bad:a", "-a", "ok:a"});
  rig.table.Changed(Route("new", "bad"));
  rig.List({});
  CHECK(rig.Told() == Words{"bad:new", "ok:new"});
}

TEST_CASE("A kind that is gone takes its objects with it") {
  Rig rig(Kind::kHTTPRoute);
  rig.List({Route("a", "/1")});
  rig.Told();
  rig.table.KindGone();
  rig.table.KindGone();
  CHECK(rig.Told() == Words{"-a"});
}

TEST_CASE("Objects without a name, or of no namespace, are left out") {
  Rig rig(Kind::kHTTPRoute);
  rig.List({Tree("{}"), Tree(R"({"metadata":{"name":"x"}})"), Tree("[]")});
  rig.table.Changed(Tree(R"({"metadata":{"namespace":"x"}})"));
  CHECK(rig.Told().empty());
  CHECK(rig.table.size() == 0);
}

// --- what is wanted -------------------------------------------------------------------------------------------------

TEST_CASE("Of what isn't wanted only the name is kept") {
  Rig rig(Kind::kConfigMap);
  rig.Want({"a"});
  rig.List({Map("a", "1"), Map("b", "1")});
  CHECK(rig.Told() == Words{"+a"});
  CHECK(rig.table.size() == 2);
  CHECK(rig.table.kept() == 1);
  rig.table.Changed(Map("b", "2", "2"));
  rig.table.Changed(Map("a", "2", "2"));
  CHECK(rig.Told() == Words{"+a"});
}

TEST_CASE("What becomes wanted is asked for if it is there, and told when it comes") {
  Rig rig(Kind::kConfigMap);
  rig.List({Map("a", "1"), Map("b", "1")});
  rig.Want({"a", "ghost"});
  CHECK(rig.Told() == Words{"?a"});
  CHECK(rig.table.fetching({"ns", "a"}));
  rig.Want({"a"});
  CHECK(rig.Told().empty());  // it is on its way
  rig.table.Fetched({"ns", "a"}, Map("a", "1"));
  CHECK(rig.Told() == Words{"+a"});
  CHECK_FALSE(rig.table.fetching({"ns", "a"}));
  rig.Want({"b"});
  CHECK(rig.Told() == Words{"-a", "?b"});
  rig.table.NotFetched({"ns", "b"});
  CHECK_FALSE(rig.table.fetching({"ns", "b"}));
}

TEST_CASE("What a watch tells while it is fetched is newer, and stays") {
  Rig rig(Kind::kConfigMap);
  rig.List({Map("a", "1"), Map("b", "1"), Map("c", "1")});
  rig.Want({"a", "b", "c"});
  rig.Told();
  rig.table.Changed(Map("a", "2", "2"));
  rig.table.Fetched({"ns", "a"}, Map("a", "1"));
  CHECK(rig.Told() == Words{"+a"});
  rig.table.Deleted(Map("b", "1"));
  rig.table.Fetched({"ns", "b"}, Map("b", "1"));
  CHECK(rig.Told().empty());
  rig.Want({});
  rig.table.Fetched({"ns", "c"}, Map("c", "1"));
  CHECK(rig.Told() == Words{"-a"});
  CHECK(rig.table.kept() == 0);
}

TEST_CASE("What becomes wanted while a list is read is found at its end") {
  Rig rig(Kind::kConfigMap);
  rig.Want({"b"});
  rig.table.BeginList();
  rig.table.Listed(Map("a", "1"));
  rig.table.Listed(Map("b", "1"));
  rig.Want({"a"});
  CHECK(rig.Told().empty());
  rig.table.EndList();
  CHECK(rig.Told() == Words{"?a"});
  CHECK(rig.table.kept() == 0);
}

TEST_CASE("A fetch that gives another object, or one that is refused, ends all the same") {
  Rig rig(Kind::kConfigMap);
  rig.List({Map("a", "1"), Map("b", "1")});
  rig.Want({"a", "b"});
  rig.Told();
  rig.table.Fetched({"ns", "a"}, Map("b", "1"));
  rig.table.Fetched({"ns", "b"}, Tree(R"({"metadata":{"namespace":"ns","name":"b"},"data":5})"));
  CHECK(rig.Told() == Words{"bad:b"});
  CHECK_FALSE(rig.table.fetching({"ns", "a"}));
  CHECK_FALSE(rig.table.fetching({"ns", "b"}));
}

}  // namespace
}  // namespace portreeve::kube
