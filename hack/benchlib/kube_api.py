"""A small client of an API server, and of what runs in the pods of a cluster on this machine."""
import base64
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import tempfile
import time

import yaml

from benchlib.processes import BenchError

GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
LABEL = "app.kubernetes.io/component"


def decoded(data):
    """In a file that is gone when it has been read: ssl takes its certificates from files only."""
    file = tempfile.NamedTemporaryFile()
    file.write(base64.b64decode(data))
    file.flush()
    return file


class Api:
    """One kept connection, as the administrator. One thread."""

    def __init__(self):
        config = yaml.safe_load(pathlib.Path(os.environ["KUBECONFIG"]).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.host = cluster["server"].removeprefix("https://")
        self.context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        with decoded(user["client-certificate-data"]) as certificate, decoded(user["client-key-data"]) as key:
            self.context.load_cert_chain(certificate.name, key.name)
        self.connection = None
        self.used = 0.0

    def call(self, method, path, body=None, content_type="application/json", missing_ok=False):
        text = json.dumps(body) if isinstance(body, dict) else body
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        # The server ends a connection that was silent for a while.
        if self.connection is not None and time.monotonic() - self.used > 30:
            self.connection.close()
            self.connection = None
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=60)
        self.connection.request(method, path, text, headers)
        answer = self.connection.getresponse()
        got = answer.read()
        self.used = time.monotonic()
        if answer.status == 404 and missing_ok:
            return None
        if answer.status >= 300:
            raise BenchError(f"{method} {path}: {answer.status} {got[:300].decode(errors='replace')}")
        return json.loads(got)

    def create(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def items(self, path):
        return self.call("GET", path)["items"]


def until(seconds, condition, what, pause=0.05):
    deadline = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > deadline:
            raise BenchError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def processes_named(program):
    """{process: its arguments} of all pods."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
        except OSError:
            continue
        if words and words[0].decode(errors="replace").rsplit("/", 1)[-1] == program:
            found[int(folder.name)] = [word.decode(errors="replace") for word in words[1:]]
    return found


def received_bytes(pid):
    """That a data plane has had from its controller, of the connection that stands."""
    out = subprocess.run(["nsenter", "--target", str(pid), "--net", "ss", "-tinH", "dst", ":18000"],
                         check=True, capture_output=True, text=True).stdout
    return sum(int(word.split(":")[1]) for word in out.split() if word.startswith("bytes_received:"))


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
