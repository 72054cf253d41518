# Everything comes from Debian 12's own packages (hack/deps lists them).
find_package(Threads REQUIRED)
find_package(Boost 1.81 EXACT REQUIRED)  # the default libboost-dev is 1.74
find_package(OpenSSL 3 REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
find_path(HTTPLIB_INCLUDE_DIR httplib.h REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
if(PORTREEVE_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()

# Boost.Asio and Boost.Beast are instantiated once, here: see the two sources.
add_library(portreeve_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/third_party/asio.cc)
target_compile_definitions(portreeve_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
  # Coroutine frames of one request are reused from the thread's own cache.
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
target_link_libraries(portreeve_asio PUBLIC Boost::headers Threads::Threads)
add_library(portreeve::asio ALIAS portreeve_asio)

add_library(portreeve_beast STATIC ${CMAKE_SOURCE_DIR}/cmake/third_party/beast.cc)
target_compile_definitions(portreeve_beast PUBLIC BOOST_BEAST_SEPARATE_COMPILATION)
target_link_libraries(portreeve_beast PUBLIC portreeve_asio)
add_library(portreeve::beast ALIAS portreeve_beast)

add_library(portreeve_httplib INTERFACE)
target_include_directories(portreeve_httplib SYSTEM INTERFACE ${HTTPLIB_INCLUDE_DIR})
# As Debian has built the library: its types are laid out differently without it.
target_compile_definitions(portreeve_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT)
target_link_libraries(portreeve_httplib INTERFACE ${HTTPLIB_LIBRARY} OpenSSL::SSL Threads::Threads)
add_library(portreeve::httplib ALIAS portreeve_httplib)

# Catch2's own main, compiled once for all test programs.
add_library(portreeve_test_main OBJECT ${CMAKE_SOURCE_DIR}/cmake/third_party/catch_main.cc)
target_link_libraries(portreeve_test_main PUBLIC Catch2::Catch2)
