// The chunked decoder: what comes out doesn't depend on how the input was cut, and never exceeds it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/codec/chunked_decoder.h"

namespace {

const portreeve::http::Limits kLimits;

void Require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  std::string data;
  std::size_t consumed = 0;
  bool done = false;
  bool failed = false;
  std::size_t trailers = 0;
};

Outcome Decode(std::string_view input, std::size_t step) {
  portreeve::codec::ChunkedDecoder decoder(kLimits);
  Outcome outcome;
  while (outcome.consumed < input.size() && !decoder.done() && !decoder.failed()) {
    std::string piece(input.substr(outcome.consumed, step));
    const auto result = decoder.Decode(piece.data(), piece.size());
    Require(result.consumed <= piece.size() && result.data.size() <= result.consumed);
    if (!result.data.empty()) {
      Require(result.data.data() >= piece.data());
      Require(result.data.data() + result.data.size() <= piece.data() + result.consumed);
    }
    outcome.data += result.data;
    outcome.consumed += result.consumed;
    if (!decoder.done() && !decoder.failed()) Require(result.consumed == piece.size());
  }
  outcome.done = decoder.done();
  outcome.failed = decoder.failed();
  outcome.trailers = decoder.trailers().size();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = Decode(input, input.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{data[0]} + 2}) {
    const Outcome cut = Decode(input, step);
    Require(cut.done == whole.done && cut.failed == whole.failed);
    if (!whole.failed) Require(cut.data == whole.data && cut.consumed == whole.consumed);
    if (whole.done) Require(cut.trailers == whole.trailers);
  }
  return 0;
}
