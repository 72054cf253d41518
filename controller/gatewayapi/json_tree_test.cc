#include "controller/gatewayapi/json_tree.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace portreeve::gatewayapi {
namespace {

constexpr std::array<std::string_view, 1> kManagedFields = {"managedFields"};

// The tree without places, so that YAML and JSON can be compared.
std::string Shape(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      return (node.plain ? "plain:" : "text:") + node.text;
    case YamlNode::Kind::kSequence: {
      std::string text = "[";
      for (const YamlNode& item : node.items) text += Shape(item) + ",";
      return text + "]";
    }
    case YamlNode::Kind::kMapping:
      break;
  }
  std::string text = "{";
  for (size_t i = 0; i < node.items.size(); ++i) text += node.keys[i].text + "=" + Shape(node.items[i]) + ",";
  return text + "}";
}

TEST_CASE("JSON gives the tree that yaml-cpp gives") {
  const std::string text =
      R"({"a":"1","b":1,"c":-7,"d":1.50,"e":true,"f":null,"g":[],"h":{},"i":[[1,"x"],{"k":"ü\n\u003c"}],"a":false,)"
      R"("big":18446744073709551615,"":"empty key"})";
  const YamlDocuments yaml = ParseYaml(text);
  REQUIRE(yaml.errors.empty());
  const JsonTree tree = ParseJson(text);
  CHECK(tree.error.empty());
  CHECK(Shape(tree.root) == Shape(yaml.documents.at(0)));
}

TEST_CASE("What is skipped leaves nothing, whatever is in it") {
  const std::string text =
      R"({"metadata":{"managedFields":[{"f":{"a":[1,2,{"b":{}}]}}],"name":"x","labels":{"managedFields":"kept"}},)"
      R"("managedFields":{"z":[]},"list":[{"managedFields":[]},5]})";
  const JsonTree tree = ParseJson(text, kManagedFields);
  CHECK(tree.error.empty());
  CHECK(Shape(tree.root) == "{metadata={name=text:x,labels={managedFields=text:kept,},},list=[{},plain:5,],}");
}

TEST_CASE("The items of a list are given one by one") {
  std::vector<std::string> items;
  const auto take = [&](const YamlNode& item) { items.push_back(Shape(item)); };
  const JsonTree tree = ParseJsonList(
      R"({"kind":"XList","items":[{"metadata":{"managedFields":[{}],"name":"a"},"items":[1]},"text",[2],null,{}],)"
      R"("metadata":{"continue":"c","resourceVersion":"5","items":[3]}})",
      kManagedFields, take);
  CHECK(tree.error.empty());
  CHECK(items == std::vector<std::string>{"{metadata={name=text:a,},items=[plain:1,],}", "text:text", "[plain:2,]",
                                          "null", "{}"});
  CHECK(Shape(tree.root) ==
        "{kind=text:XList,items=[],metadata={continue=text:c,resourceVersion=text:5,items=[plain:3,],},}");
  CHECK(TextAt(tree.root, {"metadata", "continue"}) == "c");
  CHECK(TextAt(tree.root, {"metadata", "absent"}).empty());
  CHECK(TextAt(tree.root, {"metadata"}).empty());
  CHECK(NodeAt(tree.root, {"kind", "x"}) == nullptr);
}

TEST_CASE("A list that breaks off says so after what it gave") {
  int items = 0;
  const JsonTree tree = ParseJsonList(R"({"items":[{"a":1},{"a":2},{"a")", {}, [&](const YamlNode&) { ++items; });
  CHECK(items == 2);
  CHECK(tree.error == "not JSON at byte 31");
  CHECK(tree.root.keys.empty());
}

TEST_CASE("What is no JSON is refused without being quoted") {
  for (const char* text : {"", "{", "[1,]", "{\"secret\"}", "nul", "{} {}", "\"\xff\"", "[1e999]", "'a'"}) {
    INFO(text);
    const JsonTree tree = ParseJson(text);
    CHECK_FALSE(tree.error.empty());
    CHECK(tree.error.find("secret") == std::string::npos);
    CHECK(tree.root.kind == YamlNode::Kind::kNull);
  }
}

TEST_CASE("Depth is bounded, also below what is skipped") {
  constexpr std::array<std::string_view, 1> kS = {"s"};
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(ParseJson(nested(kMaxYamlDepth)).error.empty());
  CHECK(ParseJson(nested(kMaxYamlDepth + 1)).error == "nested deeper than 64 levels");
  CHECK_FALSE(ParseJson("{\"s\":" + nested(kMaxYamlDepth) + "}", kS).error.empty());
  CHECK_FALSE(ParseJson(nested(1'000'000)).error.empty());
}

TEST_CASE("JSON comes back as it was") {
  for (const char* text : {
           "{}",
           "[]",
           R"({"b":[1,-2.5,1e9,0,true,false,null,"","1","true",{"x":{}}],"a":"\"\\ é"})",
           R"([0.25,-7,12E-3])",
       }) {
    const JsonTree tree = ParseJson(text);
    CHECK(tree.error.empty());
    CHECK(ToJson(tree.root) == text);
  }
  CHECK(ToJson(ParseJson(R"(["\n\u0001\t"])").root) == R"(["\n\u0001\t"])");
}

TEST_CASE("what only YAML takes for a number is a text") {
  const YamlDocuments yaml = ParseYaml("[007, 1., .5, +1, 0x1F, 1e, yes, ~, 7, '7']");
  REQUIRE(yaml.documents.size() == 1);
  CHECK(ToJson(yaml.documents[0]) == R"(["007","1.",".5","+1","0x1F","1e","yes",null,7,"7"])");
}

}  // namespace
}  // namespace portreeve::gatewayapi
