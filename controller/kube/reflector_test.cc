// Lists and watches, and all that may be wrong with them.
#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/kube/reflector_rig.h"

namespace portreeve::kube::reflector_test {
namespace {

using nlohmann::json;
using Rig = ReflectorRig;

TEST_CASE("A kind is listed in pages, then watched, over TLS too") {
  FaultApiServer::Options options;
  options.tls = GENERATE(false, true);
  Rig rig(Kind::kHTTPRoute, options);
  Words names;
  for (int i = 1000; i < 2201; ++i) {
    rig.server.Put(kRoutes, Route("r" + std::to_string(i)));
    names.push_back("ns/r" + std::to_string(i));
  }
  rig.Start();
  REQUIRE(rig.Knows(names));
  CHECK(rig.server.Count([](const Seen& seen) { return seen.list(); }) == 3);
  REQUIRE(rig.Watching());
  rig.server.Put(kRoutes, Route("r1000", "/changed"));
  rig.server.Delete(kRoutes, "ns", "r2200");
  names.pop_back();
  REQUIRE(rig.Knows(names));
  CHECK(rig.PathOf("r1000") == "/changed");
  CHECK(rig.reflector->status().state == WatchState::kWatching);
  CHECK(rig.reflector->status().read);
  CHECK(rig.reflector->status().reason.empty());
}

TEST_CASE("One namespace alone is listed and watched") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a", "/", "mine"));
  rig.server.Put(kRoutes, Route("a", "/", "other"));
  rig.Start(Quick(), "mine");
  REQUIRE(rig.Knows({"mine/a"}));
  REQUIRE(rig.Watching());
  rig.server.Put(kRoutes, Route("b", "/", "other"));
  rig.server.Put(kRoutes, Route("b", "/", "mine"));
  CHECK(rig.Knows({"mine/a", "mine/b"}));
}

TEST_CASE("After the end of a watch it goes on from the last event or bookmark, and lists only if it was cut off") {
  Rig rig(Kind::kHTTPRoute, {.numeric_versions = GENERATE(true, false)});
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  // Others are busy, and only the bookmark tells how far the watch is.
  const std::string version = rig.server.Put(kMaps, {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}});
  rig.server.Bookmark(kRoutes);
  rig.server.Put(kRoutes, Route("b"));
  REQUIRE(rig.Knows({"ns/a", "ns/b"}));
  const bool in_order = GENERATE(true, false);
  rig.server.EndWatches(in_order);
  rig.server.Put(kRoutes, Route("c"));
  REQUIRE(rig.Knows({"ns/a", "ns/b", "ns/c"}));
  CHECK(rig.Lists() == (in_order ? 1 : 2));
  CHECK(Eventually([&] {
    std::string last;
    for (const Seen& seen : rig.server.Requests()) {
      if (seen.watch) last = seen.version;
    }
    return last > version;
  }));
}

TEST_CASE("A watch from a version that is forgotten, told by status or by event, leads to a list that is compared") {
  Rig rig;
  rig.server.SetGoneAsEvent(GENERATE(false, true));
  for (const char* name : {"a", "b", "c"}) rig.server.Put(kRoutes, Route(name));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  // While nobody watches: one changes, one comes, one goes, and the history is forgotten.
  rig.server.SetFault([](const Seen& seen) -> std::optional<Fault> {
    if (!seen.watch && seen.limit != "1") return std::nullopt;
    return Fault{.status = 429};
  });
  rig.server.EndWatches(true);
  REQUIRE(Eventually([&] { return rig.reflector->status().state == WatchState::kRetrying; }));
  rig.server.Put(kRoutes, Route("b", "/changed"));
  rig.server.Put(kRoutes, Route("d"));
  rig.server.Delete(kRoutes, "ns", "c");
  rig.server.Compact();
  CHECK(rig.Told().empty());
  rig.server.SetFault(nullptr);
  REQUIRE(rig.Knows({"ns/a", "ns/b", "ns/d"}));
  CHECK(rig.Told() == Words{"+ns/b", "+ns/d", "-ns/c"});
  CHECK(rig.Lists() == 2);
}

TEST_CASE("A list whose next page has expired begins anew, and is read in one piece if that goes on") {
  Rig rig;
  Words names;
  for (int i = 1000; i < 1600; ++i) {
    rig.server.Put(kRoutes, Route("r" + std::to_string(i)));
    names.push_back("ns/r" + std::to_string(i));
  }
  rig.server.SetFault([&](const Seen& seen) -> std::optional<Fault> {
    if (!seen.continue_.empty()) rig.server.Compact();
    return std::nullopt;
  });
  rig.Start();
  REQUIRE(rig.Knows(names));
  CHECK(rig.Told().size() == names.size());
  CHECK(rig.server.Count([](const Seen& seen) { return !seen.continue_.empty(); }) == 2);
  CHECK(rig.server.Count([](const Seen& seen) { return seen.list() && seen.limit.empty(); }) == 1);
}

