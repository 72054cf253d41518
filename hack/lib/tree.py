#!/usr/bin/env python3
"""Checks that read the source as text: tree.py layers|headers|banned|coawait|size

layers   #include lines follow hack/layers.txt
headers  heavy headers stay in the homes that hack/headers.txt gives them
banned   nothing that hack/banned.txt forbids
coawait  no braces and no capturing lambda inside an expression with co_await: g++ 12 destroys such temporaries twice
size     files over 500 lines and functions over 120 have a line "// SIZE: reason"
"""
import fnmatch
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def tracked(*suffixes):
    """Files in git or new, without the ignored ones."""
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in sorted(set(names))
            if (not suffixes or name.endswith(suffixes)) and (ROOT / name).is_file()]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def table(name):
    """Rows of a data file of hack/: texts between ' :: '."""
    for line in read(name).splitlines():
        if line.strip() and not line.startswith("#"):
            yield [part.strip() for part in line.split(" :: ")]


def in_globs(name, globs):
    wanted = [glob for glob in globs if not glob.startswith("!")]
    return (any(fnmatch.fnmatchcase(name, glob) for glob in wanted)
            and not any(fnmatch.fnmatchcase(name, glob[1:]) for glob in globs if glob.startswith("!")))


# --- layers ---------------------------------------------------------------------------------------------------------

def load_layers():
    """{folder: all folders that it may include}."""
    direct = {}
    for line in read("hack/layers.txt").splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, below = line.partition(":")
            direct[folder.strip()] = below.split()
    allowed = {}
    for folder, below in direct.items():
        allowed[folder] = {folder}
        for name in below:
            if name not in allowed:
                sys.exit(f"hack/layers.txt: {folder} names {name}, which must stand above it")
            allowed[folder] |= allowed[name]
    return allowed


def layer_of(path, layers):
    folder = str(pathlib.PurePosixPath(path).parent)
    while folder not in layers and "/" in folder:
        folder = folder.rpartition("/")[0]
    return folder if folder in layers else None


def check_layers():
    layers = load_layers()
    for name in tracked(".cc", ".h"):
        own = layer_of(name, layers)
        if own is None:
            yield f"{name}: hack/layers.txt doesn't name its folder"
            continue
        text = read(name)
        for match in INCLUDE.finditer(text):
            if match[1] != '"':
                continue
            header = match[2]
            where = f"{name}:{line_of(text, match.start())}"
            other = "proto" if re.match(r"portreeve/.*\.pb\.h$", header) else layer_of(header, layers)
            if other is None:
                # A library's own header, unless it stands beside this file.
                if (ROOT / name).parent.joinpath(header).is_file():
                    yield f'{where}: "{header}" isn\'t a path from the root of the tree'
            elif other not in layers[own]:
                yield f"{where}: {own} may not include {other} (hack/layers.txt)"


def check_headers():
    rules = [(re.compile(regex), globs.split(), why) for regex, globs, why in table("hack/headers.txt")]
    for name in tracked(".cc", ".h"):
        text = read(name)
        for match in INCLUDE.finditer(text):
            for regex, globs, why in rules:
                if regex.search(match[2]) and not in_globs(name, globs):
                    yield f"{name}:{line_of(text, match.start())}: {match[2]} has no home here: {why} (hack/headers.txt)"


def check_banned():
    rules = [(re.compile(regex), globs.split(), why, bool(rest)) for regex, globs, why, *rest in table("hack/banned.txt")]
    for name in tracked():
        if (ROOT / name).stat().st_size > 2_000_000 or b"\0" in (ROOT / name).read_bytes()[:4096]:
            continue
        text = read(name)
        lines = text.splitlines()
        for regex, globs, why, explained in rules:
            if in_globs(name, globs):
                for match in regex.finditer(text):
                    number = line_of(text, match.start())
                    if explained and any("//" in line for line in lines[max(0, number - 2):number]):
                        continue
                    yield f"{name}:{line_of(text, match.start())}: '{match[0].strip()}': {why} (hack/banned.txt)"


