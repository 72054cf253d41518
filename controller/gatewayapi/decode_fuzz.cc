// Whatever the bytes are, Decode ends, stays within its bounds and gives objects that name themselves; decoding again
// gives the same.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "controller/gatewayapi/decode.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "decode_fuzz: " << what << "\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace portreeve::gatewayapi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t cut = 0;
  int line = 1;
  for (const DocumentText& document : SplitDocuments(text)) {
    cut += document.text.size();
    Require(document.first_line >= line, "documents out of order");
    line = document.first_line;
  }
  Require(cut == size, "SplitDocuments loses bytes");

  const DecodeResult first = DecodeDocuments(text, "fuzz.yaml");
  Require(!first.syntax_error || first.objects.empty(), "objects beside a syntax error");
  for (const DecodedObject& decoded : first.objects) {
    Require(decoded.key == KeyOf(decoded.object) && !decoded.key.name.empty(), "an object without its name");
  }
  for (const Problem& problem : first.problems) {
    Require(!problem.message.empty() && !problem.remedy.empty() && problem.line > 0, "a problem without place");
    Require(problem.ToString().find('\n') == std::string::npos, "a problem of several lines");
  }
  const DecodeResult second = DecodeDocuments(text, "fuzz.yaml");
  Require(first.objects.size() == second.objects.size() && first.problems == second.problems, "not deterministic");
  for (size_t i = 0; i < first.objects.size(); ++i) {
    Require(SameContent(first.objects[i].object, second.objects[i].object), "not deterministic");
  }
  return 0;
}
