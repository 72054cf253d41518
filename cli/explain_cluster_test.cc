// Which Gateway's data plane gets a request, where each has one of its own; and bad input.
#include <absl/strings/str_cat.h>

#include <catch2/catch.hpp>

#include "cli/explain_testing.h"

namespace portreeve::cli {
namespace {

using testing::Gateway;
using testing::Services;
using testing::YamlFolder;

std::string RouteOf(const std::string& gateway, const std::string& backend) {
  return testing::Route(gateway, absl::StrCat("parentRefs: [{name: ", gateway,
                                              "}], rules: [{backendRefs: [{name: ", backend, ", port: 80}]}]"));
}

// Two Gateways that share port 80, and one with a port of its own.
std::string Three() {
  return absl::StrCat(Services(), Gateway("a", "{name: http, port: 80, protocol: HTTP, hostname: '*.a.test'}"),
                      Gateway("b", "{name: http, port: 80, protocol: HTTP, hostname: '*.test'}"),
                      Gateway("c", "{name: http, port: 8080, protocol: HTTP}"), RouteOf("a", "one"),
                      RouteOf("b", "two"), RouteOf("c", "one"));
}

absl::StatusOr<Explanation> InCluster(const std::string& url, const std::string& gateway = "") {
  const YamlFolder folder(Three());
  const auto objects = ReadFolder(folder.path(), false);
  REQUIRE(objects.ok());
  ExplainCommand command;
  command.from.cluster = true;
  command.gateway = gateway;
  const auto asked = ParseRequest({url}, {});
  REQUIRE(asked.ok());
  return ExplainObjects(*objects, command, *asked);
}

TEST_CASE("The Gateway whose listeners take the request is found by port, then by host") {
  CHECK(InCluster("http://x.test:8080/")->gateway == "demo/c");
  CHECK(InCluster("http://x.b.test/")->gateway == "demo/b");
  const auto both = InCluster("http://x.a.test/");
  REQUIRE_FALSE(both.ok());
  CHECK(both.status().message() == "several Gateways have a listener for it: demo/a, demo/b; say which with --gateway");
  // No listener has such a host, so each might be meant.
  CHECK_FALSE(InCluster("http://other/").ok());
  const auto none = InCluster("http://x.test:81/");
  REQUIRE(none.ok());
  CHECK(none->ports == std::vector<std::string>{"80 (HTTP, demo/a)", "8080 (HTTP, demo/c)"});
}

TEST_CASE("A Gateway that is named is asked alone") {
  CHECK(InCluster("http://x.a.test/", "demo/a")->rule->backends[0].name == "demo/one:80");
  CHECK(InCluster("http://x.a.test/", "demo/b")->rule->backends[0].name == "demo/two:80");
  CHECK(InCluster("http://x.a.test:8080/", "demo/b")->ports == std::vector<std::string>{"80 (HTTP, demo/b)"});
  const auto unknown = InCluster("http://x.a.test/", "demo/x");
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.status().message() ==
        "--gateway demo/x: there is no such Gateway of this controller's; there are: demo/a, demo/b, demo/c. Write "
        "NAMESPACE/NAME");
}

TEST_CASE("What can't be understood or read ends with 2, what isn't served with 1") {
  const YamlFolder folder(Three());
  ExplainCommand command;
  command.from.folder = folder.path();
  command.words = {"http://x.test:8080/"};
  CHECK(RunExplain(command) == 0);
  command.json = true;
  command.words = {"http://x.test:81/"};
  CHECK(RunExplain(command) == 1);
  command.words = {"no url"};
  CHECK(RunExplain(command) == 2);
  command.words = {"http://x.test/"};
  command.headers = {"no colon"};
  CHECK(RunExplain(command) == 2);
  command.headers.clear();
  command.gateway = "demo/nope";
  CHECK(RunExplain(command) == 2);
  command.gateway.clear();
  command.from.folder = "/nowhere/at/all";
  CHECK(RunExplain(command) == 2);
  command.from.cluster = true;
  command.from.access.kubeconfig = "/nowhere/config";
  CHECK(RunExplain(command) == 2);
}

}  // namespace
}  // namespace portreeve::cli