# --- co_await -------------------------------------------------------------------------------------------------------

def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def without_texts(text):
    """The same text, as long as before, with comments, strings and characters blanked."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")": "(", "]": "[", "}": "{"}
BLOCK_BEFORE = re.compile(r"(\)|\b(else|do|try|const|noexcept|mutable|override)|;|\{|\}|:|->\s*[\w:<>,&*\s]+)\s*$")


def expression_around(code, at):
    """Start and end of the full expression (a statement, or the head of one) around the co_await at `at`."""
    start, depth = at, 0
    while start > 0:
        char = code[start - 1]
        if char in CLOSE:
            if char == "}" and depth == 0 and not re.match(r"\s*[,).;\]}?:+\-/|&]", code[start:]):
                break
            depth += 1
        elif char in OPEN:
            if depth == 0 and char == "{" and BLOCK_BEFORE.search(code[max(0, start - 200):start - 1]):
                break
            depth = max(0, depth - 1)
        elif char == ";" and depth == 0:
            break
        start -= 1
    end, depth = start, 0
    while end < len(code):
        char = code[end]
        if depth == 0 and end > at and (char == ";" or (char == "{" and code[:end].rstrip().endswith(")"))):
            break
        if char in OPEN:
            depth += 1
        elif char in CLOSE:
            depth = max(0, depth - 1)
        end += 1
    return start, end


LAMBDA = re.compile(r"(?:^|[(,=&|?:{]|\breturn|\bco_await|\bco_return)\s*\[([^\[\]]*)\]\s*(?=[({])")
LAMBDA_BODY = re.compile(r"\[\]\s*(?:\([^()]*\))?[^{;]*\{")
BRACE = re.compile(r"\{")


def drop_bodies(code):
    """Blanks the bodies of lambdas that capture nothing."""
    while True:
        match = LAMBDA_BODY.search(code)
        if not match:
            return code
        depth, end = 1, match.end()
        while end < len(code) and depth:
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        code = code[:match.start()] + re.sub(r"[^\n]", " ", code[match.start():end]) + code[end:]


def check_coawait():
    for name in tracked(".cc", ".h"):
        code = without_texts(read(name))
        seen = set()
        for match in re.finditer(r"\bco_await\b", code):
            start, end = expression_around(code, match.start())
            if (start, end) in seen:
                continue
            seen.add((start, end))
            part = code[start:end]
            where = f"{name}:{line_of(code, match.start())}"
            if any(capture[1].strip() for capture in LAMBDA.finditer(part)):
                yield f"{where}: a capturing lambda inside an expression with co_await: name it first"
            elif BRACE.search(drop_bodies(part)):
                yield f"{where}: braces inside an expression with co_await: name the value first"


# --- size -----------------------------------------------------------------------------------------------------------

def check_size():
    for name in tracked(".cc", ".h", ".go", ".py", ".sh"):
        lines = read(name).splitlines()
        if len(lines) > 500 and not any("SIZE:" in line for line in lines[:30]):
            yield f"{name}: {len(lines)} lines, and no '// SIZE: reason' at its head"
        if not name.endswith((".cc", ".h", ".go")) or name.endswith(("_test.cc", "_test.go")):
            continue
        start = None
        for number, line in enumerate(lines, 1):
            if start is None and re.match(r"\w.*\{$", line) and not re.match(
                    r"(inline )?(namespace|struct|class|enum|union|extern|type|var|const|import|template)\b|.*=\s*\{$", line):
                start = number
            elif start is not None and line.startswith("}"):
                if number - start > 120 and not any("SIZE:" in text for text in lines[max(0, start - 4):number]):
                    yield f"{name}:{start}: a function of {number - start + 1} lines, and no '// SIZE: reason'"
                start = None


CHECKS = {"layers": check_layers, "headers": check_headers, "banned": check_banned,
          "coawait": check_coawait, "size": check_size}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(__doc__)
    found = list(CHECKS[sys.argv[1]]())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(1 if found else 0)
