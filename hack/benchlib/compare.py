"""bench proxy, tls, http2: CPU time per request of several proxies, interleaved in one run."""
import subprocess
import sys
import time

from benchlib import load, peers, processes, report


def measure(peer, count):
    """Runs `count` (which returns the number of requests) and says what the proxy spent on each."""
    if peer.log.exists():
        with open(peer.log, "r+b") as log:
            log.truncate(0)
    user, system = processes.cpu_seconds(peer.process.pid)
    begin = time.monotonic()
    requests = count()
    seconds = time.monotonic() - begin
    user_after, system_after = processes.cpu_seconds(peer.process.pid)
    user, system = user_after - user, system_after - system
    return {"requests": requests, "per_second": requests / seconds, "user_us": 1e6 * user / requests,
            "system_us": 1e6 * system / requests, "total_us": 1e6 * (user + system) / requests,
            "busy": (user + system) / seconds}


def certificate(work):
    path = work.folder / "bench.pem"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", work.folder / "key", "-out", work.folder / "crt"], check=True, capture_output=True)
    path.write_text((work.folder / "key").read_text() + (work.folder / "crt").read_text())
    return path


def run_row(options, edge, loads, scheme, http2):
    """One row: {load: {peer: [measurements]}}, and the peers' versions."""
    results = {name: {} for name, _ in loads}
    versions = {}
    with processes.Workspace() as work:
        backend_port = peers.backend(work)
        pem = certificate(work) if scheme == "https" else None
        running = []
        for name in options.peers:
            peer = peers.PEERS[name](work, backend_port, edge=edge, scheme=scheme, http2=http2, certificate=pem)
            running.append(peer.start())
            versions[name] = peer.version()
        for peer in running:
            for _, count in loads:
                count(work, peer.url(), 1)  # warm-up, and a proof that it serves
        for number in range(options.rounds):
            for name, count in loads:
                if not http2 and scheme == "http":
                    begin = time.monotonic()
                    requests = count(work, f"http://127.0.0.1:{backend_port}/", 1)
                    results[name].setdefault("backend alone", []).append({"per_second": requests / (time.monotonic() - begin)})
                for peer in running:
                    result = measure(peer, lambda: count(work, peer.url(), options.seconds))
                    results[name].setdefault(peer.name, []).append(result)
            print(f"  round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return results, versions


def table_of(results, versions, options):
    """Medians; ratio is ours by the better of nginx and HAProxy (by the best of the others, where neither runs)."""
    rows = []
    for name, by_peer in results.items():
        totals = {peer: report.median([one["total_us"] for one in by_peer[peer]]) for peer in options.peers}
        others = {peer: total for peer, total in totals.items() if peer != "portreeve"}
        rivals = {peer: total for peer, total in others.items() if peer in ("nginx", "haproxy")} or others or totals
        best = min(rivals.values())
        for peer in options.peers:
            runs = by_peer[peer]
            middle = {key: report.median([one[key] for one in runs]) for key in ("user_us", "system_us", "total_us", "per_second", "busy")}
            rows.append([f"{name}: {peer} {versions[peer]}", f"{middle['user_us']:.1f}", f"{middle['system_us']:.1f}",
                         f"{middle['total_us']:.1f}", f"± {report.spread([one['total_us'] for one in runs]):.0f} %",
                         f"{middle['total_us'] / best:.2f}", f"{middle['per_second']:,.0f}", f"{100 * middle['busy']:.0f} %"])
        if "backend alone" in by_peer:
            rate = report.median([one["per_second"] for one in by_peer["backend alone"]])
            rows.append([f"{name}: the backend alone", "", "", "", "", "", f"{rate:,.0f}", ""])
    return report.table(["", "user µs", "system µs", "CPU µs per request", "spread", "by the better of nginx, HAProxy",
                         "requests/s", "core busy"], rows)


TITLES = {False: "Access log and X-Forwarded headers off", True: "Access log and X-Forwarded headers on"}


def run(name, options):
    scheme = "https" if name == "tls" or getattr(options, "tls", False) else "http"
    http2 = name == "http2"
    if http2:
        loads = [("16 connections, 32 streams each", load.h2load)]
    else:
        loads = [(f"{number} connections", lambda work, url, seconds, number=number: load.wrk(work, url, number, seconds))
                 for number in options.connections]
    rows = {"off": [False], "on": [True], "both": [False, True]}[options.rows]
    all_results, text = {}, []
    for edge in rows:
        print(TITLES[edge], file=sys.stderr, flush=True)
        results, versions = run_row(options, edge, loads, scheme, http2)
        all_results["on" if edge else "off"] = results
        text.append(f"**{TITLES[edge]}**\n\n{table_of(results, versions, options)}")
    settings = {"rounds": options.rounds, "seconds": options.seconds, "peers": options.peers, "scheme": scheme}
    report.save(name, settings, all_results, "\n\n".join(text))
