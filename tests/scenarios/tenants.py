#!/usr/bin/python3
"""Registered tenants: who gets in and as whom, what the owner's commands do to running programs, and what a daemon that
is killed knows afterwards."""

import os
import pathlib
import random
import subprocess
import threading
import time

from holder import Holder
from pool import die_with_parent, wait_until
from scenario import run

MIB = 1024 * 1024
LIMIT = 64 * MIB
NOBODY = 65534
SET_S_MAX = 1  # a change holds for running sessions within


def tenant(scenario, *words):
    return scenario.pool.command("tenant", *words)


def must(scenario, *words):
    """`sluice tenant WORDS`, which must succeed."""
    ended = tenant(scenario, *words)
    scenario.check(ended.returncode == 0, "sluice tenant " + " ".join(words), ended.stderr)
    return ended.stdout


def create(scenario, name, *words):
    return must(scenario, "create", name, "--memory", str(LIMIT), "--uid", str(os.getuid()), *words)


def refused(scenario, what, ended, words):
    """No session, and stderr says why."""
    scenario.check(ended.returncode != 0 and words in ended.stderr, what, f"{ended.returncode} {ended.stderr}")


def a_program_sees_its_tenant(scenario):
    create(scenario, "alice", "--gpu", "250m", "--cap", "500m", "--class", "latency", "--max-sessions", "2")
    ended = scenario.pool.run([scenario.program("quota"), str(LIMIT)])
    failed = [line for line in ended.stdout.splitlines() if not line.startswith("ok ")]
    scenario.check(ended.stdout.count("ok ") >= 5 and not failed, "a program that names nobody is who the rule says, "
                   "sees its tenant's memory and gets all of it", ended.stdout + ended.stderr)
    shown = tenant(scenario, "show", "alice").stdout
    scenario.check(all(word in shown for word in ("250m", "500m", "latency", "64 MiB", "of 2")), "`show` shows it", shown)
    refused(scenario, "a tenant that is not registered is refused",
            scenario.pool.run([scenario.program("quota"), "1"], tenant="mallory"), "no rule of this pool lets")
    refused(scenario, "a size other than the tenant's is refused",
            scenario.pool.run([scenario.program("quota"), "1"], tenant="alice", memory=2 * LIMIT), "ask for the same or for nothing")
    holders = [Holder(scenario, None, LIMIT, 1) for _ in range(2)]
    refused(scenario, "one session more than it may have is refused",
            scenario.pool.run([scenario.program("quota"), "1"]), "has 2 sessions, as many as it may have")
    for holder in holders:
        holder.end()


