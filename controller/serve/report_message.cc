#include "controller/serve/report_message.h"

#include <algorithm>
#include <string>

#include "common/log.h"

namespace portreeve::serve {
namespace {

using config::v1::RelayedReport;

// What is around the report in its message.
constexpr std::size_t kMaxReportBytes = kMaxRelayBytes - 64;
constexpr std::size_t kCutBytes = 200;
constexpr std::chrono::microseconds kMaxAge = std::chrono::hours(24);

// Leaves no part of a character: protobuf refuses text that is no UTF-8.
void Cut(std::string* text) {
  if (text->size() <= kCutBytes) return;
  std::size_t end = kCutBytes;
  while (end > 0 && (static_cast<unsigned char>((*text)[end]) & 0xC0U) == 0x80U) --end;
  text->resize(end);
  text->append("…");
}

}  // namespace

std::vector<Refusal> ReadRefusals(const google::protobuf::RepeatedPtrField<config::v1::Refusal>& refusals) {
  std::vector<Refusal> read;
  read.reserve(static_cast<std::size_t>(refusals.size()));
  for (const config::v1::Refusal& refusal : refusals) {
    read.push_back({refusal.key(), refusal.version(), refusal.origin(), refusal.field(), refusal.message()});
  }
  return read;
}

DataPlaneReport ReadReport(const RelayedReport& message) {
  DataPlaneReport report;
  report.gateway = message.gateway();
  report.instance = message.instance();
  report.pod = message.pod();
  report.connected = message.connected();
  report.snapshot = message.snapshot();
  report.refused = ReadRefusals(message.refused());
  report.listening.assign(message.listening().begin(), message.listening().end());
  return report;
}

std::chrono::microseconds AgeOf(const RelayedReport& message) {
  const auto most = static_cast<std::uint64_t>(kMaxAge.count());
  return std::chrono::microseconds(std::min<std::uint64_t>(message.age_us(), most));
}

RelayedReport WriteReport(const DataPlaneReport& report, std::chrono::microseconds age) {
  RelayedReport message;
  message.set_gateway(report.gateway);
  message.set_instance(report.instance);
  message.set_pod(report.pod);
  message.set_connected(report.connected);
  message.set_age_us(static_cast<std::uint64_t>(std::max<std::chrono::microseconds::rep>(age.count(), 0)));
  if (!report.connected) return message;
  message.set_snapshot(report.snapshot);
  for (const Refusal& refusal : report.refused) {
    config::v1::Refusal& out = *message.add_refused();
    out.set_key(refusal.key);
    out.set_version(refusal.version);
    out.set_origin(refusal.origin);
    out.set_field(refusal.field);
    out.set_message(refusal.message);
  }
  for (const std::string& key : report.listening) message.add_listening(key);
  if (message.ByteSizeLong() <= kMaxReportBytes) return message;
  for (config::v1::Refusal& refusal : *message.mutable_refused()) Cut(refusal.mutable_message());
  if (message.ByteSizeLong() <= kMaxReportBytes) return message;
  log::Warning("a data plane refuses more than can be told to the leader, which takes it for one that accepts nothing",
               {{"gateway", report.gateway}, {"instance", report.instance}, {"refused", report.refused.size()}});
  message.clear_snapshot();
  message.clear_refused();
  message.clear_listening();
  return message;
}

}  // namespace portreeve::serve
