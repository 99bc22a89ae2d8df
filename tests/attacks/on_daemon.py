"""Attacks on the daemon: its log, its loop, its patience."""

import os
import re
import socket
import subprocess
import time

from suite import attack
from world import mappings, own_cpu_s


@attack(row="13", always="workers hold no descriptor of the log")
def forge_the_log(w):
    """A kernel writes a line that looks like the daemon's to the descriptors that it inherited."""
    line = "2026-11-30T00:00:00.000 sluiced: info: forged by a kernel"
    w.attack("forge_log", line)
    time.sleep(0.3)
    return re.search("^" + re.escape(line) + "$", w.pool.log(), re.MULTILINE) is not None


@attack(row="13", always="workers hold no descriptor of the log")
def cut_the_log(w):
    """A kernel cuts the daemon's log to nothing."""
    before = len(w.pool.log())
    w.attack("cut_log")
    after = len(w.pool.log())
    return after < before, f"{before} bytes before, {after} after"


@attack(row="9", always="what comes over a link is closed elsewhere", machine="own")
def freeze_the_daemon_by_a_lingering_socket(w):
    """A kernel sends a connection over its link whose end takes seconds to close."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        with w.launch("send_lingering", listener.getsockname()[1], 4) as run:
            worst = w.daemon_latency_s(1.5)
            said = run.results(1)
    return worst > 1, f"an answer took {worst * 1000:.0f} ms at most {said[:5]}"


@attack(row="9", always="messages of a link are budgeted", machine="own")
def flood_the_link(w):
    """A kernel sends messages without meaning over its link, as fast as it can."""
    with w.launch("flood_link", 10_000_000, 512) as run:
        latencies = []
        load = daemon_load(w, lambda: latencies.append(w.daemon_latency_s(2)))
        said = run.results(0.5)
    worst = latencies[0]
    return worst > 0.5 or load > 0.25, f"an answer took {worst * 1000:.0f} ms at most, the daemon's load was {load:.1%} {said[:2]}"


def daemon_load(w, meanwhile):
    """The part of a processor that the daemon uses while meanwhile() runs, however long that takes. A worker that ends
    meanwhile would add the time of its whole life, driver and all: the daemon waits for it."""
    began, before = time.monotonic(), own_cpu_s(w.pool.daemon.pid)
    meanwhile()
    return (own_cpu_s(w.pool.daemon.pid) - before) / (time.monotonic() - began)


@attack(row="18", always="kicks are answered ever less often", machine="own")
def kick_without_end(w):
    """A kernel writes to the session's eventfd as fast as it can."""
    with w.launch("kick", 3000) as run:
        time.sleep(0.2)
        load = daemon_load(w, lambda: time.sleep(2))
        said = run.results(5)
    return load > 0.05, f"the daemon's load was {load:.1%} {said[:2]}"


@attack(row="8", user=None, always="no page is written by two workers")
def share_memory_with_a_sibling(w):
    """Two sessions of one tenant have memory that both can write."""
    with w.launch("compute", 3000, 0) as one, w.launch("compute", 3000, 0) as other:
        workers = {session["worker_pid"] for session in w.pool.sessions() if session["tenant"] == "mallory"}
        writable = [{inode for _, _, rights, _, inode in mappings(pid) if "w" in rights} for pid in workers]
        del one, other
    return len(writable) == 2 and bool(writable[0] & writable[1]), writable


@attack(row="15", always="attaches are limited by user and tenant", machine="own")
def delay_others_by_attaching(w):
    """A tenant attaches as often as it can, and another waits for a worker."""
    quiet = attach_ms(w)
    churning = outsider(w, "churn", 4, "mallory")
    time.sleep(0.5)
    busy = attach_ms(w)
    churns = int(churning.communicate()[0] or 0)
    return busy > 250 and busy > 4 * quiet, f"{quiet:.0f} ms alone, {busy:.0f} ms beside {churns} attaches in 4 s"


def outsider(w, *words):
    return subprocess.Popen([os.path.join(w.build, "programs", "churner"), *map(str, words)], stdout=subprocess.PIPE, text=True,
                            env={**w.pool.environment, "SLUICE_SOCKET": w.pool.socket})


def attach_ms(w):
    """The median of some attaches of another tenant, each to a worker that is ready if nobody takes it away."""
    times = sorted(map(float, outsider(w, "time", 9, "patient").communicate()[0].split()))
    return times[len(times) // 2] if times[0] >= 0 else 10_000


SHARED_USER = {"user": 64002, "group": 64002, "extra_groups": []}
SPY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "spy.py")


@attack(row="16", always="two tenants of one user are refused", config="share_uid = false", opened="share_uid = true",
        user="all of its tenants are one user's")
def read_another_tenants_arena(w):
    """A second tenant of a user reads the memory that the first one's program shares with its worker, through /proc."""
    user = SHARED_USER if w.mode == "root" else {}
    secret = os.urandom(12).hex()
    with w.launch("compute", "5000", "0", secret, tenant="first", **user) as run:
        came = w.pool.run([os.path.join(w.build, "programs", "steady"), "0.1"], 30, tenant="second", **user)
        read = subprocess.run(["/usr/bin/python3", SPY, str(run.child.pid), secret], check=False, **user).returncode == 0
    return came.returncode == 0 and read, f"let in: {came.returncode == 0}, read: {read}"
