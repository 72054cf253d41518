// ns per request head: our parser alone, with the checks, and Beast's parser into views, as docs/design/0001 compares.
#include <benchmark/benchmark.h>

#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/codec/http1_head_parser.h"
#include "dataplane/codec/http1_serializer.h"
#include "dataplane/codec/message_checks.h"

namespace {

namespace beast = boost::beast;
using portreeve::codec::Http1HeadParser;

const portreeve::http::Limits kLimits;

// What a browser sends.
constexpr std::string_view kHead =
    "GET /static/app/main.js?v=20260101 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/index.html\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "\r\n";

// What a load generator sends.
constexpr std::string_view kShortHead =
    "GET / HTTP/1.1\r\nHost: a.example.com\r\nUser-Agent: wrk\r\nAccept: */*\r\n\r\n";

std::string_view HeadOf(const benchmark::State& state) {
  return state.range(0) == 0 ? kShortHead : kHead;
}

void Parse(benchmark::State& state) {
  Http1HeadParser parser(Http1HeadParser::Kind::kRequest, kLimits);
  for (auto _ : state) {
    parser.Reset();
    benchmark::DoNotOptimize(parser.Parse(HeadOf(state)));
  }
}
BENCHMARK(Parse)->Arg(0)->Arg(1);

void ParseAndCheck(benchmark::State& state) {
  Http1HeadParser parser(Http1HeadParser::Kind::kRequest, kLimits);
  portreeve::http::Arena arena;
  portreeve::http::RequestHead head;
  for (auto _ : state) {
    parser.Reset();
    arena.Reset();
    benchmark::DoNotOptimize(parser.Parse(HeadOf(state)));
    benchmark::DoNotOptimize(CheckRequest(parser, "http", arena, head));
  }
}
BENCHMARK(ParseAndCheck)->Arg(0)->Arg(1);

void ParseCheckAndSerialize(benchmark::State& state) {
  Http1HeadParser parser(Http1HeadParser::Kind::kRequest, kLimits);
  portreeve::http::Arena arena;
  portreeve::http::RequestHead head;
  portreeve::codec::HeadBuffer buffer;
  for (auto _ : state) {
    parser.Reset();
    arena.Reset();
    buffer.Clear();
    benchmark::DoNotOptimize(parser.Parse(HeadOf(state)));
    benchmark::DoNotOptimize(CheckRequest(parser, "http", arena, head));
    benchmark::DoNotOptimize(SerializeRequest(head, buffer));
  }
}
BENCHMARK(ParseCheckAndSerialize)->Arg(0)->Arg(1);

// The least that can be done over Beast: keep the views it hands out.
class BeastHead final : public beast::http::basic_parser<true> {
 public:
  std::vector<portreeve::codec::RawField> fields;
  std::string_view target;

 private:
  static std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view path, int,
                       beast::error_code&) override {
    target = View(path);
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    fields.push_back({View(name), View(value)});
  }
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override {
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}
};

void BeastParse(benchmark::State& state) {
  std::vector<portreeve::codec::RawField> fields;
  for (auto _ : state) {
    BeastHead parser;
    parser.fields.swap(fields);
    parser.fields.clear();
    beast::error_code error;
    const std::string_view head = HeadOf(state);
    benchmark::DoNotOptimize(parser.put(boost::asio::buffer(head.data(), head.size()), error));
    parser.fields.swap(fields);
  }
}
BENCHMARK(BeastParse)->Arg(0)->Arg(1);

}  // namespace

BENCHMARK_MAIN();
