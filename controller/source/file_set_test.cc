#include "controller/source/file_set.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace portreeve::source {
namespace {

using gatewayapi::HTTPRoute;
using gatewayapi::ObjectKey;
using gatewayapi::Ptr;

std::string Route(const std::string& name, const std::string& host, const std::string& extra = "") {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name + ", namespace: a" +
         extra + "}\nspec: {hostnames: [" + host + "]}\n";
}

// "applied HTTPRoute a/r x.example.com gen 1"
std::vector<std::string> Told(const SourceBatch& batch) {
  std::vector<std::string> lines;
  for (const ResourceEvent& event : batch.events) {
    std::string line = event.type == ResourceEvent::Type::kApplied ? "applied " : "deleted ";
    line += event.key.name;
    if (event.type == ResourceEvent::Type::kApplied) {
      if (const auto* route = std::get_if<Ptr<HTTPRoute>>(&event.object)) {
        line += " " + (*route)->spec.hostnames.at(0) + " " + std::to_string((*route)->metadata.generation);
      }
    }
    lines.push_back(line);
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("Objects come, change and go") {
  FileSet files("f/");
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  CHECK(Told(files.Take()) == Lines{"applied r x 1", "applied s y 1"});
  CHECK(files.Take().events.empty());
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  CHECK(files.Take().events.empty());
  files.Put("a.yaml", Route("r", "x2") + Route("s", "y"));
  CHECK(Told(files.Take()) == Lines{"applied r x2 2"});
  files.Put("a.yaml", Route("s", "y"));
  CHECK(Told(files.Take()) == Lines{"deleted r"});
  files.Put("a.yaml", Route("s", "y") + Route("r", "x"));
  CHECK(Told(files.Take()) == Lines{"applied r x 1"});
  files.Remove("a.yaml");
  CHECK(Told(files.Take()) == Lines{"deleted r", "deleted s"});
  CHECK(files.AllProblems().empty());
}

TEST_CASE("Generation counts spec changes only, unless the file gives it") {
  FileSet files("");
  files.Put("a.yaml", Route("r", "x"));
  files.Take();
  files.Put("a.yaml", Route("r", "x", ", labels: {a: b}"));
  CHECK(Told(files.Take()) == Lines{"applied r x 1"});
  files.Put("a.yaml", "# a comment more\n" + Route("r", "x", ", labels: {a: b}"));
  CHECK(Told(files.Take()).empty());
  files.Put("a.yaml", Route("r", "z", ", generation: 7"));
  CHECK(Told(files.Take()) == Lines{"applied r z 7"});
  files.Put("a.yaml", Route("r", "w"));
  CHECK(Told(files.Take()) == Lines{"applied r w 8"});
}

TEST_CASE("A syntax error keeps the whole last state of the file") {
  FileSet files("f/");
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  files.Put("b.yaml", Route("t", "z"));
  files.Take();
  files.Put("a.yaml", Route("r", "x2") + "---\nkind: [\n");
  SourceBatch batch = files.Take();
  CHECK(batch.events.empty());
  REQUIRE(batch.problems.size() == 1);
  CHECK(batch.problems[0].file == "f/a.yaml");
  CHECK(batch.problems[0].line >= 6);
  CHECK(files.AllProblems().size() == 1);
  files.Put("b.yaml", Route("t", "z2"));
  CHECK(Told(files.Take()) == Lines{"applied t z2 2"});
  files.Put("a.yaml", Route("r", "x2"));
  CHECK(Told(files.Take()) == Lines{"deleted s", "applied r x2 2"});
  CHECK(files.AllProblems().empty());
}

TEST_CASE("A refused object keeps its last good version, others of the file go on") {
  FileSet files("f/");
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  files.Take();
  files.Put("a.yaml", Route("r", "NOT A HOST") + Route("s", "y2"));
  SourceBatch batch = files.Take();
  CHECK(Told(batch) == Lines{"applied s y2 2"});
  REQUIRE(batch.problems.size() == 1);
  CHECK(batch.problems[0].object == "HTTPRoute a/r");
  files.Put("a.yaml", Route("s", "y2"));
  CHECK(Told(files.Take()) == Lines{"deleted r"});
}

TEST_CASE("A document without its name deletes nothing") {
  FileSet files("");
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  files.Take();
  files.Put("a.yaml", Route("", "x") + Route("s", "y"));
  CHECK(files.Take().events.empty());
  files.Put("a.yaml", Route("q", "x") + Route("s", "y"));
  CHECK(Told(files.Take()) == Lines{"deleted r", "applied q x 1"});
}

TEST_CASE("Of two files with the same object the first by name wins") {
  FileSet files("f/");
  files.Put("b.yaml", Route("r", "b"));
  CHECK(Told(files.Take()) == Lines{"applied r b 1"});
  files.Put("a.yaml", "# note\n" + Route("r", "a"));
  SourceBatch batch = files.Take();
  CHECK(Told(batch) == Lines{"applied r a 2"});
  REQUIRE(batch.problems.size() == 1);
  CHECK(batch.problems[0].ToString() ==
        "f/b.yaml:2:1: error: HTTPRoute a/r: is also in f/a.yaml:3, which comes first by name and is used; "
        "remove one of the two");
  files.Put("b.yaml", Route("r", "b2"));
  batch = files.Take();
  CHECK(batch.events.empty());
  CHECK(batch.problems.size() == 1);
  files.Remove("a.yaml");
  CHECK(Told(files.Take()) == Lines{"applied r b2 3"});
  CHECK(files.AllProblems().empty());
}

TEST_CASE("An object that moves to another file is not deleted in between") {
  FileSet files("");
  files.Put("a.yaml", Route("r", "x") + Route("s", "y"));
  files.Take();
  files.Put("a.yaml", Route("s", "y"));
  files.Put("b.yaml", Route("r", "x"));
  CHECK(files.Take().events.empty());
  files.Remove("b.yaml");
  files.Put("c.yaml", Route("r", "x2"));
  CHECK(Told(files.Take()) == Lines{"applied r x2 2"});
}

TEST_CASE("The same object twice in one file") {
  FileSet files("");
  files.Put("a.yaml", Route("r", "x") + Route("r", "y"));
  SourceBatch batch = files.Take();
  CHECK(Told(batch) == Lines{"applied r x 1"});
  REQUIRE(batch.problems.size() == 1);
  CHECK(batch.problems[0].line == 7);
  CHECK(batch.problems[0].message.find("line 2 comes first") != std::string::npos);
}

TEST_CASE("Problems move with their lines") {
  FileSet files("");
  files.Put("a.yaml", Route("r", "BAD"));
  const int line = files.Take().problems.at(0).line;
  files.Put("a.yaml", Route("s", "y") + Route("r", "BAD"));
  CHECK(files.Take().problems.at(0).line == line + 5);
}

TEST_CASE("An unreadable file keeps its objects") {
  FileSet files("f/");
  files.Put("a.yaml", Route("r", "x"));
  files.Take();
  files.Fail("a.yaml", "can't be read", "do something");
  SourceBatch batch = files.Take();
  CHECK(batch.events.empty());
  CHECK(batch.problems.at(0).ToString() == "f/a.yaml: error: can't be read; do something");
  files.Fail("a.yaml", "can't be read", "do something");
  CHECK(files.Take().problems.empty());
  files.Put("a.yaml", Route("r", "x"));
  CHECK(files.Take().events.empty());
  CHECK(files.AllProblems().empty());
}

TEST_CASE("Any order of the same files gives the same objects") {
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"a.yaml", Route("r", "a")}, {"b.yaml", Route("r", "b") + Route("s", "b")}, {"c.yaml", Route("s", "c")}};
  std::vector<size_t> order = {0, 1, 2};
  do {
    FileSet files("");
    std::map<std::string, std::string> hosts;
    for (const size_t i : order) {
      files.Put(texts[i].first, texts[i].second);
      for (const ResourceEvent& event : files.Take().events) {
        hosts[event.key.name] = std::get<Ptr<HTTPRoute>>(event.object)->spec.hostnames[0];
      }
    }
    CHECK(hosts == std::map<std::string, std::string>{{"r", "a"}, {"s", "b"}});
    CHECK(files.AllProblems().size() == 2);
  } while (std::ranges::next_permutation(order).found);
}

}  // namespace
}  // namespace portreeve::source
