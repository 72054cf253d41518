// Whatever a controller sends: no crash, and what is refused leaves the rest as it was. The input is two deltas, the
// length of the first in its first two bytes.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "dataplane/config/compiler.h"
#include "dataplane/config/test_resources.h"
#include "portreeve/config/v1/service.pb.h"

namespace {

using portreeve::config::CompileResult;
using portreeve::config::ConfigCompiler;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void Feed(ConfigCompiler& compiler, std::string_view bytes) {
  portreeve::config::v1::Delta delta;
  if (!delta.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const std::size_t before = compiler.Held().size();
  const CompileResult result = compiler.Apply(delta);
  if (result.outcome != CompileResult::Outcome::kApplied) {
    Require(compiler.Held().size() == before, "a delta that isn't applied changes nothing");
    return;
  }
  Require(result.config != nullptr, "there is a configuration");
  Require(compiler.snapshot() == delta.target(), "the snapshot is the delta's");
  for (const auto& [number, port] : result.config->ports) {
    Require(port->first != nullptr && port->first->routes != nullptr, "a port has a listener with a table");
    for (const char* host : {"a.example", "", "*.a", "x.a.example"}) {
      portreeve::config::testing::Ask(*result.config, number, host, "/x/y");
    }
  }
  if (delta.target().empty()) return;
  // The same again is nothing new: it must be accepted, and change nothing that is in force.
  delta.set_base(delta.target());
  delta.clear_removed();
  const std::size_t held = compiler.Held().size();
  Require(compiler.Apply(delta).outcome == CompileResult::Outcome::kApplied, "a delta may be repeated");
  Require(compiler.Held().size() >= held, "a repeated delta takes nothing away");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t first = (std::size_t{data[0]} << 8 | data[1]) % (size - 1);
  ConfigCompiler compiler;
  Feed(compiler, bytes.substr(2, first));
  Feed(compiler, bytes.substr(2 + first));
  return 0;
}
