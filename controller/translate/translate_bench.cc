// What a translation costs at 5,000 routes, each with a Service and a slice of its own: from nothing, and after one
// change.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "controller/gatewayapi/decode.h"
#include "controller/store/resource_store.h"
#include "controller/translate/text.h"
#include "controller/translate/translator.h"

namespace portreeve::translate {
namespace {

constexpr int kRoutes = 5000;

std::string Frame() {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: portreeve}\n"
         "spec: {controllerName: portreeve.dev/controller}\n---\n"
         "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {namespace: shop, name: edge}\n"
         "spec:\n  gatewayClassName: portreeve\n  listeners: [{name: http, protocol: HTTP, port: 80}]\n---\n";
}

std::string Route(int i, std::string_view path) {
  return Concat("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {namespace: shop, name: r", i,
                "}\nspec:\n  parentRefs: [{name: edge}]\n  hostnames: [h", i,
                ".example.com]\n  rules:\n  - matches: [{path: {value: ", path, "}}]\n    backendRefs: [{name: s", i,
                ", port: 80}]\n---\n");
}

std::string ServiceAndSlice(int i, std::string_view address) {
  return Concat("apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: s", i,
                "}\nspec: {ports: [{name: http, port: 80}]}\n---\n",
                "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {namespace: shop, name: s", i,
                "-1, labels: {kubernetes.io/service-name: s", i,
                "}}\naddressType: IPv4\nports: [{name: http, port: 8080}]\nendpoints: [{addresses: [\"", address,
                "\"]}]\n---\n");
}

void Put(const std::string& text, store::ResourceStore* store) {
  for (const gatewayapi::DecodedObject& object : gatewayapi::DecodeDocuments(text, "bench.yaml").objects) {
    store->Put(object.object);
  }
}

void Fill(store::ResourceStore* store) {
  Put(Frame(), store);
  for (int i = 0; i < kRoutes; ++i) Put(Route(i, "/a") + ServiceAndSlice(i, "10.0.0.1"), store);
}

void FromNothing(benchmark::State& bench) {
  store::ResourceStore store;
  Fill(&store);
  const auto state = store.Snapshot();
  for (auto _ : bench) benchmark::DoNotOptimize(Translator().Translate(*state));
}
BENCHMARK(FromNothing)->Unit(benchmark::kMillisecond);

void OneRoute(benchmark::State& bench) {
  store::ResourceStore store;
  Fill(&store);
  Translator translator;
  translator.Translate(*store.Snapshot());
  bool odd = false;
  for (auto _ : bench) {
    bench.PauseTiming();
    odd = !odd;
    Put(Route(kRoutes / 2, odd ? "/b" : "/c"), &store);
    const auto state = store.Snapshot();
    bench.ResumeTiming();
    benchmark::DoNotOptimize(translator.Translate(*state));
  }
}
BENCHMARK(OneRoute)->Unit(benchmark::kMicrosecond);

void OneSlice(benchmark::State& bench) {
  store::ResourceStore store;
  Fill(&store);
  Translator translator;
  translator.Translate(*store.Snapshot());
  bool odd = false;
  for (auto _ : bench) {
    bench.PauseTiming();
    odd = !odd;
    Put(ServiceAndSlice(kRoutes / 2, odd ? "10.0.0.2" : "10.0.0.3"), &store);
    const auto state = store.Snapshot();
    bench.ResumeTiming();
    benchmark::DoNotOptimize(translator.Translate(*state));
  }
}
BENCHMARK(OneSlice)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace portreeve::translate

BENCHMARK_MAIN();
