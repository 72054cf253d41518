"""Runs in the network of a cluster with Portreeve in it; prints what it measured as JSON. See benchlib/cluster.py."""
import argparse
import json
import os
import signal
import socket
import sys
import threading
import time

from benchlib import kube_api, report
from benchlib.kube_api import GATEWAY_API, Api, until
from benchlib.processes import BenchError, memory_kib

NAMESPACE = "bench"
ROUTES = f"{GATEWAY_API}/namespaces/{NAMESPACE}/httproutes"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"


def host_of(name):
    return f"{name}.example.com"


def route(name, service="pods"):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name},
            "spec": {"parentRefs": [{"name": "edge"}], "hostnames": [host_of(name)],
                     "rules": [{"backendRefs": [{"name": service, "port": 80}]}]}}


def setup(api):
    """A Gateway, and one backend pod behind the Service `pods`."""
    api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    labels = {"app": "pods"}
    api.create(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", {"metadata": {"name": "pods"}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
            "name": "backend", "image": "portreeve-demo-backend:0.1.0", "imagePullPolicy": "IfNotPresent",
            "args": ["--port=9001", "--address=0.0.0.0", "--name=pods"],
            "readinessProbe": {"tcpSocket": {"port": 9001}, "periodSeconds": 1}}]}}}})
    api.create(f"/api/v1/namespaces/{NAMESPACE}/services", {"metadata": {"name": "pods"}, "spec": {
        "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 9001}]}})
    api.create(f"{GATEWAY_API}/namespaces/{NAMESPACE}/gateways", {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "edge"}, "spec": {"gatewayClassName": "portreeve", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}})

    def address():
        gateway = api.call("GET", f"{GATEWAY_API}/namespaces/{NAMESPACE}/gateways/edge")
        status = {one["type"]: one["status"] for one in gateway.get("status", {}).get("conditions", [])}
        return status.get("Programmed") == "True" and gateway["status"]["addresses"][0]["value"]
    where = until(120, address, "the Gateway is programmed")
    api.create(ROUTES, route("first"))
    client = Client(where)
    client.wait_for_200(host_of("first"), 60)
    return client


class Client:
    """One kept connection to the Gateway."""

    def __init__(self, address):
        self.address = address
        self.socket = None

    def status(self, host):
        if self.socket is None:
            self.socket = socket.create_connection((self.address, 80), timeout=30)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self.more()
        return int(head.split()[1])

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            self.socket = None
            raise ConnectionError("the gateway closed the connection")
        return piece

    def wait_for_200(self, host, seconds, others=None):
        deadline = time.monotonic() + seconds
        while True:
            try:
                status = self.status(host)
            except OSError:
                self.socket, status = None, 0
            if status == 200:
                return
            if others is not None and status != 404:
                others[str(status)] = others.get(str(status), 0) + 1
            if time.monotonic() > deadline:
                raise BenchError(f"no 200 for {host} within {seconds} s")
            time.sleep(0.0005)


def fill(names):
    """Creates routes, on several connections."""
    def work(part):
        api = Api()
        for name in part:
            api.create(ROUTES, route(name))
    threads = [threading.Thread(target=work, args=(names[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fill_up_to(api, client, number):
    there = len(api.items(ROUTES))
    names = [f"fill{i}" for i in range(there, number)]
    fill(names)
    for name in names[-4:]:
        client.wait_for_200(host_of(name), 120)


def one_by_one(api, client, prefix, number, others):
    times = []
    for i in range(number):
        name = f"{prefix}{i}"
        api.create(ROUTES, route(name))
        begin = time.monotonic()
        client.wait_for_200(host_of(name), 60, others)
        times.append(1000 * (time.monotonic() - begin))
    return times


def propagation(options):
    api = Api()
    client = setup(api)
    others = {}
    times = {f"{options.changes:,} routes, one by one": one_by_one(api, client, "one", options.changes, others)}
    for routes in options.routes:
        fill_up_to(api, client, routes)
        times[f"20 more at {routes:,}"] = one_by_one(api, client, f"at{routes}x", 20, others)
    return {"times": times, "others": others}


def only(program):
    found = kube_api.processes_named(program)
    if len(found) != 1:
        raise BenchError(f"{len(found)} processes called {program}: exactly one is wanted")
    return next(iter(found))


class PodChanges:
    """A Service whose one EndpointSlice is written here, with two of twenty addresses as if pods came and went."""

    def __init__(self, api):
        self.api = api
        api.create(f"/api/v1/namespaces/{NAMESPACE}/services", {"metadata": {"name": "moving"}, "spec": {
            "clusterIP": "None", "ports": [{"name": "http", "port": 80, "targetPort": 9001}]}})
        api.create(SLICES, {"metadata": {"name": "moving-1", "labels": {"kubernetes.io/service-name": "moving"}}, "addressType": "IPv4",
                            "ports": [{"name": "http", "port": 9001}], "endpoints": self.endpoints(0)})
        api.create(ROUTES, route("moving", "moving"))

    @staticmethod
    def endpoints(turn):
        return [{"addresses": [f"10.88.200.{1 + (turn + i) % 20}"], "conditions": {"ready": True}} for i in range(2)]

    def change(self, turn):
        self.api.patch(f"{SLICES}/moving-1", {"endpoints": self.endpoints(turn)})


def change_route(api, turn):
    api.patch(f"{ROUTES}/first", {"spec": {"hostnames": [host_of("first"), f"turn{turn}.example.com"]}})


def cores(seconds, change):
    pid = only("portreeve-controller")
    before, begin = kube_api.cpu_seconds(pid), time.monotonic()
    for turn in range(1, seconds + 1):
        change(turn)
        time.sleep(max(0.0, begin + turn - time.monotonic()))
    return (kube_api.cpu_seconds(pid) - before) / (time.monotonic() - begin)


def churn(options):
    api = Api()
    client = setup(api)
    pods = PodChanges(api)
    results = {}
    for routes in options.routes:
        fill_up_to(api, client, routes)
        time.sleep(15)  # statuses of the new routes are still being written

        def both(turn):
            change_route(api, turn)
            pods.change(turn)
        results[routes] = {"idle": cores(options.seconds, lambda turn: None),
                           "route": cores(options.seconds, lambda turn: change_route(api, turn)),
                           "pod": cores(options.seconds, pods.change), "both": cores(options.seconds, both)}
        print(f"{routes}: {results[routes]}", file=sys.stderr, flush=True)
    return results


def memory():
    return {"controller": memory_kib(only("portreeve-controller"), "VmRSS") / 1024,
            "data plane": memory_kib(only("portreeve-dataplane"), "VmRSS") / 1024}


def bytes_per_change(change, turns=20):
    pid = only("portreeve-dataplane")
    sizes = []
    for turn in range(turns):
        before = kube_api.received_bytes(pid)
        change(100 + turn)
        until(10, lambda before=before: kube_api.received_bytes(pid) > before, "something came to the data plane")
        time.sleep(0.1)
        sizes.append(kube_api.received_bytes(pid) - before)
    return int(report.median(sizes))


def scale(options):
    api = Api()
    client = setup(api)
    found = {0: memory()}
    for routes in options.routes:
        fill_up_to(api, client, routes)
        time.sleep(20)  # statuses are still being written, and what is freed late
        found[routes] = memory()
    last = max(found)
    pods = PodChanges(api)
    client.wait_for_200(host_of("first"), 10)
    sizes = {"route bytes": bytes_per_change(lambda turn: change_route(api, turn)), "pod bytes": bytes_per_change(pods.change)}
    # Both at once, as when a node ends; the kubelet starts them again in their places.
    name = f"fill{last - 1}"
    pids = [only("portreeve-controller"), only("portreeve-dataplane")]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    begin = time.monotonic()
    until(30, lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "both have ended", 0.001)
    client.socket = None
    client.wait_for_200(host_of(name), 60)
    return {"memory": found, "added": {one: found[last][one] - found[0][one] for one in found[0]}, **sizes,
            "restart": time.monotonic() - begin}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("propagation", "churn", "scale"))
    parser.add_argument("--routes", type=lambda text: [int(part) for part in text.split(",")], default=[5000])
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    try:
        results = {"propagation": propagation, "churn": churn, "scale": scale}[options.what](options)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
