// Every limit of the data plane, with its default. The names are those of --limit NAME=VALUE and of docs/limits.md.
#pragma once

#include <cstdint>
#include <string_view>

namespace portreeve::http {

// X(name, default): sizes in bytes, times in milliseconds.
#define PORTREEVE_LIMITS(X)                   \
  X(request_line_bytes, 8192)                 \
  X(method_bytes, 32)                         \
  X(header_bytes, 32768)                      \
  X(header_count, 100)                        \
  X(response_header_bytes, 49152)             \
  X(response_header_count, 200)               \
  X(chunk_extension_line_bytes, 256)          \
  X(chunk_extension_bytes, 16384)             \
  X(trailer_count, 20)                        \
  X(trailer_bytes, 4096)                      \
  X(interim_responses, 8)                     \
  X(header_read_timeout_ms, 10000)            \
  X(tls_handshake_timeout_ms, 10000)          \
  X(body_idle_timeout_ms, 30000)              \
  X(body_bytes_per_second, 256)               \
  X(connection_idle_timeout_ms, 75000)        \
  X(http2_connection_idle_timeout_ms, 300000) \
  X(tunnel_idle_timeout_ms, 3600000)          \
  X(request_timeout_ms, 300000)               \
  X(response_head_timeout_ms, 60000)          \
  X(response_idle_timeout_ms, 300000)         \
  X(connect_timeout_ms, 5000)                 \
  X(upstream_idle_timeout_ms, 60000)          \
  X(upstream_idle_connections, 256)           \
  X(max_requests_per_connection, 10000)       \
  X(max_connection_age_ms, 3600000)           \
  X(max_connections, 0)                       \
  X(http2_concurrent_streams, 100)            \
  X(http2_stream_window_bytes, 65536)         \
  X(http2_connection_window_bytes, 1048576)   \
  X(http2_stuck_window_timeout_ms, 60000)     \
  X(http2_reset_burst, 100)                   \
  X(http2_resets_per_second, 33)              \
  X(drain_ms, 60000)

// header_count counts lines, cookie crumbs of HTTP/2 one by one. max_connections 0: 45 % of RLIMIT_NOFILE.
struct Limits {
#define PORTREEVE_LIMIT_FIELD(name, value) std::uint64_t name = value;
  PORTREEVE_LIMITS(PORTREEVE_LIMIT_FIELD)
#undef PORTREEVE_LIMIT_FIELD
};

// Sets the limit of that name; false for an unknown one.
inline bool SetLimit(Limits& limits, std::string_view name, std::uint64_t value) {
#define PORTREEVE_LIMIT_SET(field, unused) \
  if (name == #field) {                    \
    limits.field = value;                  \
    return true;                           \
  }
  PORTREEVE_LIMITS(PORTREEVE_LIMIT_SET)
#undef PORTREEVE_LIMIT_SET
  return false;
}

}  // namespace portreeve::http
