#!/usr/bin/env python3
"""Runs clang-tidy: tidy.py [--budget SECONDS] [--changed] [FILE…]

Files of build/tidy/compile_commands.json but for tests, fuzzers and benches (it pays most in what ships), changed ones
first; --changed: no others. A file that was clean and that
hasn't changed since, nor any header of ours that it includes, isn't looked at again (the memory of it is kept in
~/.cache/portreeve/tidy). When the budget runs out, the files that weren't looked at are named and the exit code is 1.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "tidy"
TIDY = "clang-tidy-19"
TESTS = re.compile(r"(_test|_testing|_fuzz|_bench)\.cc$|/test_\w+\.cc$")
INCLUDE = re.compile(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")


def changed_files():
    """Against the branch's start where main is known, and what isn't committed."""
    base = next((line for line in git("merge-base", "HEAD", "origin/main") + git("rev-parse", "HEAD~1") if line), "HEAD")
    return set(git("diff", "--name-only", base)) | set(git("ls-files", "--others", "--exclude-standard"))


def sources_of(name, seen):
    """The file and every header of ours that it reaches."""
    if name in seen:
        return
    for folder in (ROOT, BUILD / "generated"):
        path = folder / name
        if path.is_file():
            seen[name] = content = path.read_bytes()
            for header in INCLUDE.findall(content):
                sources_of(header.decode(), seen)
            return


def key_of(name, command, settings):
    seen = {}
    sources_of(name, seen)
    digest = hashlib.sha256(settings + command.replace(str(ROOT), "").encode())
    for file in sorted(seen):
        digest.update(file.encode() + b"\0" + seen[file] + b"\0")
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=1500)
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()

    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "portreeve" / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    settings = (ROOT / ".clang-tidy").read_bytes() + subprocess.run(
        [TIDY, "--version"], capture_output=True, check=True).stdout
    changed = changed_files()
    wanted = {str(pathlib.Path(file).resolve().relative_to(ROOT)) for file in options.files}
    work = []
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        file = pathlib.Path(entry["file"])
        if not file.is_relative_to(ROOT) or file.is_relative_to(ROOT / "build") or file.is_relative_to(ROOT / "cmake"):
            continue
        name = str(file.relative_to(ROOT))
        if not wanted and TESTS.search(name):
            continue
        if (wanted and name not in wanted) or (options.changed and name not in changed):
            continue
        key = key_of(name, entry["command"], settings)
        if not (cache / key).exists():
            work.append((name not in changed, name, key))
    work.sort()

    deadline = time.monotonic() + options.budget
    bad, late = [], []

    def run(item):
        _, name, key = item
        if time.monotonic() > deadline:
            late.append(name)
            return
        result = subprocess.run([TIDY, "--quiet", "-p", str(BUILD), str(ROOT / name)], cwd=ROOT,
                                capture_output=True, text=True, check=False)
        if result.returncode == 0:
            (cache / key).touch()
        else:
            bad.append(name)
            errors = [line for line in result.stderr.splitlines() if "error:" in line]
            print(result.stdout.replace(f"{ROOT}/", "") or "\n".join(errors) or result.stderr, flush=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, work))
    print(f"{len(work) - len(late)} files looked at, {len(bad)} with findings")
    if late:
        print(f"not looked at, since {options.budget:.0f} s were over: {' '.join(sorted(late))}")
    return 1 if bad or late else 0


if __name__ == "__main__":
    sys.exit(main())
