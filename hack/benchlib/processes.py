"""Starting, pinning and measuring programs."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "reports"
BIN = pathlib.Path(os.environ.get("PORTREEVE_BIN") or ROOT / "build" / "release" / "bin")
TICK = os.sysconf("SC_CLK_TCK")
PROXY_CORE, OTHER_CORE = "1", "0"


class BenchError(Exception):
    """Said to the user as it is."""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(seconds, test, what):
    deadline = time.monotonic() + seconds
    while not test():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def listens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def tree(pid):
    """The process and its children."""
    yield pid
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def cpu_seconds(pid):
    """(user, system) of the process and its children that live; all threads."""
    user = system = 0
    for one in tree(pid):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user / TICK, system / TICK


def memory_kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise BenchError(f"no {field} of process {pid}")


class Workspace:
    """A temporary folder and the programs that were started in it; all go when it ends."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="portreeve-bench-"))
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        # A program that died is the reason of whatever failed after it.
        dead = [process for process in self.running if process.poll() is not None]
        if error is not None and dead:
            print(f"{dead[0].bench_name} ended with exit code {dead[0].returncode}\n{self.errors_of(dead[0].bench_name)}",
                  file=sys.stderr)
        for process in reversed(self.running):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, command, core=None, stdout=None):
        """Starts it, pinned to a core; standard output goes to `stdout` (a path), errors to NAME.err."""
        if core is not None:
            command = ["taskset", "-c", core, *command]
        with open(self.folder / f"{name}.err", "ab") as err, open(stdout or os.devnull, "ab") as out:
            process = subprocess.Popen([str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=err, start_new_session=True)
        process.bench_name = name
        self.running.append(process)
        return process

    def start_listening(self, name, command, port, core=None, stdout=None):
        process = self.start(name, command, core, stdout)
        try:
            until(15, lambda: listens(port) or process.poll() is not None, f"{name} on port {port}")
        except BenchError as error:
            raise BenchError(f"{error}\n{self.errors_of(name)}") from None
        if process.poll() is not None:
            raise BenchError(f"{name} ended with exit code {process.returncode}\n{self.errors_of(name)}")
        return process

    def errors_of(self, name):
        return (self.folder / f"{name}.err").read_text(errors="replace")[-3000:]

    def stop(self, process):
        if process in self.running:
            self.running.remove(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def need(program):
    """The path of a program, of ours or of the system."""
    for path in (BIN / program, ROOT / "build/tools/envoy/bin" / program):
        if path.exists():
            return str(path)
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        raise BenchError(f"no program {program}: run hack/deps bench" +
                         (", hack/build release" if program.startswith(("portreeve", "route_")) else ""))
    return found
