#!/usr/bin/env python3
"""Keeps the documents true: commands.py exist|run|cluster|yaml [PAGE…]

exist   each command in a ```sh block names a program that there is, with options that its --help knows; links and
        paths in the text lead somewhere
run     the blocks of each page run, in order, in a copy of the tree and (as root) in a network namespace of its own
cluster the same for the pages about Kubernetes, one after the other, where kubectl and helm find a cluster and curl
        reaches it; it has the images and the Gateway API's CRDs. The first page installs, the last takes it all away
yaml    examples and data files parse

How a block is marked in its first line:
  ```sh               it runs to its end and must succeed; what stands after "# shows: " must be in what it prints
  ```sh background    it goes on while the rest of the page runs; the next block starts when it is ready
  ```sh cluster       as the first, and it needs a cluster; a page with such a block is run by "cluster" only
  ```sh elsewhere     it isn't run here (it needs another machine, or is what runs this)
"""
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / "release" / "bin"
BLOCK = re.compile(r"^```sh\b *(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`((?:hack|docs|examples|e2e|helm|crds|common|controller|dataplane|cli|proto|cmake|\.ci)/[\w./-]*)`")
# In the order in which a reader needs them: each builds on what those before it made.
CLUSTER_PAGES = [f"docs/kubernetes-{name}.md" for name in (
    "install", "first-route", "tls", "high-availability", "monitoring", "troubleshooting", "upgrades")]
PROGRAMS = {"portreeve", "portreeve-dataplane", "portreeve-controller", "portreeve-demo-backend"}
# Besides the shell's own words; all are on a machine after hack/deps, or are the reader's to have.
ALLOWED = {"curl", "openssl", "git", "cat", "cp", "mkdir", "rm", "sed", "grep", "kill", "head", "tail", "ls", "echo", "seq",
           "python3", "printf", "sort", "uniq", "ctest", "cmake", "true", "test", "mv", "wc", "ccache", "systemctl", "apt-get",
           "kubectl", "helm", "docker", "kind", "base64"}
# How long a block may take.
SECONDS = 180
SHELL = {"if", "then", "else", "fi", "for", "do", "done", "while", "until", "set", "export", "{", "}", "!", "[", "wait", "cd"}


def pages():
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return sorted(name for name in set(names) if not name.startswith("e2e/cases/") and (ROOT / name).is_file())


def blocks(page):
    text = (ROOT / page).read_text()
    for match in BLOCK.finditer(text):
        yield text.count("\n", 0, match.start()) + 2, match[1], match[2]


# --- exist ----------------------------------------------------------------------------------------------------------

def simple_commands(script):
    """Lists of words: a line at a time, split at |, ;, && and ||. Here-documents are left out."""
    script = re.sub(r"<<-?'?(\w+)'?([^\n]*)\n.*?\n\1$", r"\2", script, flags=re.M | re.S)
    for line in re.sub(r"\\\n", " ", script).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>()")
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if word and set(word) <= set("|;&()"):
                if words:
                    yield words
                words = []
            else:
                words.append(word)


HELP = {}


def help_of(program, words):
    """What `program --help` prints, with its sub-command's if it has one; None when the program isn't built."""
    path = BIN / program if program in PROGRAMS else ROOT / program
    if not path.is_file():
        return None
    command = [str(path)] + ([words[0]] if words and re.fullmatch(r"[a-z]+", words[0]) and
                             (program in PROGRAMS or program == "hack/bench") else [])
    key = tuple(command)
    if key not in HELP:
        result = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
        HELP[key] = result.stdout + result.stderr
    return HELP[key]


