// However a watch's bytes are cut, the same events come of them, or the same refusal; and nothing else happens.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "controller/gatewayapi/decode.h"
#include "controller/kube/kind.h"
#include "controller/kube/watch_parser.h"

namespace {

using portreeve::kube::WatchEvent;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "watch_parser_fuzz: " << what << "\n";
  std::abort();
}

// What became of the bytes, as a text.
std::string Parse(std::string_view bytes, size_t step) {
  portreeve::kube::WatchParser parser(portreeve::kube::kSkippedKeys);
  std::string seen;
  const auto on_event = [&](const WatchEvent& event) {
    const portreeve::gatewayapi::NamespacedName name = portreeve::kube::NameIn(event.object);
    seen += std::to_string(static_cast<int>(event.type)) + name.ToString() + "\n";
    const auto decoded =
        portreeve::gatewayapi::DecodeServerObject(portreeve::gatewayapi::Kind::kHTTPRoute, event.object, "cluster");
    Require(decoded.object.has_value() == decoded.problems.empty(), "neither an object nor a problem, or both");
    seen += decoded.key.ToString() + "\n";
    portreeve::kube::DecodeCrd(event.object);
    return true;
  };
  bool more = true;
  for (size_t at = 0; at < bytes.size() && more; at += step) more = parser.Feed(bytes.substr(at, step), on_event);
  Require(more == parser.status().ok(), "it stopped for no reason");
  return seen + std::string(parser.status().message()) + (parser.in_line() ? "cut" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Parse(bytes, size + 1);
  Require(whole == Parse(bytes, 1), "one byte at a time it reads differently");
  Require(whole == Parse(bytes, 7), "seven bytes at a time it reads differently");
  return 0;
}
