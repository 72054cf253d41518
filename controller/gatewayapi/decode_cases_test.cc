// The objects of the shared cases, in the words of users: each file must decode as it stands.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "controller/gatewayapi/decode.h"

namespace portreeve::gatewayapi {
namespace {

TEST_CASE("Every document of the cases decodes") {
  const std::filesystem::path folder = PORTREEVE_SOURCE_DIR "/controller/gatewayapi/testdata/cases";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  CHECK(files.size() >= 44);
  for (const std::filesystem::path& file : files) {
    std::ifstream stream(file);
    std::stringstream text;
    text << stream.rdbuf();
    const DecodeResult result = DecodeDocuments(text.str(), file.filename().string());
    for (const Problem& problem : result.problems) FAIL_CHECK(problem.ToString());
    CHECK(result.objects.size() >= 3);
  }
}

}  // namespace
}  // namespace portreeve::gatewayapi
