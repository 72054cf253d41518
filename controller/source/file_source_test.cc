#include "controller/source/file_source.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>

namespace portreeve::source {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using gatewayapi::HTTPRoute;
using gatewayapi::Ptr;

std::string Route(const std::string& name, const std::string& host) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         ", namespace: a}\nspec: {hostnames: [" + host + "]}\n";
}

// A folder of its own, and what a source of it has said so far.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "portreeve-source-XXXXXX").string();
    base_ = mkdtemp(name.data());
    fs::create_directory(base_ / "f");
  }
  ~Folder() { fs::remove_all(base_); }

  fs::path operator/(const std::string& name) const { return base_ / "f" / name; }
  const fs::path& base() const { return base_; }

  void Write(const std::string& name, const std::string& text) const { std::ofstream(*this / name) << text; }

  void Open() {
    auto opened = FileSource::Open((base_ / "f").string());
    REQUIRE(opened.ok());
    source_ = *std::move(opened);
    Take(source_->Read());
  }

  FileSource& source() { return *source_; }
  std::map<std::string, std::string> hosts;  // by route name, as events told it
  std::vector<std::string> problems;
  int deletions = 0;

  // Reads changes until `holds`, at most 5 s. Gives how long it took.
  std::chrono::milliseconds Until(const std::function<bool()>& holds) {
    const Clock::time_point start = Clock::now();
    while (!holds()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(start + std::chrono::seconds(5) - Clock::now());
      if (left.count() <= 0) {
        FAIL("the change was not seen in time");
      }
      pollfd wait{source_->fd(), POLLIN, 0};
      if (poll(&wait, 1, static_cast<int>(left.count())) > 0) Take(source_->Read());
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  }
  std::chrono::milliseconds UntilHosts(const std::map<std::string, std::string>& wanted) {
    return Until([&] { return hosts == wanted; });
  }

 private:
  void Take(const SourceBatch& batch) {
    for (const ResourceEvent& event : batch.events) {
      if (event.type == ResourceEvent::Type::kDeleted) {
        ++deletions;
        hosts.erase(event.key.name);
      } else {
        hosts[event.key.name] = std::get<Ptr<HTTPRoute>>(event.object)->spec.hostnames.at(0);
      }
    }
    for (const gatewayapi::Problem& problem : batch.problems) problems.push_back(problem.ToString());
  }

  fs::path base_;
  std::unique_ptr<FileSource> source_;
};

using Hosts = std::map<std::string, std::string>;

TEST_CASE("A folder that isn't there is an error that says so") {
  const auto missing = FileSource::Open("/nonexistent/portreeve");
  REQUIRE_FALSE(missing.ok());
  CHECK(std::string(missing.status().message()) ==
        "folder /nonexistent/portreeve: No such file or directory; create it or give another one");
  const Folder folder;
  folder.Write("a.yaml", "");
  const auto file = FileSource::Open((folder / "a.yaml").string());
  REQUIRE_FALSE(file.ok());
  CHECK(std::string(file.status().message()).find("is a file, not a folder") != std::string::npos);
}

TEST_CASE("All files below are read, hidden and other ones are not") {
  Folder folder;
  fs::create_directories(folder / "sub/deeper");
  fs::create_directories(folder / ".git");
  folder.Write("a.yaml", Route("a", "a"));
  folder.Write("b.yml", Route("b", "b"));
  folder.Write("c.json",
               "{\n\t\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
               "\t\"metadata\": {\"name\": \"c\"}, \"spec\": {\"hostnames\": [\"c\"]}}\n");
  folder.Write("sub/deeper/d.yaml", Route("d", "d"));
  folder.Write(".hidden.yaml", Route("x", "x"));
  folder.Write(".git/x.yaml", Route("x", "x"));
  folder.Write("notes.txt", "not yaml");
  folder.Write("e.yaml~", Route("x", "x"));
  folder.Open();
  CHECK(folder.hosts == Hosts{{"a", "a"}, {"b", "b"}, {"c", "c"}, {"d", "d"}});
  CHECK(folder.problems.empty());
}

