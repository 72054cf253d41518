"""Load generators: wrk and h2load, pinned beside the backend."""
import re
import subprocess

from benchlib import processes

# The client offers one cipher suite, so that all proxies encrypt with the same one.
OPENSSL_CONF = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = default
[default]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


def run(work, command):
    conf = work.write("client.cnf", OPENSSL_CONF)
    result = subprocess.run(["taskset", "-c", processes.OTHER_CORE, *command], capture_output=True, text=True, check=False,
                            env={"PATH": "/usr/bin:/bin", "OPENSSL_CONF": str(conf)})
    if result.returncode != 0:
        raise processes.BenchError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def wrk(work, url, connections, seconds):
    """Requests answered with 200 in that time."""
    out = run(work, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url])
    found = re.search(r"(\d+) requests in", out)
    if not found or "Non-2xx" in out or "Socket errors" in out:
        raise processes.BenchError(f"wrk {url}: answers that aren't 200\n{out}")
    return int(found[1])


def h2load(work, url, seconds, clients=16, streams=32):
    out = run(work, ["h2load", f"-c{clients}", f"-m{streams}", "-t1", f"-D{seconds}", url])
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if not found or found[2] != "0" or not codes or any(codes[i] != "0" for i in (2, 3, 4)):
        raise processes.BenchError(f"h2load {url}: answers that aren't 200\n{out}")
    return int(found[1])
