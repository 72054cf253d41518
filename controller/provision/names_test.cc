#include "controller/provision/names.h"

#include <catch2/catch.hpp>
#include <set>

namespace portreeve::provision {
namespace {

TEST_CASE("names are NAME-CLASS where that is a name") {
  CHECK(ObjectName("edge", "portreeve") == "edge-portreeve");
  const std::string longest(53, 'g');
  CHECK(ObjectName(longest, "portreeve") == longest + "-portreeve");
  CHECK(WithSuffix("edge-portreeve", "2") == "edge-portreeve-2");
}

TEST_CASE("others are shortened, with a hash that tells them apart") {
  const std::string a = ObjectName(std::string(252, 'g') + "a", "portreeve");
  const std::string b = ObjectName(std::string(252, 'g') + "b", "portreeve");
  CHECK(a.size() == 63);
  CHECK(a != b);
  CHECK(a == ObjectName(std::string(252, 'g') + "a", "portreeve"));
  CHECK(WithSuffix(a, "0123abcd").size() <= 63);
  CHECK(WithSuffix(a, "0123abcd") != WithSuffix(b, "0123abcd"));
  CHECK(WithSuffix(a, "0123abcd").ends_with("-0123abcd"));
}

TEST_CASE("what a Service's name may not have is replaced") {
  CHECK(ObjectName("a.b", "c").starts_with("a-b-c-"));
  CHECK(ObjectName("a.b", "c") != ObjectName("a-b", "c"));
  CHECK(ObjectName("1st", "c").starts_with("gw-1st-c-"));
  // Nothing but letters and digits stands at an end.
  const std::string cut = ObjectName(std::string(53, 'g') + ".x", "c");
  CHECK(cut.find("--") == std::string::npos);
  CHECK(cut.size() <= 63);
}

TEST_CASE("values of labels have 63 characters at most") {
  CHECK(LabelValue("a.b-c") == "a.b-c");
  CHECK(LabelValue(std::string(63, 'a')) == std::string(63, 'a'));
  const std::string value = LabelValue(std::string(253, 'a'));
  CHECK(value.size() == 63);
  CHECK(value != LabelValue(std::string(252, 'a')));
}

TEST_CASE("a name is the older Gateway's") {
  const auto gateway = [](const std::string& name, const std::string& gateway_class, std::int64_t created) {
    gatewayapi::Gateway made;
    made.metadata.namespace_ = "ns";
    made.metadata.name = name;
    made.metadata.creation_timestamp = created;
    made.spec.gateway_class_name = gateway_class;
    return made;
  };
  for (const bool swapped : {false, true}) {
    NameTable table;
    const auto younger = gateway("a", "b-c", 2);
    const auto older = gateway("a-b", "c", 1);
    table.Add(swapped ? older : younger);
    table.Add(swapped ? younger : older);
    CHECK(table.OwnerOf("ns", "a-b-c")->ToString() == "ns/a-b");
  }
  NameTable table;
  table.Add(gateway("b", "c", 1));
  CHECK_FALSE(table.OwnerOf("ns", "a-c").has_value());
  CHECK_FALSE(table.OwnerOf("other", "b-c").has_value());
}

}  // namespace
}  // namespace portreeve::provision
