#include "dataplane/config/config_store.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "dataplane/config/config_dump.h"
#include "dataplane/config/test_resources.h"
#include "portreeve/config/v1/service.pb.h"

namespace portreeve::config {
namespace {

using std::chrono::seconds;

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() {
    unlink(file().c_str());
    unlink((file() + ".new").c_str());
    rmdir(path_);
  }
  std::string path() const { return path_; }
  std::string file() const { return path() + "/last-good"; }
  std::string Read() const {
    std::ifstream in(file(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void Write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }

 private:
  char path_[32] = "/tmp/portreeve-store-XXXXXX";
};

std::pair<std::string, std::string> Serialised(const testing::Named& resource) {
  return {resource.first, resource.second->SerializeAsString()};
}

void Fill(ConfigStore& store) {
  store.Update({Serialised(testing::Backend("b")), Serialised(testing::Endpoints("b", {1})),
                Serialised(testing::Listener("http", 80))},
               {}, "snapshot-1", 7, true);
}

TEST_CASE("What is in force comes back from disk") {
  const Folder folder;
  {
    ConfigStore store(folder.path());
    CHECK(absl::IsNotFound(store.Load().status()));
    Fill(store);
    REQUIRE(store.Flush(seconds(10)));
    store.Update({Serialised(testing::Backend("c"))}, {"endpoints/ns/b"}, "snapshot-2", 8, true);
    // The rest is written at the end.
  }
  struct stat info{};
  REQUIRE(stat(folder.file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const ConfigStore store(folder.path());
  const auto delta = store.Load();
  REQUIRE(delta.ok());
  CHECK((*delta)->target() == "snapshot-2");
  CHECK((*delta)->epoch() == 8);
  CHECK((*delta)->base().empty());
  REQUIRE((*delta)->changed_size() == 3);
  CHECK((*delta)->changed(0).SerializeAsString() == testing::Backend("b").second->SerializeAsString());
  CHECK((*delta)->changed(1).key() == "backend/ns/c");
  CHECK((*delta)->changed(2).key() == "listener/ns/gw/http");
}

TEST_CASE("A file that isn't whole is refused, whatever is wrong with it") {
  const Folder folder;
  {
    ConfigStore store(folder.path());
    Fill(store);
  }
  const std::string good = folder.Read();
  const ConfigStore store(folder.path());
  REQUIRE(store.Load().ok());
  for (std::size_t i = 0; i < good.size(); ++i) {
    INFO("byte " << i);
    std::string damaged = good;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    folder.Write(damaged);
    REQUIRE(absl::IsDataLoss(store.Load().status()));
    folder.Write(good.substr(0, i));
    REQUIRE(absl::IsDataLoss(store.Load().status()));
  }
  folder.Write(good + "x");
  CHECK(absl::IsDataLoss(store.Load().status()));
  folder.Write("kind: Gateway\n");
  CHECK(absl::IsDataLoss(store.Load().status()));
}

TEST_CASE("A full disk leaves the old file, and a later update is written once there is room") {
  const Folder folder;
  signal(SIGXFSZ, SIG_IGN);
  ConfigStore store(folder.path());
  Fill(store);
  REQUIRE(store.Flush(seconds(10)));
  const std::string before = folder.Read();
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  rlimit small = unlimited;
  small.rlim_cur = 64;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  store.Update({}, {"backend/ns/b"}, "snapshot-2", 7, true);
  CHECK_FALSE(store.Flush(std::chrono::milliseconds(500)));
  REQUIRE(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  CHECK(folder.Read() == before);
  CHECK(access((folder.file() + ".new").c_str(), F_OK) != 0);
  CHECK(store.Flush(seconds(20)));
  CHECK((*store.Load())->target() == "snapshot-2");
}

TEST_CASE("Without a folder all of it works in memory") {
  ConfigStore store("");
  Fill(store);
  CHECK(store.Flush(seconds(0)));
  CHECK(store.Copy().size() == 3);
  CHECK_FALSE(store.Load().ok());
}

TEST_CASE("The dump shows everything but secrets") {
  ConfigStore store("");
  Fill(store);
  store.Update({Serialised(testing::Certificate("c", "CHAIN", SecretBytes("KEY")))}, {}, "s", 1, true);
  DumpHead head;
  head.snapshot = "s";
  head.refused = {{"rule/ns/r/0", "v", "HTTPRoute ns/r", "matches[0]", "bad \xff"}};
  const std::string text = DumpConfig(head, store.Copy());
  CHECK(text.find("backend/ns/b") != std::string::npos);
  CHECK(text.find("certificate/ns/c") != std::string::npos);
  CHECK(text.find("[redacted]") != std::string::npos);
  CHECK(text.find("S0VZ") == std::string::npos);
  CHECK(text.find("KEY") == std::string::npos);
  CHECK(text.find("Q0hBSU4") == std::string::npos);
}

}  // namespace
}  // namespace portreeve::config