TEST_CASE("A file written in place, or renamed over, is seen within 50 ms") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  // The quickest of some, as the machine may be busy with other tests.
  auto in_place = std::chrono::milliseconds::max();
  auto renamed = std::chrono::milliseconds::max();
  for (int i = 0; i < 20; ++i) {
    const std::string host = "h" + std::to_string(i);
    folder.Write("a.yaml", Route("a", host));
    in_place = std::min(in_place, folder.UntilHosts({{"a", host}}));
    folder.Write(".a.yaml.swp", Route("a", host + "x"));
    fs::rename(folder / ".a.yaml.swp", folder / "a.yaml");
    renamed = std::min(renamed, folder.UntilHosts({{"a", host + "x"}}));
  }
  CHECK(in_place.count() < 50);
  CHECK(renamed.count() < 50);
  CHECK(folder.deletions == 0);
}

TEST_CASE("A file that is still being written is not read") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  std::ofstream half(folder / "a.yaml");
  half << "apiVersion: gateway" << std::flush;
  folder.Write("b.yaml", Route("b", "b"));
  folder.UntilHosts({{"a", "a"}, {"b", "b"}});
  CHECK(folder.problems.empty());
  half << ".networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a, namespace: a}\nspec: {hostnames: [a2]}\n";
  half.close();
  folder.UntilHosts({{"a", "a2"}, {"b", "b"}});
  CHECK(folder.deletions == 0);
}

TEST_CASE("The old file renamed away first, then a new one written") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  fs::rename(folder / "a.yaml", folder / "a.yaml~");
  CHECK(folder.source().Read().events.empty());
  folder.Write("a.yaml", Route("a", "a2"));
  folder.UntilHosts({{"a", "a2"}});
  CHECK(folder.deletions == 0);
}

TEST_CASE("Emptied and written again") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  folder.Write("a.yaml", "");
  CHECK(folder.source().Read().events.empty());
  folder.Write("a.yaml", Route("a", "a2"));
  folder.UntilHosts({{"a", "a2"}});
  CHECK(folder.deletions == 0);
  folder.Write("a.yaml", "");
  folder.UntilHosts({});
}

TEST_CASE("A deleted file takes its objects along") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Write("b.yaml", Route("b", "b"));
  folder.Open();
  fs::remove(folder / "a.yaml");
  folder.UntilHosts({{"b", "b"}});
  fs::rename(folder / "b.yaml", folder / "b.txt");
  folder.UntilHosts({});
  fs::rename(folder / "b.txt", folder / "b.yaml");
  folder.UntilHosts({{"b", "b"}});
}

TEST_CASE("A file renamed keeps its objects all the time") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  fs::rename(folder / "a.yaml", folder / "z.yaml");
  folder.Write("b.yaml", Route("b", "b"));
  folder.Until([&] { return folder.hosts.contains("b"); });
  fs::remove(folder / "b.yaml");
  folder.UntilHosts({{"a", "a"}});
  CHECK(folder.deletions == 1);
  CHECK(folder.problems.empty());
}

TEST_CASE("A new folder, written to at once, moved and removed") {
  Folder folder;
  folder.Open();
  fs::create_directories(folder / "x/y");
  folder.Write("x/y/a.yaml", Route("a", "a"));
  folder.UntilHosts({{"a", "a"}});
  folder.Write("x/y/a.yaml", Route("a", "a2"));
  folder.UntilHosts({{"a", "a2"}});
  fs::rename(folder / "x", folder / "z");
  folder.Write("z/y/a.yaml", Route("a", "a3"));
  folder.UntilHosts({{"a", "a3"}});
  CHECK(folder.deletions == 0);
  fs::rename(folder / "z", folder.base() / "outside");
  folder.UntilHosts({});
  fs::rename(folder.base() / "outside", folder / "back");
  folder.UntilHosts({{"a", "a3"}});
  fs::remove_all(folder / "back");
  folder.UntilHosts({});
}

TEST_CASE("Many files saved at once come together") {
  Folder folder;
  folder.Open();
  Hosts wanted;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "r" + std::to_string(i);
    folder.Write(name + ".yaml", Route(name, "h" + std::to_string(i)));
    wanted[name] = "h" + std::to_string(i);
  }
  folder.UntilHosts(wanted);
}

