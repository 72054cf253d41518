#include "dataplane/proxy/trusted_proxies.h"

#include <catch2/catch.hpp>
#include <string>

namespace portreeve::proxy {

TEST_CASE("networks hold their addresses and no others") {
  TrustedProxies proxies;
  REQUIRE(proxies.Add("192.0.2.128/25").ok());
  REQUIRE(proxies.Add("198.51.100.7").ok());
  REQUIRE(proxies.Add("2001:db8::/33").ok());
  CHECK(proxies.Contains("192.0.2.128"));
  CHECK(proxies.Contains("192.0.2.255"));
  CHECK_FALSE(proxies.Contains("192.0.2.127"));
  CHECK(proxies.Contains("198.51.100.7"));
  CHECK_FALSE(proxies.Contains("198.51.100.8"));
  CHECK(proxies.Contains("2001:db8:7fff::1"));
  CHECK_FALSE(proxies.Contains("2001:db8:8000::1"));
  CHECK_FALSE(proxies.Contains("not an address"));
}

TEST_CASE("what is no network is named") {
  TrustedProxies proxies;
  for (const std::string bad : {"", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "host/8", "192.0.2.0/x"}) {
    const absl::Status status = proxies.Add(bad);
    CAPTURE(bad);
    REQUIRE_FALSE(status.ok());
    CHECK(std::string(status.message()).find("\"" + bad + "\"") != std::string::npos);
  }
}

}  // namespace portreeve::proxy
