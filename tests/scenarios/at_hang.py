#!/usr/bin/python3
"""What a program and the workers of its pool were doing when the program hung: `at_hang.py RUNTIME_DIR SLUICE FILE`, run
by the program itself (CONFORMANCE_AT_HANG). For a hang that comes once in a thousand runs and not when it is looked for."""

import os
import shutil
import subprocess
import sys


def output_of(*argv):
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{argv[0]}: {error}\n"
    return ended.stdout + ended.stderr


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return str(error)


def ancestors(pid):
    """The processes above this one, without the first of all."""
    found = []
    while pid > 1:
        found.append(pid)
        pid = int(text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
    return found


def workers_of(runtime_dir):
    named = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in named if runtime_dir in text_of(f"/proc/{pid}/cmdline") and "worker" in text_of(f"/proc/{pid}/comm")]


def threads_of(pid):
    told = f"process {pid}: {text_of(f'/proc/{pid}/cmdline')}\n".replace("\0", " ")
    for task in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        at = f"/proc/{pid}/task/{task}"
        told += f"  {task} {text_of(at + '/comm')}: {text_of(at + '/wchan')}, system call {text_of(at + '/syscall')}\n"
    if shutil.which("gdb"):
        told += output_of("gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 16")
    return told


def main(runtime_dir, sluice, path):
    told = output_of(sluice, "sessions", "--why", "--runtime-dir", runtime_dir)
    for pid in ancestors(os.getppid())[:2] + workers_of(runtime_dir):
        if os.path.isdir(f"/proc/{pid}/task"):
            told += threads_of(pid)
    with open(path, "a", encoding="utf-8") as file:
        file.write(told)


main(*sys.argv[1:])