def limits_change_under_a_program(scenario):
    holder = Holder(scenario, "alice", LIMIT, LIMIT // 2)
    must(scenario, "set", "alice", "--memory", str(LIMIT // 2 - 1))
    begun = time.monotonic()
    scenario.check(holder.more(1) == "refused", "a lower limit holds for a running program")
    must(scenario, "set", "alice", "--memory", str(LIMIT // 2 + 10))
    scenario.check(holder.more(10) == "held" and holder.more(1) == "refused",
                   "a higher one too, to the byte, and what it holds is left to it")
    scenario.check(time.monotonic() - begun < SET_S_MAX, f"all that within {SET_S_MAX} s")
    session = scenario.pool.sessions()[0]
    scenario.check(session["memory_limit_bytes"] == LIMIT // 2 + 10, "`sluice sessions` shows the new limit", session)
    too_much = tenant(scenario, "set", "alice", "--memory", "100TiB")
    scenario.check(too_much.returncode == 1 and "has no room for" in too_much.stderr and "free there" in too_much.stderr,
                   "a raise that the device has no room for is refused with what is free", too_much.stderr)
    same = tenant(scenario, "set", "alice", "--memory", str(LIMIT // 2 + 10)).stdout
    scenario.check("is so already" in same, "and has changed nothing", same)
    must(scenario, "set", "alice", "--memory", str(LIMIT))
    holder.end()


class Greedy(threading.Thread):
    """A session that takes pieces of memory until it is told to stop, and knows what it got."""

    def __init__(self, scenario, tenant_name, seed):
        super().__init__()
        self.holder = Holder(scenario, tenant_name, LIMIT, 1)
        self.held, self.enough, self.random = 1, threading.Event(), random.Random(seed)

    def take(self, count):
        got = self.holder.more(count) == "held"
        self.held += count if got else 0
        return got

    def run(self):
        while not self.enough.is_set():
            self.take(self.random.randrange(1, 20_000))

    def fill(self):
        for count in (10_000, 100, 1):
            while self.take(count):
                pass


def limits_change_while_sessions_allocate(scenario):
    create(scenario, "crowd")
    sessions = [Greedy(scenario, "crowd", seed) for seed in range(3)]
    for session in sessions:
        session.start()
    luck = random.Random(5)
    for limit in [luck.randrange(MIB, LIMIT) for _ in range(20)] + [LIMIT // 2]:
        tenant(scenario, "set", "crowd", "--memory", str(limit))
        time.sleep(0.02)
    for session in sessions:
        session.enough.set()
    for session in sessions:
        session.join()
    limit = max(LIMIT // 2, sum(session.held for session in sessions) + 12_345)
    tenant(scenario, "set", "crowd", "--memory", str(limit))
    for session in sessions:
        session.fill()
    got = sum(session.held for session in sessions)
    shown = {item["name"]: item["memory_held_bytes"] for item in scenario.pool.ask("tenant", "list")["tenants"]}["crowd"]
    scenario.check(got == shown == limit, "a limit that changes while three sessions allocate is filled to the byte",
                   f"limit {limit}, programs hold {got}, `sluice tenant list` shows {shown}")
    for session in sessions:
        session.holder.end()
    must(scenario, "delete", "crowd", "--force")


def suspension(scenario):
    must(scenario, "suspend", "alice")
    refused(scenario, "a suspended tenant gets no session", scenario.pool.run([scenario.program("quota"), "1"]),
            "tenant alice is suspended")
    must(scenario, "resume", "alice")
    ended = scenario.pool.run([scenario.program("steady"), "0.1"])
    scenario.check(ended.returncode == 0, "a resumed one does", ended.stderr)


def deletion(scenario):
    create(scenario, "carol")
    child = scenario.pool.popen([scenario.program("steady"), "60"], tenant="carol", stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    child.stdout.readline()
    kept = tenant(scenario, "delete", "carol")
    scenario.check(kept.returncode == 1 and "in use by 1 session" in kept.stderr, "a tenant in use is not deleted",
                   kept.stderr)
    must(scenario, "delete", "carol", "--force")
    out, err = child.communicate(timeout=30)
    scenario.check(child.returncode not in (0, None) and child.returncode > 0,
                   "by force it is, and its program gets the API's error", f"{child.returncode} {out[-300:]} {err[-300:]}")
    ended = wait_until(lambda: scenario.pool.ask("sessions", "--ended")["sessions"][0]["reason"] == "tenant carol was deleted", 5)
    scenario.check(ended, "the session's end has the reason", scenario.pool.command("sessions", "--ended").stdout)
    gone = tenant(scenario, "show", "carol")
    scenario.check(gone.returncode == 1 and "there is no tenant carol" in gone.stderr, "and she is gone", gone.stderr)


def tokens(scenario):
    must(scenario, "create", "farm", "--memory", str(LIMIT))
    path = os.path.join(scenario.work, "token")
    must(scenario, "token", "farm", "--file", path, "--label", "for a test")
    with open(path, encoding="ascii") as file:
        secret = file.read().strip()
    scenario.check(os.stat(path).st_mode & 0o777 == 0o600, "a token's file is private")
    again = tenant(scenario, "token", "farm", "--file", path)
    scenario.check(again.returncode != 0 and "not overwritten" in again.stderr, "and is not overwritten", again.stderr)
    line = [os.path.join(scenario.build, "bin", "sluice"), "run", "--runtime-dir", scenario.pool.runtime, "--token-file", path,
            "--", scenario.program("quota"), str(LIMIT), "hold", "1"]
    child = subprocess.Popen(line, env=scenario.pool.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             preexec_fn=die_with_parent)
    child.stdout.readline()
    who = [session["tenant"] for session in scenario.pool.sessions()]
    scenario.check(who == ["farm"], "a program with the token is its tenant, whoever's rule would hold", who)
    child.stdin.close()
    child.wait(20)
    listed = scenario.pool.ask("tenant", "token", "farm", "--list")["tokens"]
    scenario.check(len(listed) == 1 and listed[0]["label"] == "for a test", "the list names it", listed)
    must(scenario, "token", "farm", "--revoke", listed[0]["id"])
    ended = scenario.pool.run(line[line.index("--") + 1:-2], environment={"SLUICE_TOKEN_FILE": path})
    kept = subprocess.run(line, env=scenario.pool.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=60)
    refused(scenario, "revoked, it opens nothing", kept, "the token is not valid")
    refused(scenario, "neither by the environment", ended, "the token is not valid")
    scenario.check(secret.split("-")[2] not in scenario.pool.log(), "no token is in the log")


def strangers(scenario):
    """A program of another user, in a pool for all users."""
    line = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if os.geteuid() != 0 or scenario.native.run([*line, "test", "-x", scenario.program("steady")]).returncode != 0:
        return scenario.note("not root, or another user cannot reach the build folder: strangers are not tried")

    def stranger(**options):
        command = scenario.pool.wrap([scenario.program("steady"), "0.1"], **options)
        return scenario.native.run([*line, *command], 60)

    refused(scenario, "another user without a rule is refused", stranger(), f"knows no tenant for uid {NOBODY}")
    refused(scenario, "and is not alice by saying so", stranger(tenant="alice"), f"lets uid {NOBODY} be tenant alice")
    must(scenario, "set", "alice", "--uid", str(os.getuid()), "--uid", str(NOBODY))
    ended = stranger()
    scenario.check(ended.returncode == 0, "with a rule it comes in", ended.stderr)
    must(scenario, "set", "alice", "--uid", str(os.getuid()))
    return None


def new_cgroup():
    """A folder of the cgroup tree (version 2) for this scenario, and its path as /proc shows it; None if it cannot be."""
    with open("/proc/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1] for line in file if line.split()[2] == "cgroup2"]
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        own = [line.strip()[3:] for line in file if line.startswith("0::/")]
    if not mounts or not own:
        return None
    path = os.path.join(own[0], f"sluice-{os.getpid()}")
    folder = mounts[0] + path
    try:
        os.mkdir(folder)
        return folder, path
    except OSError:
        return None


def cgroups(scenario):
    """A program is known by the cgroup that it runs in, or below."""
    made = new_cgroup()
    if made is None:
        return scenario.note("no cgroup can be made here: rules about cgroups are not tried")
    folder, path = made
    inner = os.path.join(folder, "inner")
    os.mkdir(inner)
    must(scenario, "create", "boxed", "--memory", str(LIMIT // 2), "--cgroup", path)
    line = scenario.pool.wrap([scenario.program("quota"), str(LIMIT // 2)])
    for place, what in ((folder, "in a tenant's cgroup"), (inner, "below it")):
        ended = scenario.native.run(["sh", "-c", f'echo $$ > {place}/cgroup.procs && exec "$@"', "sh", *line])
        scenario.check("ok the device says that it has the limit" in ended.stdout,
                       f"a program {what} is that tenant, not its user's", ended.stdout + ended.stderr)
    for place in (inner, folder):
        wait_until(lambda place=place: not pathlib.Path(place, "cgroup.procs").read_text("ascii"), 5)
        os.rmdir(place)
    return None


class Creator(threading.Thread):
    """Creates tenants one after another until one cannot be; knows which were acknowledged."""

    def __init__(self, scenario, prefix):
        super().__init__()
        self.scenario, self.prefix = scenario, prefix
        self.acknowledged, self.tried = [], []

    def run(self):
        for number in range(10_000):
            name = f"{self.prefix}-{number}"
            self.tried.append(name)
            if tenant(self.scenario, "create", name, "--memory", "1MiB").returncode != 0:
                return
            self.acknowledged.append(name)


def a_killed_daemon_forgets_nothing(scenario):
    luck = random.Random(4)
    count = 0
    for kill in range(5):
        creator = Creator(scenario, f"k{kill}")
        creator.start()
        time.sleep(0.1 + luck.random() / 2)
        scenario.pool.kill_daemon()
        creator.join()
        scenario.pool.start()
        names = {item["name"] for item in scenario.pool.ask("tenant", "list")["tenants"]}
        count += len(creator.acknowledged)
        lost = set(creator.acknowledged) - names
        made_up = {name for name in names if name.startswith(f"k{kill}-")} - set(creator.tried)
        if lost or made_up:
            scenario.check(False, "a killed daemon forgets nothing", f"lost {lost}, made up {made_up}")
    scenario.check(count > 0, f"5 kills among {count} creations that were acknowledged lose none of them")


def apply_file(scenario, text, *words):
    path = os.path.join(scenario.work, "tenants.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return scenario.pool.command("apply", "-f", path, *words)


ALICE = f"""[[tenant]]
name = "alice"
gpu = "250m"
cap = "750m"
memory = "64MiB"
max_sessions = 2
uid = [{os.getuid()}]
"""


def a_file_of_tenants(scenario):
    wanted = ALICE + '[[tenant]]\nname = "dora"\nmemory = "1GiB"\nclass = "best-effort"\n'
    look = apply_file(scenario, wanted, "--dry-run")
    lines = look.stdout.splitlines()
    scenario.check(look.returncode == 0 and "~ change alice: cap 500m -> 750m, class latency -> standard" in lines and
                   any(line.startswith("+ create dora: ") for line in lines) and "- delete farm" in lines,
                   "--dry-run shows the difference", look.stdout + look.stderr)
    shown = tenant(scenario, "show", "alice").stdout
    scenario.check("500m" in shown, "and changes nothing", shown)
    holder = Holder(scenario, "alice", LIMIT, 1)
    without = apply_file(scenario, "[[tenant]]\nname = \"dora\"\nmemory = \"1GiB\"\n")
    scenario.check(without.returncode == 1 and "tenant alice is in use" in without.stderr and
                   tenant(scenario, "show", "dora").returncode == 1,
                   "a file without a tenant in use changes nothing", without.stdout + without.stderr)
    done = apply_file(scenario, wanted)
    names = [item["name"] for item in scenario.pool.ask("tenant", "list")["tenants"]]
    scenario.check(done.returncode == 0 and names == ["alice", "dora"], "a whole file is applied", f"{names} {done.stderr}")
    scenario.check(apply_file(scenario, wanted).stdout == "nothing to change\n", "after which there is nothing to change")
    scenario.check(holder.more(1) == "held" and holder.end() == 0, "a running program goes on")
    wrong = apply_file(scenario, ALICE + 'colour = "blue"\n')
    scenario.check(wrong.returncode == 64 and "tenants.toml:8:1: unknown key 'colour'" in wrong.stderr,
                   "what the file says that is not understood is refused with its place", wrong.stderr)


def main(scenario):
    a_program_sees_its_tenant(scenario)
    limits_change_under_a_program(scenario)
    limits_change_while_sessions_allocate(scenario)
    suspension(scenario)
    deletion(scenario)
    tokens(scenario)
    strangers(scenario)
    cgroups(scenario)
    a_killed_daemon_forgets_nothing(scenario)
    a_file_of_tenants(scenario)


if __name__ == "__main__":
    run(main, everyone=os.geteuid() == 0, config="[tenants]\nad_hoc = false\nshare_uid = true\n")
