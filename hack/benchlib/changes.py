"""bench change, scale and route: what routes cost us."""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

from benchlib import peers, processes, report


class Client:
    """One kept connection that asks again and again."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def status(self, host, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            if not piece:
                raise processes.BenchError("the gateway closed the connection")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split()[1])

    def wait_for_200(self, host, path, seconds):
        deadline = time.monotonic() + seconds
        while self.status(host, path) != 200:
            if time.monotonic() > deadline:
                raise processes.BenchError(f"no 200 for http://{host}{path} within {seconds} s")
            time.sleep(0.0002)


def save_file(path, text):
    """As an editor does: written beside, renamed over."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)


def many_routes(number, backend_port):
    """One host, Service and EndpointSlice for each route."""
    return [peers.service_yaml(f"s{i}", backend_port) + peers.route_yaml(f"r{i}", f"s{i}", f"h{i}.example.com") for i in range(number)]


def ready(admin, process, work):
    def answer():
        if process.poll() is not None:
            raise processes.BenchError(f"portreeve ended with exit code {process.returncode}\n{work.errors_of('portreeve')}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1) as got:
                return got.status == 200
        except OSError:
            return False
    processes.until(60, answer, "/readyz")


def change_at(routes, changes):
    with processes.Workspace() as work:
        backend_port = peers.backend(work)
        port, admin = processes.free_port(), processes.free_port()
        folder = work.write("config/gateway.yaml", peers.gateway_yaml(port)).parent
        for i, text in enumerate(many_routes(routes, backend_port)):
            (folder / f"route-{i}.yaml").write_text(text.removeprefix("---\n"))
        process = work.start("portreeve", [processes.need("portreeve"), "run", "--workers", "1", "--access-log", "off", "--admin",
                                           f"127.0.0.1:{admin}", folder])
        ready(admin, process, work)
        client = Client(port)
        client.wait_for_200(f"h{routes - 1}.example.com", "/", 30)
        times = []
        for i in range(changes):
            host = f"new{i}.example.com"
            text = peers.route_yaml(f"new{i}", "s0", host).removeprefix("---\n")
            if client.status(host, "/") != 404:
                raise processes.BenchError(f"{host} is served before it is configured")
            begin = time.monotonic()
            save_file(folder / f"new-{i}.yaml", text)
            client.wait_for_200(host, "/", 30)
            times.append(1000 * (time.monotonic() - begin))
    return times


def run_change(options):
    results, rows = {}, []
    for routes in options.routes:
        print(f"{routes} routes", file=sys.stderr, flush=True)
        times = results[routes] = change_at(routes, options.changes)
        tenth = max(1, len(times) // 10)
        rows.append([f"{routes:,} routes", *(f"{value:.1f}" for value in (
            report.median(times), report.percentile(times, 0.95), max(times), report.median(times[:tenth]), report.median(times[-tenth:])))])
    report.save("change", {"changes": options.changes}, results, report.table(
        ["from a saved file to the first 200, ms", "median", "95 %", "largest", "first tenth", "last tenth"], rows))


def scale_once(routes):
    with processes.Workspace() as work:
        backend_port = peers.backend(work)
        port, admin = processes.free_port(), processes.free_port()
        folder = work.write("config/gateway.yaml", peers.gateway_yaml(port)).parent
        base = peers.service_yaml("first", backend_port) + peers.route_yaml("first", "first", "first.example.com")
        (folder / "first.yaml").write_text(base.removeprefix("---\n"))
        channel = f"unix:{work.folder}/config.sock"
        pair = {"controller": work.start("portreeve-controller", [processes.need("portreeve-controller"), "--folder", folder,
                                                                  "--listen", channel])}
        pair["data plane"] = work.start("portreeve", [
            processes.need("portreeve-dataplane"), "--controller", channel, "--workers", "1", "--access-log", "off", "--admin",
            f"127.0.0.1:{admin}"])
        ready(admin, pair["data plane"], work)
        client = Client(port)
        client.wait_for_200("first.example.com", "/", 30)
        before = {name: processes.memory_kib(process.pid, "VmRSS") for name, process in pair.items()}
        begin = time.monotonic()
        save_file(folder / "routes.yaml", "".join(many_routes(routes, backend_port)).removeprefix("---\n"))
        client.wait_for_200(f"h{routes - 1}.example.com", "/", 120)
        seconds = time.monotonic() - begin
        time.sleep(2)  # what is freed late
        after = {name: processes.memory_kib(process.pid, "VmRSS") for name, process in pair.items()}
        peak = {name: processes.memory_kib(process.pid, "VmHWM") for name, process in pair.items()}
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as got:
            series = sum(1 for line in got.read().decode().splitlines() if line and not line.startswith("#"))
    return {"before": before, "after": after, "peak": peak, "seconds": seconds, "series": series}


def run_scale(options):
    runs = [scale_once(options.routes[-1]) for _ in range(options.rounds)]
    rows = []
    for name in ("data plane", "controller"):
        added = [(run["after"][name] - run["before"][name]) / 1024 for run in runs]
        rows.append([name, f"{report.median([run['before'][name] / 1024 for run in runs]):.1f}", f"{report.median(added):.1f}",
                     f"{report.median([run['peak'][name] / 1024 for run in runs]):.1f}"])
    text = report.table(["resident memory, MiB", "with one route", f"added by {options.routes[-1]:,} routes with services", "highest"], rows)
    text += (f"\n\nUntil the last route answered: {report.median([run['seconds'] for run in runs]):.2f} s. "
             f"Metric series: {report.median([run['series'] for run in runs]):.0f}.")
    report.save("scale", {"rounds": options.rounds, "routes": options.routes[-1]}, runs, text)


def run_route(options):
    out = subprocess.run(["taskset", "-c", processes.PROXY_CORE, processes.need("route_table_bench"), "--benchmark_format=json",
                          f"--benchmark_repetitions={options.rounds}", "--benchmark_report_aggregates_only=true"],
                         capture_output=True, text=True, check=False)
    if out.returncode != 0:
        raise processes.BenchError(out.stdout + out.stderr)
    results = json.loads(out.stdout)["benchmarks"]
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    rows = [[one["run_name"], f"{one['cpu_time'] * scale[one['time_unit']]:,.0f}"] for one in results if one.get("aggregate_name") == "median"]
    report.save("route", {"rounds": options.rounds}, results, report.table(["match", "ns (median)"], rows))
