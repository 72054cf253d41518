"""bench propagation, churn and cluster-scale: what changes and routes cost on a real Kubernetes.

This part brings the cluster up and runs the other part, benchlib/in_cluster.py, where the cluster's network is.
"""
import json
import os
import subprocess
import sys

from benchlib import processes, report

NAME = "bench"


def command(*words, **options):
    return subprocess.run([processes.ROOT / "build/bench/cluster", "--name", NAME, *words], check=True, **options)


def measure(what, options):
    """What in_cluster.py says of `what`, in a cluster that is there for this alone."""
    folder = processes.ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([processes.ROOT / "hack/deps", "cluster"], check=True)
    script = f'. hack/lib/common.sh; use_go; cd e2e; go build -o "{folder}/cluster" ./cluster/cmd'
    subprocess.run(["bash", "-c", script], cwd=processes.ROOT, check=True)
    command("build", "helm", stdout=subprocess.DEVNULL)
    command("up", "--crds", "standard", stdout=sys.stderr)
    try:
        binaries = os.path.dirname(processes.need("portreeve-controller"))
        command("load-image", "--bin", binaries, stdout=sys.stderr)
        command("exec", "helm", "upgrade", "--install", "portreeve", processes.ROOT / "helm/portreeve", "--namespace", "portreeve-system",
                "--create-namespace", "--wait", "--set", "controller.replicas=1", stdout=subprocess.DEVNULL)
        words = [word for name in ("routes", "changes", "seconds") if hasattr(options, name)
                 for word in (f"--{name}", ",".join(map(str, getattr(options, name))) if name == "routes" else str(getattr(options, name)))]
        out = command("exec", "env", f"PYTHONPATH={processes.ROOT / 'hack'}", "python3", "-m", "benchlib.in_cluster", what, *words,
                      stdout=subprocess.PIPE, text=True)
        return json.loads(out.stdout)
    finally:
        command("down", stdout=sys.stderr)


def run_propagation(options):
    results = measure("propagation", options)
    rows = []
    for name, times in results["times"].items():
        tenth = max(1, len(times) // 10)
        rows.append([name, *(f"{value:.1f}" for value in (
            report.median(times), report.percentile(times, 0.99), max(times), report.median(times[:tenth]), report.median(times[-tenth:])))])
    text = report.table(["from the API server's answer to the first 200, ms", "median", "99 %", "largest", "first tenth", "last tenth"], rows)
    text += f"\n\nOther answers than 200 and 404: {results['others']}."
    report.save("propagation", vars(options), results, text)


def run_churn(options):
    results = measure("churn", options)
    rows = [[f"{int(routes):,} routes", f"{one['route']:.4f}", f"{one['pod']:.4f}", f"{one['both']:.4f}", f"{one['idle']:.4f}"]
            for routes, one in results.items()]
    report.save("churn", vars(options), results, report.table(
        ["cores of the controller", "one route a second", "one pod a second", "both", "nothing"], rows))


def run_scale(options):
    results = measure("scale", options)
    rows = []
    for routes, one in results["memory"].items():
        rows.append([f"{int(routes):,} routes", f"{one['controller']:.1f}", f"{one['data plane']:.1f}"])
    text = report.table(["resident memory, MiB", "controller", "data plane"], rows)
    text += (f"\n\nAdded by the last of them: {results['added']['controller']:.1f} MiB in the controller, {results['added']['data plane']:.1f} "
             f"MiB in the data plane. To the data plane: {results['route bytes']} bytes for a changed route, {results['pod bytes']} for a changed "
             f"pod. From the end of both processes to an answer by the last of all routes: {results['restart']:.2f} s.")
    report.save("cluster-scale", vars(options), results, text)
