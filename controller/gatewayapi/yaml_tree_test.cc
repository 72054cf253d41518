#include "controller/gatewayapi/yaml_tree.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::gatewayapi {
namespace {

std::string ErrorOf(const std::string& text) {
  const YamlDocuments yaml = ParseYaml(text);
  if (yaml.errors.empty()) return "";
  const YamlError& error = yaml.errors.front();
  return std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.message;
}

TEST_CASE("Every key and value knows its place") {
  const YamlDocuments yaml = ParseYaml("a: 1\nb:\n  - x\n  - \"2\"\n");
  REQUIRE(yaml.errors.empty());
  REQUIRE(yaml.documents.size() == 1);
  const YamlNode& root = yaml.documents[0];
  REQUIRE(root.keys.size() == 2);
  CHECK(root.keys[1].text == "b");
  CHECK(root.keys[1].line == 2);
  CHECK(root.items[0].plain);
  const YamlNode& list = root.items[1];
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[1].text == "2");
  CHECK_FALSE(list.items[1].plain);
  CHECK(list.items[1].line == 4);
  CHECK(list.items[1].column == 5);
}

TEST_CASE("JSON is YAML") {
  const YamlDocuments yaml = ParseYaml(R"({"a": {"b": [1, true, null, "x\u00e4\n"]}})");
  REQUIRE(yaml.errors.empty());
  const YamlNode& list = yaml.documents.at(0).items.at(0).items.at(0);
  REQUIRE(list.items.size() == 4);
  CHECK(list.items[2].kind == YamlNode::Kind::kNull);
  CHECK(list.items[3].text == "x\xC3\xA4\n");
}

TEST_CASE("JSON indented by tabs") {
  const YamlDocuments yaml = ParseYaml("{\n\t\"a\": [\n\t\t\"x\",\n\t\t{\"b\":\t1}\n\t]\n}\n");
  REQUIRE(yaml.errors.empty());
  CHECK(yaml.documents.at(0).items.at(0).items.at(1).items.at(0).text == "1");
}

TEST_CASE("Errors say where and what, not what stood there") {
  CHECK(ErrorOf("a: b: c\n").find("1:5: ") == 0);
  CHECK(ErrorOf("a: [1, 2\n").find("end of sequence flow not found") != std::string::npos);
  CHECK(ErrorOf("a: *hunter2\n").find("hunter2") == std::string::npos);
  CHECK(ErrorOf("a: \"hunter2\\q\"\n").find("hunter2") == std::string::npos);
  CHECK(ErrorOf("x: 1\ny: \x04\nz: 2\n") == "2:4: control character");
  CHECK(ErrorOf("x: \xC0\x80\n") == "1:4: not UTF-8");
  CHECK(ErrorOf("x: \xED\xA0\x80\n") == "1:4: not UTF-8");
  CHECK(ErrorOf(std::string("x: a\0b\n", 7)) == "1:5: control character");
  CHECK(ErrorOf("? [a]\n: b\n").find("a key must be plain text") != std::string::npos);
  CHECK(ErrorOf(", a\n") == "1:1: unexpected character");
  CHECK(ErrorOf("a: 1\n}\n") != "");
  CHECK(ErrorOf("a: !ruby/object x\n").find("tags are not supported") != std::string::npos);
}

TEST_CASE("Aliases are followed, within bounds") {
  const YamlDocuments yaml = ParseYaml("a: &x {b: 1}\nc: *x\n");
  REQUIRE(yaml.errors.empty());
  CHECK(yaml.documents.at(0).items.at(1).items.at(0).text == "1");

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    std::string line = "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) line += (j == 0 ? "" : ", ") + before;
    bomb += line + "]\n";
  }
  CHECK(ErrorOf(bomb).find("aliases make more than 10000 nodes") != std::string::npos);
  CHECK(ErrorOf("a: &a [*a]\n") != "");
}

TEST_CASE("Depth is bounded") {
  CHECK(ErrorOf(std::string(60, '[') + std::string(60, ']')) == "");
  CHECK(ErrorOf(std::string(65, '[') + std::string(65, ']')).find("nested deeper than 64") != std::string::npos);
  CHECK(ErrorOf(std::string(100'000, '[')) != "");
}

TEST_CASE("Documents are cut at their markers") {
  const std::string text = "# head\n---\na: |\n  x\n  ---\nb: ---c\n---\n---   \nd: 1\n";
  const std::vector<DocumentText> documents = SplitDocuments(text);
  REQUIRE(documents.size() == 4);
  CHECK(documents[0].text == "# head\n");
  CHECK(documents[1].text == "---\na: |\n  x\n  ---\nb: ---c\n");
  CHECK(documents[1].first_line == 2);
  CHECK(documents[2].text == "---\n");
  CHECK(documents[3].first_line == 8);
  CHECK(SplitDocuments("").empty());
  CHECK(SplitDocuments("%YAML 1.2\n---\na: 1\n---\nb: 1\n").size() == 1);
  CHECK(ParseYaml("%YAML 1.2\n---\na: 1\n---\nb: 1\n").documents.size() == 2);
  CHECK(SplitDocuments("a: 1\r\n---\r\nb: 1\r\n").size() == 2);
}

}  // namespace
}  // namespace portreeve::gatewayapi
