// Match allocates nothing once the thread is warm.
#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include "dataplane/route/test_routes.h"

namespace {
thread_local std::size_t allocations = 0;
}  // namespace

// Counts for the whole test program. All forms that end in these deletes are here, for the sanitizer's sake.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void* operator new(std::size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace portreeve::route {
namespace {

TEST_CASE("a warm thread matches without allocation") {
  std::vector<RouteEntry> entries;
  for (int i = 0; i < 100; ++i) {
    const std::string tenant = "a-tenant-with-a-long-name-" + std::to_string(i);
    entries.push_back(Draft::Prefix("/api").Header("X-Tenant", tenant).Query("parameter", "decoded value").Build(i));
  }
  entries.push_back(Draft::Exact("/api/a-segment-longer-than-its-slot/x").Method("PUT").Build(100));
  RouteTable table;
  table = table.With("*.example.com", HostRoutes::Build(std::move(entries)));
  table = table.With("a.example.com", Routes({Draft::Prefix("/other")}));

  const http::RequestHead head = Request("/api/a-segment-longer-than-its-slot/x?x=1&parameter=decoded%20value",
                                         {{"X-Tenant", "a-tenant-with-a-long-name-7"}, {"accept", "*/*"}});
  http::RequestHead joined = head;
  joined.headers.Add("x-tenant", "a-second-line-that-makes-the-value-a-joined-one");
  CHECK(RuleOf(table.Match(head)) == 7);
  CHECK(RuleOf(table.Match(joined)) == -1);
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    (void)table.Match(head);
    (void)table.Match(joined);
  }
  const std::size_t after = allocations;
  CHECK(after == before);
  CHECK(before > 0);
}

}  // namespace
}  // namespace portreeve::route
