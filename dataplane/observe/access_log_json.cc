#include <charconv>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "dataplane/observe/access_logger.h"

namespace portreeve::observe {
namespace {

// Length of the UTF-8 sequence at the front, 0 if it isn't a valid one.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what is beyond U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

bool Plain(unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void AppendEscaped(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && Plain(static_cast<unsigned char>(text[plain]))) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t taken = 1;
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (const std::size_t length = c >= 0x80 ? Utf8Length(text) : 0; length > 0) {
      out.append(text.substr(0, length));
      taken = length;
    } else {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
    text.remove_prefix(taken);
  }
}

class Line {
 public:
  explicit Line(std::string& out) : out_(out) { out_.push_back('{'); }

  void Text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    Name(name);
    out_.push_back('"');
    AppendEscaped(value, out_);
    out_.push_back('"');
  }
  void Number(std::string_view name, std::uint64_t value) {
    Name(name);
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out_.append(digits, end);
  }
  void End() { out_.append("}\n"); }

 private:
  void Name(std::string_view name) {
    if (!first_) out_.push_back(',');
    first_ = false;
    out_.push_back('"');
    out_.append(name);
    out_.append("\":");
  }

  std::string& out_;
  bool first_ = true;
};

// "2026-11-25T10:15:21.123456Z"; the part up to the second is kept per thread.
std::string_view TimeText(std::int64_t wall_us) {
  thread_local std::int64_t cached_second = -1;
  thread_local char text[] = "0000-00-00T00:00:00.000000Z";
  const std::int64_t second = wall_us / 1'000'000;
  if (second != cached_second) {
    const auto time = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&time, &parts);
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    text[19] = '.';
    cached_second = second;
  }
  std::int64_t fraction = wall_us % 1'000'000;
  for (int i = 25; i >= 20; --i) {
    text[i] = static_cast<char>('0' + fraction % 10);
    fraction /= 10;
  }
  text[26] = 'Z';
  return {text, 27};
}

}  // namespace

void AppendJsonLine(const AccessLogEntry& entry, std::int64_t wall_us, std::string& out) {
  Line line(out);
  line.Text("time", TimeText(wall_us));
  line.Text("kind", entry.request ? "request" : "connection");
  line.Text("listener", entry.listener);
  if (entry.port != 0) line.Number("port", entry.port);
  line.Text("client", entry.client);
  line.Text("protocol", entry.protocol);
  line.Text("tls", entry.tls);
  line.Text("server_name", entry.server_name);
  line.Text("method", entry.method);
  line.Text("host", entry.host);
  line.Text("path", entry.path);
  line.Text("query", entry.query);
  line.Text("request_id", entry.request_id);
  if (entry.request) line.Number("status", static_cast<std::uint64_t>(entry.status));
  line.Text("origin", http::OriginName(entry.origin));
  line.Text("phase", http::PhaseName(entry.phase));
  line.Text("reason", http::Describe(entry.reason).word);
  line.Text("detail", entry.detail);
  line.Text("route", entry.route);
  if (entry.rule >= 0) line.Number("rule", static_cast<std::uint64_t>(entry.rule));
  line.Text("rule_name", entry.rule_name);
  line.Text("backend", entry.backend);
  line.Text("endpoint", entry.endpoint);
  if (entry.attempts > 0) line.Number("attempts", entry.attempts);
  line.Number("bytes_in", entry.bytes_in);
  line.Number("bytes_out", entry.bytes_out);
  line.Number("duration_us", entry.duration_us);
  if (entry.times.routed > 0) line.Number("routed_us", entry.times.routed);
  if (entry.times.connected > 0) line.Number("connected_us", entry.times.connected);
  if (entry.times.sent > 0) line.Number("sent_us", entry.times.sent);
  if (entry.times.head_received > 0) line.Number("head_received_us", entry.times.head_received);
  line.End();
}

}  // namespace portreeve::observe
