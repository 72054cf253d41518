#!/usr/bin/env python3
"""Counts test cases in the reports of test runners.

  count.py ctest FILE.xml     ctest's JUnit file; a Catch2 program counts as its test cases
  count.py go FILE.jsonl      the output of go test -json; a test with subtests counts as its subtests
  count.py pages FILE         the output of commands.py cluster; a page counts as one

Prints one line, "PASSED FAILED SKIPPED", and what failed, was skipped or took long to standard error.
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

CATCH_PASSED = re.compile(r"^All tests passed \(.* in (\d+) test cases?\)", re.M)
CATCH_CASES = re.compile(r"^test cases: +(.*)$", re.M)
PAGE = re.compile(r"^docs/\S+\.md: \d+ blocks, ", re.M)
PAGE_FAULT = re.compile(r"^docs/\S+\.md:\d+: ", re.M)
# From here on a test is named with the time that it took.
SLOW_SECONDS = 20
CATCH_PART = re.compile(r"(\d+) (passed|failed as expected|failed|skipped)")


def catch_cases(output):
    """(passed, failed, skipped) by Catch2's last line, or None when there is none. A case that is allowed to fail and
    does is one that isn't tested: it counts as skipped."""
    passed = CATCH_PASSED.search(output)
    if passed:
        return int(passed[1]), 0, 0
    cases = CATCH_CASES.search(output)
    if not cases:
        return None
    parts = {word: int(number) for number, word in CATCH_PART.findall(cases[1])}
    return parts.get("passed", 0), parts.get("failed", 0), parts.get("skipped", 0) + parts.get("failed as expected", 0)


def count_ctest(path):
    total = [0, 0, 0]
    for case in xml.parse(path).getroot().iter("testcase"):
        cases = catch_cases(case.findtext("system-out") or "")
        status = case.get("status")
        if status == "run":
            counts = cases or (1, 0, 0)
        elif status == "fail":
            # A program that died, or that a sanitizer ended, has failed whatever it printed before.
            counts = cases or (0, 1, 0)
            counts = (counts[0], max(counts[1], 1), counts[2])
        else:
            counts = (0, 0, 1)
        if counts[1] or counts[2]:
            print(f"{case.get('name')}: {counts[1]} failed, {counts[2]} skipped", file=sys.stderr)
        total = [a + b for a, b in zip(total, counts)]
    return total


def count_go(path):
    results = {}
    packages = {}
    output = {}
    slow = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                print(line, end="", file=sys.stderr)
                continue
            key = (event.get("Package"), event.get("Test"))
            action = event["Action"]
            if action in ("pass", "fail", "skip"):
                if key[1] and "/" not in key[1] and event.get("Elapsed", 0) >= SLOW_SECONDS:
                    slow.append((event["Elapsed"], key))
                (results if key[1] else packages)[key] = action
            elif action in ("output", "build-output"):
                output.setdefault(key if key[1] else (key[0] or event.get("ImportPath"), None), []).append(event["Output"])
            elif action == "run":
                results.setdefault(key, "fail")  # until it says otherwise: a killed run has failed
    # A subtest's own name may hold slashes: what is cut off at one of those names no test.
    parents = {(package, name.rsplit("/", depth)[0])
               for package, name in results for depth in range(1, name.count("/") + 1)} & results.keys()
    leaves = {key: result for key, result in results.items() if key not in parents}
    total = [sum(result == word for result in leaves.values()) for word in ("pass", "fail", "skip")]
    # A parent that failed by itself, and a package that doesn't build or died outside a test.
    failed_leaves = [key for key, result in leaves.items() if result == "fail"]
    alone = [key for key in parents if results[key] == "fail"
             and not any(p == key[0] and n.startswith(key[1] + "/") for p, n in failed_leaves)]
    alone += [key for key, result in packages.items() if result == "fail"
              and not any(p == key[0] for p, _ in failed_leaves + alone)]
    total[1] += len(alone)
    for key in failed_leaves + alone + [key for key, result in leaves.items() if result == "skip"]:
        print(f"--- {leaves.get(key, 'fail')}: {key[0]} {key[1] or ''}", file=sys.stderr)
        print("".join(output.get(key, [])[-200:]), file=sys.stderr)
    for seconds, key in sorted(slow, reverse=True):
        print(f"{seconds:8.1f} s  {key[0]} {key[1]}", file=sys.stderr)
    return total


def count_pages(path):
    """A page whose block was wrong has its line, too."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    failed = len(PAGE_FAULT.findall(text))
    return [len(PAGE.findall(text)) - failed, failed, 0]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("ctest", "go", "pages"):
        sys.exit(__doc__)
    print(*{"ctest": count_ctest, "go": count_go, "pages": count_pages}[sys.argv[1]](sys.argv[2]))