def wrong_command(words, need_binaries):
    while words and (re.fullmatch(r"\w+=.*", words[0]) or words[0] in SHELL):
        if words[0] in ("for", "set", "export", "cd", "["):
            return None
        words = words[1:]
    if not words or words[0] in ("<", ">", ">>"):
        return None
    name = re.sub(r"^\./", "", words[0])
    built = re.fullmatch(r"build/\w+/bin/([\w-]+)", name)
    if built:
        name = built[1]
        if name not in PROGRAMS:
            return f"no such program: {words[0]}"
    if name not in PROGRAMS:
        if "/" not in name:
            return None if name in ALLOWED else f"not a command that a reader has: {name}"
        if not os.access(ROOT / name, os.X_OK):
            return f"no such script: {name}"
    text = help_of(name, words[1:])
    if text is None:
        return f"{name} isn't built" if need_binaries else None
    for word in words[1:]:
        option = re.match(r"--[a-z][\w-]*", word)
        if option and option[0] not in ("--help",) and not re.search(re.escape(option[0]) + r"(?![\w-])", text):
            return f"{name} has no option {option[0]}"
    return None


def exist(wanted, need_binaries=False):
    for page in wanted:
        for line, mark, script in blocks(page):
            if mark not in ("", "background", "cluster", "elsewhere"):
                yield f"{page}:{line}: no such mark: {mark}"
            if mark == "cluster" and page not in CLUSTER_PAGES:
                yield f"{page}:{line}: this script's CLUSTER_PAGES doesn't name the page"
            for words in simple_commands(script):
                wrong = wrong_command(words, need_binaries)
                if wrong:
                    yield f"{page}:{line}: {wrong}"
        text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.M | re.S)
        for link in LINK.findall(text):
            if not (ROOT / page).parent.joinpath(link).exists():
                yield f"{page}: a link to {link}, which isn't there"
        for path in PATH.findall(text):
            if not (ROOT / path).exists():
                yield f"{page}: names {path}, which isn't there"


def limits_missing():
    """docs/limits.md has each limit of the data plane, with its default."""
    text = (ROOT / "docs/limits.md").read_text()
    source = (ROOT / "dataplane/http/limits.h").read_text()
    for name, value in re.findall(r"X\((\w+), (\d+)\)", source):
        if not re.search(rf"^\| `{name}` \| {value}\b", text, re.M):
            yield f"docs/limits.md: no row '| `{name}` | {value} …'"
    for name in re.findall(r"^\| `(\w+)` \|", text, re.M):
        if f"X({name}, " not in source:
            yield f"docs/limits.md: {name} is no limit of dataplane/http/limits.h"


# Of conditions that complain of nothing, and of a foreign one in the golden files.
GOOD_REASONS = {"Accepted", "Programmed", "ResolvedRefs", "NoConflicts", "SupportedVersion", "Stale"}


def reasons_missing():
    """docs/kubernetes-troubleshooting.md has each reason that the controller's golden files show."""
    text = (ROOT / "docs/kubernetes-troubleshooting.md").read_text()
    found = set()
    for path in (ROOT / "controller/translate/testdata").glob("*.out.yaml"):
        found |= set(re.findall(r'"\w+=(?:True|False)/(\w+) @', path.read_text()))
    for reason in sorted(found - GOOD_REASONS):
        if not re.search(rf"^\| `{reason}` \|", text, re.M):
            yield f"docs/kubernetes-troubleshooting.md: no row '| `{reason}` | …'"


# --- run ------------------------------------------------------------------------------------------------------------

def own_network():
    """A network namespace with a loopback interface, so that ports that are taken outside don't matter."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = bytearray(struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS


def copy_tree(folder):
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                            "hack", "examples", "docs", "crds", "helm"],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    (folder / "build" / "release").mkdir(parents=True)
    (folder / "build" / "release" / "bin").symlink_to(BIN)
    if (ROOT / "build" / "tools").exists():
        (folder / "build" / "tools").symlink_to(ROOT / "build" / "tools")


def is_ready(script, folder):
    """For a block in the background: a gateway is ready by its admin port, a demo backend and a forwarded port by that
    port, a controller by its socket."""
    path = re.search(r"--listen[ =]unix:(\S+)", script)
    if path:
        return (folder / path[1]).exists()
    port = re.search(r"--port[ =](\d+)|port-forward .* (\d+):", script)
    if port:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", int(port[1] or port[2]))) == 0
    admin = re.search(r"--admin[ =](\S+)", script)
    try:
        with urllib.request.urlopen(f"http://{admin[1] if admin else '127.0.0.1:9901'}/readyz", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def stop(process):
    """SIGTERM to the block's group; what doesn't drain in time is ended."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        pass