TEST_CASE("Half a list is no list") {
  Rig rig;
  for (const char* name : {"a", "b"}) rig.server.Put(kRoutes, Route(name));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  const std::string what = GENERATE("cut", "broken", "no version", "empty", "an error in good order");
  rig.server.SetFault([what](const Seen& seen) -> std::optional<Fault> {
    if (seen.watch) return Fault{.status = 500};
    if (what == "cut") return Fault{.cut = true};
    if (what == "broken") return Fault{.raw_body = R"({"items":[],"metadata":{"resourceVersion":"5")"};
    if (what == "no version") return Fault{.raw_body = R"({"items":[],"metadata":{}})"};
    if (what == "empty") return Fault{.raw_body = "{}"};
    return Fault{.status = 500};
  });
  rig.server.EndWatches(false);
  REQUIRE(Eventually([&] { return rig.reflector->status().failures > 3; }));
  CHECK(rig.Told().empty());
  rig.server.Delete(kRoutes, "ns", "a");
  rig.server.SetFault(nullptr);
  REQUIRE(rig.Knows({"ns/b"}));
  CHECK(rig.Told() == Words{"-ns/a"});
}

TEST_CASE("An event that is cut in two is told once, when it comes again whole") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  rig.server.SendRaw(kRoutes, R"({"type":"ADDED","object":{"metadata":{"name":"b","names)");
  const bool in_order = GENERATE(true, false);
  rig.server.EndWatches(in_order);
  rig.server.Put(kRoutes, Route("b"));
  REQUIRE(rig.Knows({"ns/a", "ns/b"}));
  CHECK(rig.Told() == Words{"+ns/b"});
  CHECK(rig.Lists() == (in_order ? 1 : 2));
}

TEST_CASE("After what is no event, or comes out of order, all is listed and compared") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.server.Put(kRoutes, Route("lost"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  rig.server.DeleteUnseen(kRoutes, "ns", "lost");
  rig.server.SendRaw(kRoutes,
                     GENERATE("nonsense\n", "{\"type\":\"ADDED\"}\n",
                              "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}\n",
                              "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\","
                              "\"resourceVersion\":\"7\"}}}\n",
                              "{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd\"}}\n"));
  REQUIRE(rig.Knows({"ns/a"}));
  CHECK(rig.Told() == Words{"-ns/lost"});
}

TEST_CASE("What comes twice, and types of a later server, do no harm") {
  Rig rig;
  rig.server.Put(kRoutes, Route("a"));
  rig.Start();
  REQUIRE(rig.Watching());
  rig.Told();
  json again = {{"type", "MODIFIED"}, {"object", rig.server.Get(kRoutes, "ns", "a")}};
  rig.server.SendRaw(kRoutes, again.dump() + "\n" + again.dump() + "\n");
  rig.server.SendRaw(kRoutes, "{\"type\":\"LATER\",\"object\":{}}\n");
  rig.server.Put(kRoutes, Route("b"));
  REQUIRE(rig.Knows({"ns/a", "ns/b"}));
  CHECK(rig.Told() == Words{"+ns/b"});
  CHECK(rig.Lists() == 1);
}

TEST_CASE("A server that was restored from a backup is listed and compared") {
  Rig rig;
  rig.server.Put(kRoutes, Route("old", "/before"));
  rig.server.Put(kRoutes, Route("gone"));
  const auto backup = rig.server.Backup();
  rig.Start();
  REQUIRE(rig.Watching());
  rig.server.Delete(kRoutes, "ns", "gone");
  rig.server.Put(kRoutes, Route("old", "/after"));
  rig.server.Put(kRoutes, Route("new"));
  REQUIRE(rig.Knows({"ns/new", "ns/old"}));
  rig.Told();
  SECTION("seen by the version that went back") {
    rig.server.Restore(backup);
  }
  SECTION("it was away, and its versions are greater already when it is back") {
    rig.server.Down();
    REQUIRE(Eventually([&] { return rig.reflector->status().unreachable; }));
    rig.server.Restore(backup);
    for (int i = 0; i < 20; ++i) rig.server.Put(kMaps, {{"metadata", {{"name", "x"}, {"namespace", "ns"}}}});
    rig.server.Up();
  }
  SECTION("nobody saw it away, and its versions are greater already when a new watch begins") {
    rig.server.Restore(backup, 20);
  }
  REQUIRE(rig.Knows({"ns/gone", "ns/old"}));
  CHECK(rig.PathOf("old") == "/before");
  const Words told = rig.Told();
  CHECK(told == Words{"+ns/gone", "+ns/old", "-ns/new"});
  rig.server.Put(kRoutes, Route("later"));
  CHECK(rig.Knows({"ns/gone", "ns/later", "ns/old"}));
}

TEST_CASE("A watch in which nothing comes for longer than it should last is replaced") {
  Rig rig;
  rig.server.SetEndless(true);
  ReflectorOptions options = Quick();
  options.watch_time = seconds(1);
  options.watch_slack = milliseconds(50);
  rig.Start(options);
  REQUIRE(rig.Watching());
  REQUIRE(Eventually([&] { return rig.reflector->status().watches >= 2; }));
  // While nothing came, anything may have happened.
  CHECK(rig.Lists() == 2);
  bool said = false;
  for (const ReflectorStatus& status : rig.Statuses()) said |= status.reason.find("nothing came") != std::string::npos;
  CHECK(said);
}

TEST_CASE("A watch that lasted as long as it was asked to goes on, and has not failed") {
  Rig rig;
  ReflectorOptions options = Quick();
  options.watch_time = seconds(1);
  rig.Start(options);
  REQUIRE(Eventually([&] { return rig.reflector->status().watches >= 2; }));
  CHECK(rig.reflector->status().failures == 0);
  CHECK(rig.Lists() == 1);
}

}  // namespace
}  // namespace portreeve::kube::reflector_test
