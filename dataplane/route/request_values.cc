#include "dataplane/route/request_values.h"

#include <charconv>
#include <cstddef>
#include <string>
#include <vector>

#include "dataplane/http/ascii.h"

namespace portreeve::route {
namespace {

struct Parameter {
  std::string_view name;
  std::string_view value;
};

struct Scratch {
  std::string joined;
  // Holds what had to be decoded. Its size is fixed before views into it are taken.
  std::string decoded;
  std::vector<Parameter> parameters;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

// Decodes into `out` and moves it on; an invalid escape (which the codec refuses) stays as it is.
std::string_view PercentDecode(std::string_view text, char*& out) {
  if (text.find('%') == std::string_view::npos) return text;
  char* const start = out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && http::IsHexDigit(text[i + 1]) && http::IsHexDigit(text[i + 2]);
    if (escape) {
      *out++ = static_cast<char>((http::HexValue(text[i + 1]) << 4) | http::HexValue(text[i + 2]));
      i += 2;
    } else {
      *out++ = text[i];
    }
  }
  return {start, static_cast<std::size_t>(out - start)};
}

bool IsField(const http::HeaderField& field, http::HeaderId id, std::string_view name) {
  if (field.id != id) return false;
  return id != http::HeaderId::kOther || (field.name.size() == name.size() && http::EqualsIgnoreCase(field.name, name));
}

}  // namespace

std::optional<std::string_view> RequestValues::Header(http::HeaderId id, std::string_view name) {
  const http::HeaderField* first = nullptr;
  std::string* joined = nullptr;
  for (const http::HeaderField& field : head_.headers) {
    if (!IsField(field, id, name)) continue;
    if (first == nullptr) {
      first = &field;
      continue;
    }
    if (joined == nullptr) {
      joined = &ThreadScratch().joined;
      joined->assign(first->value);
    }
    joined->append(id == http::HeaderId::kCookie ? "; " : ",").append(field.value);
  }
  if (joined != nullptr) return *joined;
  if (first != nullptr) return first->value;
  return FieldOutsideTheList(id);
}

std::optional<std::string_view> RequestValues::FieldOutsideTheList(http::HeaderId id) {
  switch (id) {
    case http::HeaderId::kHost:
      if (!head_.authority.empty()) return head_.authority;
      return std::nullopt;
    case http::HeaderId::kUpgrade:
      if (!head_.upgrade.empty()) return head_.upgrade;
      return std::nullopt;
    case http::HeaderId::kExpect:
      if (head_.expect_continue) return "100-continue";
      return std::nullopt;
    case http::HeaderId::kContentLength: {
      if (head_.framing != http::Framing::kLength) return std::nullopt;
      std::string& text = ThreadScratch().joined;
      text.resize(20);
      const auto end = std::to_chars(text.data(), text.data() + text.size(), head_.content_length);
      return std::string_view(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
    }
    default:
      return std::nullopt;
  }
}

std::optional<std::string_view> RequestValues::Query(std::string_view name) {
  if (!query_parsed_) ParseQuery();
  for (const Parameter& parameter : ThreadScratch().parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nullopt;
}

void RequestValues::ParseQuery() {
  query_parsed_ = true;
  Scratch& scratch = ThreadScratch();
  scratch.parameters.clear();
  if (scratch.decoded.size() < head_.query.size()) scratch.decoded.resize(head_.query.size());
  char* out = scratch.decoded.data();
  std::string_view rest = head_.query;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view name = PercentDecode(pair.substr(0, equals), out);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : PercentDecode(pair.substr(equals + 1), out);
    scratch.parameters.push_back({name, value});
  }
}

}  // namespace portreeve::route
