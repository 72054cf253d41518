// Frames through the session, with exchanges that answer. The first byte says how the rest is cut and what the socket
// does; the preface and SETTINGS come from us, so that every byte of the input is about frames.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/codec/http2_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace portreeve::codec::testing;
  if (size == 0) return 0;
  const std::uint8_t mode = data[0];
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool whole = (mode & 1) != 0;
  const std::size_t cut = whole ? 16384 : 1 + (mode >> 4);
  Http2Connection connection;
  if ((mode & 2) != 0) connection.transport.LimitWrites(100);
  if ((mode & 4) == 0) connection.Feed(std::string(kPreface) + Frame(4, 0, 0, ""));
  while (!input.empty()) {
    connection.Feed(input.substr(0, cut));
    input.remove_prefix(std::min(cut, input.size()));
    // Some exchanges end while their client still sends.
    if ((mode & 8) != 0 && connection.held.size() > 1) connection.held.clear();
  }
  connection.transport.End(portreeve::net::IoStatus::kClosed);
  connection.Turn();
  if (connection.server->requests() > 150) __builtin_trap();
  return 0;
}