TEST_CASE("A mounted ConfigMap changes by its link") {
  Folder folder;
  fs::create_directory(folder / "..one");
  folder.Write("..one/a.yaml", Route("a", "one"));
  fs::create_symlink("..one", folder / "..data");
  fs::create_symlink("..data/a.yaml", folder / "a.yaml");
  folder.Open();
  CHECK(folder.hosts == Hosts{{"a", "one"}});
  fs::create_directory(folder / "..two");
  folder.Write("..two/a.yaml", Route("a", "two"));
  fs::create_symlink("..two", folder / "..data_tmp");
  fs::rename(folder / "..data_tmp", folder / "..data");
  fs::remove_all(folder / "..one");
  folder.UntilHosts({{"a", "two"}});
  CHECK(folder.deletions == 0);
}

TEST_CASE("Links to files and folders elsewhere") {
  Folder folder;
  fs::create_directory(folder.base() / "other");
  std::ofstream(folder.base() / "other/a.yaml") << Route("a", "a");
  folder.Open();
  fs::create_symlink(folder.base() / "other/a.yaml", folder / "a.yaml");
  folder.UntilHosts({{"a", "a"}});
  std::ofstream(folder.base() / "other/a.yaml") << Route("a", "a2");
  folder.UntilHosts({{"a", "a2"}});
  fs::remove(folder / "a.yaml");
  folder.UntilHosts({});
  fs::create_directory_symlink(folder.base() / "other", folder / "d");
  folder.UntilHosts({{"a", "a2"}});
  std::ofstream(folder.base() / "other/a.yaml") << Route("a", "a3");
  folder.UntilHosts({{"a", "a3"}});
  fs::create_hard_link(folder.base() / "other/a.yaml", folder / "0.yaml");
  fs::remove(folder / "d");
  folder.Write("b.yaml", Route("b", "b"));
  folder.UntilHosts({{"a", "a3"}, {"b", "b"}});
}

TEST_CASE("The folder itself goes and comes back") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  fs::rename(folder.base() / "f", folder.base() / "old");
  folder.Until([&] { return !folder.problems.empty(); });
  CHECK(folder.problems[0].find("the folder is gone") != std::string::npos);
  CHECK(folder.hosts == Hosts{{"a", "a"}});
  fs::create_directory(folder.base() / "f");
  folder.Write("a.yaml", Route("a", "a2"));
  folder.UntilHosts({{"a", "a2"}});
  CHECK(folder.source().AllProblems().empty());
  folder.Write("a.yaml", Route("a", "a3"));
  folder.UntilHosts({{"a", "a3"}});
}

TEST_CASE("A folder given by a link that is swapped") {
  Folder folder;
  for (const char* name : {"v1", "v2"}) {
    fs::create_directory(folder.base() / name);
    std::ofstream(folder.base() / name / "a.yaml") << Route("a", name);
  }
  fs::remove(folder.base() / "f");
  fs::create_directory_symlink("v1", folder.base() / "f");
  folder.Open();
  CHECK(folder.hosts == Hosts{{"a", "v1"}});
  fs::create_directory_symlink("v2", folder.base() / "tmp");
  fs::rename(folder.base() / "tmp", folder.base() / "f");
  folder.UntilHosts({{"a", "v2"}});
  std::ofstream(folder.base() / "v2/a.yaml") << Route("a", "v2b");
  folder.UntilHosts({{"a", "v2b"}});
  CHECK(folder.deletions == 0);
}

TEST_CASE("A broken file keeps its state and says where") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  folder.Open();
  folder.Write("a.yaml", "kind: [\n");
  folder.Until([&] { return !folder.problems.empty(); });
  CHECK(folder.problems[0].find((folder / "a.yaml").string() + ":") == 0);
  CHECK(folder.hosts == Hosts{{"a", "a"}});
  CHECK(folder.source().AllProblems().size() == 1);
  folder.Write("a.yaml", Route("a", "a2"));
  folder.UntilHosts({{"a", "a2"}});
  CHECK(folder.source().AllProblems().empty());
}

TEST_CASE("What can't be read is named and harms nothing") {
  Folder folder;
  folder.Write("a.yaml", Route("a", "a"));
  fs::create_directory(folder / "dir.yaml");
  REQUIRE(mkfifo((folder / "pipe.yaml").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", folder / "dangling.yaml");
  fs::create_directory_symlink(".", folder / "loop");
  folder.Open();
  CHECK(folder.hosts.at("a") == "a");
  bool pipe_named = false;
  for (const std::string& problem : folder.problems) {
    pipe_named |= problem.find("pipe.yaml: error: can't be read: it is not a file") != std::string::npos;
  }
  CHECK(pipe_named);
}

}  // namespace
}  // namespace portreeve::source
