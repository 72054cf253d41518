#include "dataplane/config/config_store.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "common/log.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

using google::protobuf::io::CodedOutputStream;

// Magic and format version; another format gets another number.
constexpr std::string_view kMagic = "portreeve last-good 1\n";
constexpr std::size_t kHeaderBytes = kMagic.size() + 2 * sizeof(std::uint64_t);
// Writes are at least so far apart, and one that failed is tried again so much later.
constexpr std::chrono::milliseconds kBetweenWrites(200);
constexpr std::chrono::seconds kAfterFailure(5);
// Field `changed` of v1::Delta, length-delimited.
constexpr std::uint8_t kChangedTag = (5 << 3) | 2;

std::uint64_t ChecksumOf(std::string_view content) {
  boost::crc_optimal<64, 0x42F0E1EBA9EA3693, ~std::uint64_t{0}, ~std::uint64_t{0}, true, true> crc;
  crc.process_bytes(content.data(), content.size());
  return crc.checksum();
}

void AppendNumber(std::string& text, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) text += static_cast<char>(number >> shift & 0xFF);
}

std::uint64_t ReadNumber(std::string_view text) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  }
  return number;
}

absl::Status ErrorOf(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return ErrorOf("write");
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return absl::NotFoundError(absl::StrCat("there is no ", path));
    return ErrorOf(absl::StrCat("open ", path));
  }
  std::string text;
  while (true) {
    constexpr std::size_t kStep = 1 << 20;
    const std::size_t before = text.size();
    text.resize(before + kStep);
    const ssize_t done = read(file.get(), text.data() + before, kStep);
    if (done < 0 && errno != EINTR) return ErrorOf(absl::StrCat("read ", path));
    text.resize(before + static_cast<std::size_t>(done > 0 ? done : 0));
    if (done == 0) return text;
  }
}

// The whole new file, or none: whatever fails, the old one stays.
absl::Status ReplaceFile(const std::string& folder, const std::string& name, std::string_view text) {
  const std::string path = absl::StrCat(folder, "/", name);
  const std::string beside = absl::StrCat(path, ".new");
  unlink(beside.c_str());
  absl::Status status;
  {
    const Descriptor file(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) return ErrorOf(absl::StrCat("open ", beside));
    status = WriteAll(file.get(), text);
    if (status.ok() && fsync(file.get()) != 0) status = ErrorOf("fsync");
  }
  if (status.ok() && rename(beside.c_str(), path.c_str()) != 0) status = ErrorOf("rename");
  if (!status.ok()) {
    unlink(beside.c_str());
    return status;
  }
  const Descriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || fsync(directory.get()) != 0) return ErrorOf(absl::StrCat("fsync ", folder));
  return absl::OkStatus();
}

}  // namespace

ConfigStore::ConfigStore(std::string folder) : folder_(std::move(folder)) {
  if (!folder_.empty()) thread_ = std::thread([this] { Run(); });
}

ConfigStore::~ConfigStore() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::unique_ptr<v1::Delta>> ConfigStore::Load() const {
  if (folder_.empty()) return absl::NotFoundError("no state folder");
  const std::string path = absl::StrCat(folder_, "/", std::string(kFileName));
  absl::StatusOr<std::string> text = ReadAll(path);
  if (!text.ok()) return text.status();
  const std::string_view all = *text;
  if (!all.starts_with(kMagic) || all.size() < kHeaderBytes) {
    return absl::DataLossError(absl::StrCat(path, " is no last good configuration of this version"));
  }
  const std::string_view content = all.substr(kHeaderBytes);
  if (ReadNumber(all.substr(kMagic.size())) != content.size()) {
    return absl::DataLossError(absl::StrCat(path, " is cut off"));
  }
  if (ReadNumber(all.substr(kMagic.size() + sizeof(std::uint64_t))) != ChecksumOf(content)) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: its checksum is wrong"));
  }
  auto delta = std::make_unique<v1::Delta>();
  if (!delta->ParseFromArray(content.data(), static_cast<int>(content.size())) || !delta->base().empty()) {
    return absl::DataLossError(absl::StrCat(path, " doesn't hold a configuration"));
  }
  return delta;
}

void ConfigStore::Update(std::vector<std::pair<std::string, std::string>> in_force,
                         const std::vector<std::string>& gone, std::string snapshot, std::uint64_t epoch,
                         bool persist) {
  std::lock_guard lock(mutex_);
  for (const std::string& key : gone) content_.resources.erase(key);
  for (auto& [key, bytes] : in_force) {
    content_.resources.insert_or_assign(std::move(key), std::make_shared<const std::string>(std::move(bytes)));
  }
  content_.snapshot = std::move(snapshot);
  content_.epoch = epoch;
  ++updates_;
  if (!persist) written_ = updates_;
  changed_.notify_all();
}

ConfigStore::Resources ConfigStore::Copy() const {
  std::lock_guard lock(mutex_);
  return content_.resources;
}

bool ConfigStore::Flush(std::chrono::milliseconds deadline) {
  if (folder_.empty()) return true;
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = updates_;
  return changed_.wait_for(lock, deadline, [&] { return written_ >= wanted; });
}

void ConfigStore::Run() {
  std::unique_lock lock(mutex_);
  std::optional<Clock::time_point> not_before;
  bool failing = false;
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || written_ < updates_; });
    if (not_before && !stopping_) changed_.wait_until(lock, *not_before, [&] { return stopping_; });
    if (written_ == updates_) return;
    const Content content = content_;
    const std::uint64_t update = updates_;
    const bool last = stopping_;
    lock.unlock();
    const absl::Status status = Write(content);
    if (status.ok() != !failing) {
      failing = !status.ok();
      if (failing) {
        log::Error("the last good configuration can't be written; what runs isn't touched, and it is tried again",
                   {{"folder", folder_}, {"reason", std::string(status.message())}});
      } else {
        log::Info("the last good configuration is written again", {{"folder", folder_}});
      }
    }
    lock.lock();
    if (status.ok()) {
      written_ = update;
      changed_.notify_all();
    }
    not_before = Clock::now() + (status.ok() ? Clock::duration(kBetweenWrites) : Clock::duration(kAfterFailure));
    if (last) return;
  }
}

absl::Status ConfigStore::Write(const Content& content) const {
  v1::Delta head;
  head.set_epoch(content.epoch);
  head.set_target(content.snapshot);
  std::string text(kHeaderBytes, '\0');
  std::size_t bytes = text.size() + head.ByteSizeLong();
  for (const auto& [key, resource] : content.resources) bytes += resource->size() + 6;
  text.reserve(bytes);
  head.AppendToString(&text);
  for (const auto& [key, resource] : content.resources) {
    std::uint8_t length[5];
    const std::uint8_t* end =
        CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(resource->size()), length);
    text += static_cast<char>(kChangedTag);
    text.append(reinterpret_cast<const char*>(length), static_cast<std::size_t>(end - length));
    text += *resource;
  }
  const std::string_view body = std::string_view(text).substr(kHeaderBytes);
  std::string header(kMagic);
  AppendNumber(header, body.size());
  AppendNumber(header, ChecksumOf(body));
  text.replace(0, kHeaderBytes, header);
  return ReplaceFile(folder_, std::string(kFileName), text);
}

}  // namespace portreeve::config
