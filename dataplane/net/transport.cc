#include "dataplane/net/transport.h"

#include <array>

namespace portreeve::net {
namespace {

// Drops what was written from the front; returns how many parts are left to write, moved to the front.
std::size_t Advance(std::array<iovec, 3>& parts, std::size_t count, std::size_t bytes) {
  std::size_t first = 0;
  while (first < count && bytes >= parts[first].iov_len) bytes -= parts[first++].iov_len;
  if (first < count) {
    parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + bytes;
    parts[first].iov_len -= bytes;
  }
  for (std::size_t i = first; i < count; ++i) parts[i - first] = parts[i];
  return count - first;
}

}  // namespace

Awaitable<IoStatus> WriteAll(Transport& transport, std::string_view first, std::string_view second,
                             std::string_view third) {
  std::array<iovec, 3> parts;
  std::size_t count = 0;
  for (std::string_view part : {first, second, third}) {
    if (part.empty()) continue;
    parts[count].iov_base = const_cast<char*>(part.data());
    parts[count].iov_len = part.size();
    ++count;
  }
  while (count > 0) {
    const IoResult result = transport.TryWrite(std::span<const iovec>(parts.data(), count));
    if (result.status == IoStatus::kOk) {
      count = Advance(parts, count, result.bytes);
    } else if (result.status == IoStatus::kWouldBlock) {
      const IoStatus status = co_await transport.WaitWritable();
      if (status != IoStatus::kOk) co_return status;
    } else {
      co_return result.status;
    }
  }
  co_return IoStatus::kOk;
}

}  // namespace portreeve::net
