"""The installed service, as its administrator and its users see it."""

import json
import os
import signal
import subprocess
import sys

from report import run

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path += [os.path.join(TESTS, "attacks"), os.path.join(TESTS, "scenarios")]

from world import status_of, wait_until  # noqa: E402

UNITS = ("sluiced.service", "sluice-workers.service", "sluice.slice")
PROGRAMS = "/opt/sluice-tests/build/programs"
CONFIGURATION = "/usr/etc/sluice/sluiced.toml"
READY_S_MAX = 300  # TCG, and a machine that is busy
UID_FIRST, UID_COUNT = 700_000, 65_536  # jail.uid_first, jail.uid_count


def systemctl(*words):
    return run("systemctl", *words)


def state(unit):
    return systemctl("is-active", unit).stdout.strip()


def main_pid():
    return int(systemctl("show", "--property=MainPID", "--value", "sluiced.service").stdout)


def journal():
    return run("journalctl", "--boot", "--no-pager", "--lines=80", "--output=short-monotonic", "--unit=sluiced.service",
               "--unit=sluice-workers.service").stdout


def ask(*words):
    """The parsed answer of `sluice WORDS --json`; empty if the daemon does not answer."""
    answer = run("sluice", *words, "--json")
    return json.loads(answer.stdout) if answer.returncode == 0 else {}


def sessions(*words):
    return ask("sessions", *words).get("sessions", [])


def workers_ready():
    return sum(device["workers"]["ready"] for device in ask("status").get("devices", []))


def wait_ready():
    return wait_until(lambda: workers_ready() > 0, READY_S_MAX, 0.2)


def command_of(user, *argv):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", "/usr/bin/sluice", "run", "--",
            *argv]


def run_as(user, *argv):
    """A program in the pool, ended."""
    return run(*command_of(user, *argv))


class Program:
    """A program in the pool that runs beside the checks. Leaving the context ends it."""

    def __init__(self, user, *argv):
        self.user = user
        self.child = subprocess.Popen(command_of(user, *argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.communicate()

    def wait_line(self):
        return self.child.stdout.readline().strip()

    def session(self):
        """Empty if the daemon knows of none."""
        return next((one for one in sessions() if one["tenant"] == self.user), {})

    def end(self):
        """(status, what else it said) once it has ended by itself."""
        try:
            text = self.child.communicate(timeout=READY_S_MAX)[0]
        except subprocess.TimeoutExpired:
            return None, ""
        return self.child.returncode, text


def processes(wanted):
    """Pids of processes about which wanted(pid) is true."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if wanted(pid)]


def runs_as_worker(pid):
    uid = int(status_of(pid).get("Uid", "0").split()[0])
    return UID_FIRST <= uid < UID_FIRST + UID_COUNT
