#include "dataplane/codec/codec_testing.h"

#include <cstdlib>
#include <fstream>

#include "dataplane/http/ascii.h"

namespace portreeve::codec::testing {

namespace {

std::string Unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      const char kind = text[++i];
      if (kind == 'r') {
        result += '\r';
      } else if (kind == 'n') {
        result += '\n';
      } else if (kind == 'x') {
        result += static_cast<char>((http::HexValue(text[i + 1]) << 4) | http::HexValue(text[i + 2]));
        i += 2;
      } else {
        result += kind;
      }
    } else if (c == '{' && i + 1 < text.size() && http::IsDigit(text[i + 1])) {
      const std::size_t end = text.find('}', i);
      const int times = std::atoi(std::string(text.substr(i + 1, end - i - 1)).c_str());
      result.append(static_cast<std::size_t>(times - 1), result.back());
      i = end;
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

std::vector<MessageRow> ReadMessageTable(const std::string& name) {
  std::ifstream file(std::string(PORTREEVE_SOURCE_DIR) + "/dataplane/codec/testdata/" + name);
  std::vector<MessageRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t blank = line.find(' ');
    rows.push_back({line.substr(0, blank), Unescape(std::string_view(line).substr(blank + 1))});
  }
  return rows;
}

std::string Dump(const http::HeaderList& headers) {
  std::string result;
  for (const http::HeaderField& field : headers) {
    result += field.name;
    result += ": ";
    result += field.value;
    result += '\n';
  }
  return result;
}

void FeedAll(net::FakeTransport& transport, std::string_view bytes, Cut cut) {
  if (cut == Cut::kBytewise) {
    transport.FeedBytewise(bytes);
  } else {
    transport.Feed(bytes);
  }
  transport.End(net::IoStatus::kClosed);
}

std::string Word(http::Failure failure) {
  return failure ? std::string(http::Describe(failure.reason).word) : std::string("ok");
}

}  // namespace portreeve::codec::testing
