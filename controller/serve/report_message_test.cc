#include "controller/serve/report_message.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::serve {
namespace {

using std::chrono::microseconds;

DataPlaneReport Refusing(std::size_t refusals, const std::string& message) {
  DataPlaneReport report;
  report.gateway = "ns/gw";
  report.instance = "dp";
  report.pod = "pod";
  report.snapshot = "5";
  report.listening = {"a", "b"};
  for (std::size_t i = 0; i < refusals; ++i) report.refused.push_back({"key", "7", "HTTPRoute ns/r", "x", message});
  return report;
}

TEST_CASE("A report is the same on the other side") {
  const DataPlaneReport report = Refusing(2, "no");
  config::v1::RelayedReport message;
  REQUIRE(message.ParseFromString(WriteReport(report, microseconds(17)).SerializeAsString()));
  const DataPlaneReport read = ReadReport(message);
  CHECK(read.gateway == report.gateway);
  CHECK(read.instance == report.instance);
  CHECK(read.pod == report.pod);
  CHECK(read.connected);
  CHECK(read.snapshot == report.snapshot);
  CHECK(read.refused == report.refused);
  CHECK(read.listening == report.listening);
  CHECK(AgeOf(message) == microseconds(17));

  DataPlaneReport gone = report;
  gone.connected = false;
  const DataPlaneReport read_gone = ReadReport(WriteReport(gone, microseconds(-1)));
  CHECK_FALSE(read_gone.connected);
  CHECK(read_gone.instance == "dp");
  CHECK(read_gone.refused.empty());
}

TEST_CASE("An age is no more than a day") {
  config::v1::RelayedReport message;
  message.set_age_us(~0ULL);
  CHECK(AgeOf(message) == std::chrono::hours(24));
}

TEST_CASE("What is too large for a message loses its sentences first, and then says nothing that isn't so") {
  std::string sentence;
  for (int i = 0; i < 1000; ++i) sentence += "\xC3\xA4";
  const auto cut = WriteReport(Refusing(5000, sentence), microseconds(0));
  CHECK(cut.ByteSizeLong() < kMaxRelayBytes);
  REQUIRE(cut.refused_size() == 5000);
  CHECK(cut.snapshot() == "5");
  CHECK(cut.refused(0).message().ends_with("\xC3\xA4…"));
  config::v1::RelayedReport read;
  CHECK(read.ParseFromString(cut.SerializeAsString()));

  const DataPlaneReport nothing = ReadReport(WriteReport(Refusing(200'000, "no"), microseconds(0)));
  CHECK(nothing.connected);
  CHECK(nothing.instance == "dp");
  CHECK(nothing.snapshot.empty());
  CHECK(nothing.refused.empty());
  CHECK(nothing.listening.empty());
}

}  // namespace
}  // namespace portreeve::serve
