// ParseAuthority: idempotent, and nothing but host characters in what comes out.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/http/ascii.h"
#include "dataplane/http/path.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  portreeve::http::Arena arena;
  const auto authority = portreeve::http::ParseAuthority(input, arena);
  if (!authority) return 0;
  const std::string_view host = authority->host;
  Require(!host.empty() && host.back() != '.');
  const bool literal = host[0] == '[';
  for (char c : host) {
    Require(!(c >= 'A' && c <= 'Z'));
    Require(portreeve::http::IsHostChar(c) || (literal && (c == '[' || c == ']' || c == ':')));
  }
  std::string again(host);
  if (authority->port) again += ":" + std::to_string(*authority->port);
  const auto second = portreeve::http::ParseAuthority(again, arena);
  Require(second && second->host == host && second->port == authority->port);
  return 0;
}
