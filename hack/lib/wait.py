#!/usr/bin/env python3
"""Small waits and looks for scripts.

  wait.py ports PORT…                  exit 1 and say who has it when one of the TCP ports is taken
  wait.py port PORT SECONDS            until something accepts on 127.0.0.1:PORT
  wait.py ready URL PID SECONDS        until URL answers 200; exit 1 when PID is gone or the time is over
  wait.py line FILE OFFSET SECONDS     prints what was written to FILE after OFFSET, once that is a whole line
"""
import glob
import os
import socket
import sys
import time
import urllib.error
import urllib.request


def owner_of(port):
    """What /proc says of the program that listens on the port, or None."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                for row in list(lines)[1:]:
                    fields = row.split()
                    if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                        inodes.add(f"socket:[{fields[9]}]")
        except OSError:
            pass
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                pid = link.split("/")[2]
                with open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
                    return f"{comm.read().strip()} (process {pid})"
        except OSError:
            continue
    return None


def taken(port):
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((address, port))
                sock.listen()
        except OSError as error:
            if error.errno in (98, 13):  # in use, not allowed
                return True
    return False


def until(seconds, test):
    deadline = time.monotonic() + seconds
    while True:
        if test():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)


def connects(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main(words):
    if len(words) >= 2 and words[0] == "ports":
        bad = [port for port in map(int, words[1:]) if taken(port)]
        for port in bad:
            print(f"port {port} is taken by {owner_of(port) or 'another program'}")
        return 1 if bad else 0
    if len(words) == 3 and words[0] == "port":
        return 0 if until(float(words[2]), lambda: connects(int(words[1]))) else 1
    if len(words) == 4 and words[0] == "ready":
        until(float(words[3]), lambda: answers(words[1]) or not alive(words[2]))
        return 0 if alive(words[2]) and answers(words[1]) else 1
    if len(words) == 4 and words[0] == "line":
        def written():
            with open(words[1], "rb") as file:
                file.seek(int(words[2]))
                return file.read()
        done = until(float(words[3]), lambda: written().endswith(b"\n"))
        sys.stdout.write(written().decode(errors="replace"))
        return 0 if done else 1
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
