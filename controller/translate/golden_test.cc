// testdata/NAME.in.yaml is a cluster, testdata/NAME.out.yaml what comes of it. UPDATE_GOLDEN=1 writes the outputs anew:
// read each against the rule that the input names before it is kept.
//
// The first line of an input says the rule. A line "# options: kubernetes" translates as in a cluster.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "controller/gatewayapi/decode.h"
#include "controller/translate/golden_yaml.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {
namespace {

namespace fs = std::filesystem;

const fs::path kTestdata = fs::path(PORTREEVE_SOURCE_DIR) / "controller/translate/testdata";

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Names() {
  constexpr std::string_view kSuffix = ".in.yaml";
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(kTestdata)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(kSuffix)) names.push_back(file.substr(0, file.size() - kSuffix.size()));
  }
  std::ranges::sort(names);
  return names;
}

std::string Translated(const std::string& name) {
  const std::string text = ReadFile(kTestdata / (name + ".in.yaml"));
  REQUIRE(text.starts_with("# "));
  const gatewayapi::DecodeResult decoded = gatewayapi::DecodeDocuments(text, name + ".in.yaml");
  for (const gatewayapi::Problem& problem : decoded.problems) FAIL(problem.ToString());
  std::vector<gatewayapi::Object> objects;
  for (const gatewayapi::DecodedObject& object : decoded.objects) objects.push_back(object.object);

  TranslatorOptions options;
  if (text.find("\n# options: kubernetes\n") != std::string::npos) {
    options = {.allow_loopback_endpoints = false, .one_data_plane = false, .addresses = true};
  }
  return ToYaml(Translator(options).Translate(*store::ClusterState::Of(objects)));
}

TEST_CASE("golden files") {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  for (const std::string& name : Names()) {
    DYNAMIC_SECTION(name) {
      const std::string got = Translated(name);
      const fs::path path = kTestdata / (name + ".out.yaml");
      if (update) std::ofstream(path, std::ios::binary) << got;
      CHECK(got == ReadFile(path));
    }
  }
}

TEST_CASE("every output has its input") {
  CHECK(Names().size() >= 100);
  for (const fs::directory_entry& entry : fs::directory_iterator(kTestdata)) {
    const std::string file = entry.path().filename().string();
    constexpr std::string_view kSuffix = ".out.yaml";
    if (!file.ends_with(kSuffix)) continue;
    INFO(file);
    CHECK(fs::exists(kTestdata / (file.substr(0, file.size() - kSuffix.size()) + ".in.yaml")));
  }
}

}  // namespace
}  // namespace portreeve::translate
