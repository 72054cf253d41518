#!/usr/bin/env bash
# hack/quickstart --kubernetes: see there.
set -euo pipefail
# shellcheck source=hack/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"
# shellcheck source=hack/lib/try.sh
. hack/lib/try.sh

once=${1:-}
config=examples/quickstart
work=build/quickstart
log=$work/kubernetes-access.log
cluster=build/quickstart/cluster

[ "$(id -u)" = 0 ] || die "a Kubernetes on this machine needs root: run it with sudo"
hack/deps build test cluster
use_go
if [ -z "${PORTREEVE_BIN:-}" ]; then
  PORTREEVE_BIN=$ROOT/build/release/bin
  [ -x "$PORTREEVE_BIN/portreeve-controller" ] || say "building (the first time takes some minutes)"
  hack/build release portreeve-controller portreeve-dataplane portreeve-demo-backend
fi
export PORTREEVE_BIN

mkdir -p "$work"
umask 077
say "starting a Kubernetes on this machine (the first time it is built from its sources: about ten minutes)"
(cd e2e && go build -o "$ROOT/$cluster" ./cluster/cmd)
"$cluster" build helm >/dev/null
"$cluster" up
"$cluster" load-image

pids=()
stop_all() {
  trap - EXIT INT TERM
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  if [ -n "$once" ]; then "$cluster" down; fi
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step WORDS…: shows a command of kubectl or helm, and runs it where the cluster is.
step() {
  printf '$ %s\n' "$*"
  "$cluster" exec "$@" || die "that should have worked; the log of the controller: $cluster kubectl logs -n portreeve-system deployment/portreeve-controller"
}

say "installing the chart"
step helm upgrade --install portreeve helm/portreeve --namespace portreeve-system --create-namespace --wait --timeout 3m >"$work/helm.log"
head -n 1 "$work/helm.log"
step kubectl wait --for=condition=Accepted --timeout=60s gatewayclass/portreeve

say "the example of examples/quickstart, with its backends as pods"
make_certificate
step kubectl apply -f examples/kubernetes/backends.yaml -f "$config/gateway.yaml" -f "$config/certificate.yaml" -f "$config/routes.yaml"
step kubectl wait --namespace demo --for=condition=Programmed --timeout=90s gateway/edge
step kubectl rollout status --namespace demo deployment/one --timeout=90s
step kubectl rollout status --namespace demo deployment/two --timeout=90s
address=$("$cluster" kubectl get gateway --namespace demo edge --output 'jsonpath={.status.addresses[0].value}')

: >"$log"
"$cluster" kubectl logs --namespace demo --follow --since=1s deployment/edge-portreeve >>"$log" 2>&1 &
pids+=($!)

say "requests to the Gateway's address, and what the access log says of each"
# shellcheck disable=SC2034  # read by try.sh
curl=("$cluster" exec curl)
try_examples "http://$address:8080" "https://$address:8443"

say "what the objects say"
step kubectl get gateway,httproute --namespace demo

if [ -n "$once" ]; then
  say "stopping"
  [ "$bad" = 0 ] || die "not every request was answered as it should be"
  echo "All went as it should. Without --once the cluster goes on, and you can try things in it."
  exit
fi

cat <<TXT

The cluster goes on. Try, from this folder:

  $cluster exec curl http://$address:8080/cart         what is served
  $cluster kubectl edit httproute --namespace demo canary    what is changed is served at once
  $cluster kubectl describe gateway --namespace demo edge    why something isn't
  $cluster kubectl logs --namespace demo deployment/edge-portreeve
  $cluster down                                        ends it all

Next: docs/kubernetes-first-route.md, docs/kubernetes-tls.md.
TXT
[ "$bad" = 0 ] || die "not every request was answered as it should be"
