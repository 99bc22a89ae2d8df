"""The project's own attacks (tests/attacks) against pools that are started here, in the control group that systemd delegates:
with all fences up, and some with the fences down that stop them, which must succeed."""

import json

from report import run, said
from service import wait_ready

ATTACKS = "/opt/sluice-tests/tests/attacks/attacks.py"
BUILD = "/opt/sluice-tests/build"
RESULTS = "/run/attacks.json"
ATTACKS_S_MAX = 4000
# One for each kind of fence.
CONTROLS = ("open-a-file-of-root-to-all", "read-a-secret", "kill-another-tenants-worker", "enter-a-user-namespace",
            "leave-shared-segments", "connect-to-an-abstract-socket", "compute-beyond-the-cap", "start-five-hundred-processes",
            "compute-without-a-lease", "write-the-daemons-terms")


def attack(*options):
    """What attacks.py prints, and its rows by name."""
    ended = run("python3", "-B", ATTACKS, "--build", BUILD, "--mode", "root", "--json", RESULTS, *options,
                seconds=ATTACKS_S_MAX)
    with open(RESULTS, encoding="utf-8") as file:
        return ended, {row["attack"]: row for row in json.load(file)}


def main(report):
    report.check(wait_ready(), "the service is ready")
    ended, rows = attack("--kind", "up")
    for name, row in rows.items():
        report.check(row["up"] == "held", f"with all fences, this does not succeed: {name}", row["detail"])
    report.check(rows and ended.returncode == 0, "and the pool leaves nothing behind", said(ended)[-4000:])
    only = [word for name in CONTROLS for word in ("--only", name)]
    ended, rows = attack("--kind", "down", *only)
    for name, row in rows.items():
        report.check(row["down"].startswith("succeeded"), f"with fences down, it does: {name}", row["detail"])
    report.check(len(rows) >= len(CONTROLS), "all of those were tried", said(ended)[-4000:])
