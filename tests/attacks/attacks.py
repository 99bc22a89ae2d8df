#!/usr/bin/python3
"""The project's own attacks on its pool: each is tried with all fences up, where it must fail, and with the fences down
that stop it, where it must succeed: else the check could not fail. Where several fences stop it, each is tried alone.

    attacks.py [--build DIR] [--mode root|user] [--only NAME]... [--kind up|down|open|alone|native]
               [--machine shared|own] [--json FILE] [--markdown FILE]
    attacks.py --list
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time


from suite import alone, attacks, down, failed, run_groups, up
from world import find_build

import on_accounts  # noqa: F401  each registers its attacks
import on_daemon  # noqa: F401
import on_files  # noqa: F401
import on_interfaces  # noqa: F401
import on_processes  # noqa: F401

ORDINARY_USER = 64001  # exists nowhere: root plays it for the tests of a pool without root


def say(text):
    print(text, flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", help="the build folder; default: $SLUICE_BUILD_DIR or build/release")
    parser.add_argument("--mode", choices=("root", "user"), default="root" if os.geteuid() == 0 else "user")
    parser.add_argument("--only", action="append", metavar="NAME", help="attacks whose name contains it")
    parser.add_argument("--kind", action="append", choices=("up", "down", "open", "alone", "native"),
                        help="with which fences; native: in a process of no pool")
    parser.add_argument("--machine", choices=("shared", "own"),
                        help="attacks beside which other programs may run, or those that need the machine to themselves")
    parser.add_argument("--list", action="store_true", help="name all attacks")
    parser.add_argument("--json", metavar="FILE", help="write the results there")
    parser.add_argument("--markdown", metavar="FILE", help="write the table for docs/SECURITY.md there")
    return parser.parse_args()


def as_ordinary_user(arguments):
    """Starts a copy of this script as a user without any rights, who may not even see this tree, with a build folder in
    which that user may write."""
    home = tempfile.mkdtemp(prefix="sluice-user-")
    build = os.path.join(home, "build")
    os.mkdir(build)
    for name in ("bin", "sbin", "lib", "libexec", "shim", "programs"):
        source = os.path.join(find_build(arguments.build), name)
        if os.path.exists(source):
            shutil.copytree(source, os.path.join(build, name))
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for name in ("attacks", "scenarios"):
        shutil.copytree(os.path.join(tests, name), os.path.join(home, "tests", name))
    for folder in (home, build):
        os.chown(folder, ORDINARY_USER, ORDINARY_USER)
    line = ["setpriv", f"--reuid={ORDINARY_USER}", f"--regid={ORDINARY_USER}", "--clear-groups", "/usr/bin/python3", "-B",
            os.path.join(home, "tests", "attacks", os.path.basename(__file__)), *sys.argv[1:], "--build", build]
    try:
        return subprocess.run(line, env={**os.environ, "HOME": home}, check=False).returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)


def row_of(one, mode):
    return {"attack": one.name, "row": one.row, "says": one.says, "fences": list(one.fences), "mode": mode,
            "up": up(one, mode), "down": down(one), "alone_not_enough": alone(one),
            "detail": {kind: outcome.detail for kind, outcome in one.results.items()}}


def markdown(chosen, mode):
    lines = [f"| attack ({mode}) | stopped by | fences up | fences down |", "|---|---|---|---|"]
    for one in chosen:
        stopped = ", ".join(f"`{fence}`" for fence in one.fences) or one.always
        held = up(one, mode) if up(one, mode) != "not promised" else f"not promised: {one.user}"
        lines.append(f"| {one.says} | {stopped} | {held} | {down(one)} |")
    return "\n".join(lines) + "\n"


def main():
    arguments = parse()
    chosen = [one for one in attacks if not arguments.only or any(name in one.name for name in arguments.only)]
    if arguments.machine:
        chosen = [one for one in chosen if one.machine == arguments.machine]
    if arguments.mode == "user":
        chosen = [one for one in chosen if one.user is not None]
    if arguments.list:
        for one in chosen:
            say(f"{one.name:40} row {one.row or '-':5} {', '.join(one.fences) or one.always}\n    {one.says}")
        return 0
    if arguments.mode == "user" and os.geteuid() == 0:
        return as_ordinary_user(arguments)
    started = time.monotonic()
    left = run_groups(find_build(arguments.build), arguments.mode, chosen, arguments.kind, say)
    say(f"\n{'attack':42}{'row':6}{'up':14}{'down':20}stopped by")
    for one in chosen:
        lacking = "".join(f"; {fence} ALONE DOES NOT HOLD" for fence in alone(one))
        say(f"{one.name:42}{one.row or '-':6}{up(one, arguments.mode):14}{down(one):20}"
            f"{', '.join(one.fences) or one.always}{lacking}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump([row_of(one, arguments.mode) for one in chosen], file, indent=1)
    if arguments.markdown:
        with open(arguments.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(chosen, arguments.mode))
    bad = [one.name for one in chosen if failed(one, arguments.mode)]
    for one in left:
        say(f"FAIL left behind by the pool with all fences up: {one}")
    say(f"{len(chosen) - len(bad)} of {len(chosen)} attacks as they must be, in {time.monotonic() - started:.0f} s"
        + (f"; not: {', '.join(bad)}" if bad else ""))
    return 1 if bad or left else 0


if __name__ == "__main__":
    sys.exit(main())
