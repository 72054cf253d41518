// NormalizePath and IsValidQuery: idempotent, and nothing dangerous in what comes out.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/http/ascii.h"
#include "dataplane/http/path.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireNormal(std::string_view path) {
  Require(!path.empty() && path[0] == '/');
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    Require(segment != "." && segment != "..");
    rest.remove_prefix(segment.size());
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    Require(portreeve::http::IsPathChar(path[i]) && path[i] != '?');
    if (path[i] != '%') continue;
    Require(i + 2 < path.size());
    Require(portreeve::http::IsHexDigit(path[i + 1]) && portreeve::http::IsHexDigit(path[i + 2]));
    const unsigned byte = portreeve::http::HexValue(path[i + 1]) << 4 | portreeve::http::HexValue(path[i + 2]);
    Require(byte != 0 && !portreeve::http::IsUnreserved(static_cast<char>(byte)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  portreeve::http::Arena arena;
  const auto normal = portreeve::http::NormalizePath(input, arena);
  if (normal) {
    Require(normal->size() <= input.size());
    RequireNormal(*normal);
    Require(portreeve::http::NormalizePath(*normal, arena) == normal);
  }
  if (portreeve::http::IsValidQuery(input)) {
    for (char c : input) Require(c > ' ' && c < 0x7F && c != '#');
  }
  return 0;
}