def run_page(page):
    env = dict(os.environ, PORTREEVE_BIN=str(BIN))
    running = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        copy_tree(folder)
        try:
            for line, mark, script in blocks(page):
                if mark == "elsewhere":
                    continue
                where = f"{page}:{line}"
                command = ["bash", "-euo", "pipefail", "-c", script]
                log = folder / f"build/block-{line}.log"
                with open(log, "wb") as out:
                    process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                               stderr=subprocess.STDOUT, start_new_session=True)
                if mark == "background":
                    running.append(process)
                    deadline = time.monotonic() + 15
                    while not is_ready(script, folder) and process.poll() is None and time.monotonic() < deadline:
                        time.sleep(0.02)
                    if process.poll() is not None or not is_ready(script, folder):
                        return f"{where}: isn't ready\n{log.read_text(errors='replace')[-3000:]}"
                    continue
                try:
                    code = process.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    stop(process)
                    code = f"none after {SECONDS} s"
                printed = log.read_text(errors="replace")
                if code != 0:
                    return f"{where}: exit code {code}\n{script}\n{printed[-3000:]}"
                for text in re.findall(r"# shows: (.*)$", script, re.M):
                    if text.strip() not in printed:
                        return f"{where}: doesn't show '{text.strip()}'\n{script}\n{printed[-3000:]}"
        finally:
            for process in reversed(running):
                stop(process)
    return None


def run_pages(wanted):
    for page in wanted:
        begin = time.monotonic()
        wrong = run_page(page)
        number = sum(mark != "elsewhere" for _, mark, _ in blocks(page))
        if number:
            print(f"{page}: {number} blocks, {time.monotonic() - begin:.1f} s", flush=True)
        if wrong:
            yield wrong


def needs_cluster(page):
    return any(mark == "cluster" for _, mark, _ in blocks(page))


def run(wanted):
    own_network()
    yield from run_pages(page for page in wanted if not needs_cluster(page))


def run_in_cluster(wanted):
    """Stops at the first page that is wrong: what comes after builds on it."""
    for page in CLUSTER_PAGES:
        wrong = list(run_pages([page])) if page in wanted else []
        yield from wrong
        if wrong:
            return


# --- yaml -----------------------------------------------------------------------------------------------------------

def parse(_):
    import yaml  # comes with hack/deps test
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        try:
            for document in yaml.safe_load_all(path.read_text()):
                if document is not None and not {"apiVersion", "kind", "metadata"} <= set(document):
                    yield f"{path.relative_to(ROOT)}: an object without apiVersion, kind or metadata"
        except yaml.YAMLError as error:
            yield f"{path.relative_to(ROOT)}: {error}"
    try:
        json.loads((ROOT / "CMakePresets.json").read_text())
    except ValueError as error:
        yield f"CMakePresets.json: {error}"


def main():
    # So that what runs in the background is stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if len(sys.argv) < 2 or sys.argv[1] not in ("exist", "run", "cluster", "yaml"):
        sys.exit(__doc__)
    wanted = sys.argv[2:] or pages()
    if sys.argv[1] == "yaml":
        found = list(parse(wanted))
    elif sys.argv[1] == "exist":
        found = list(exist(wanted)) + list(limits_missing()) + list(reasons_missing())
    elif sys.argv[1] == "cluster":
        found = list(run_in_cluster(wanted))
    else:
        found = list(exist(wanted, need_binaries=True)) + list(run(wanted))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
