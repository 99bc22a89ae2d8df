"""Attacks through interfaces of the operating system that no driver needs, and on sockets."""

import ctypes
import json
import os
import select
import socket
import threading
import time

from pool import wait_until
from suite import attack
from world import MARK, RESULT_S_MAX, inodes, libc, lives


def holds_link(w, kernel, name):
    with w.launch(kernel) as run:
        run.reaches()
        found = [link for link in run.links() if name in link]
        return bool(found), (run.peek() or ["ended"])[:1]


@attack(always="the filter of calls, and a limit of locked memory", native=True, user=None)
def use_io_uring(w):
    """A kernel opens an io_uring, which makes system calls past a filter of calls."""
    return holds_link(w, "io_uring", "[io_uring]")


@attack("seccomp", user=None)
def use_userfaultfd(w):
    """A kernel takes over the handling of its page faults (userfaultfd)."""
    return holds_link(w, "userfaultfd", "[userfaultfd]")


@attack("seccomp", user=None)
def count_performance_events(w):
    """A kernel opens a performance counter (perf_event_open)."""
    return holds_link(w, "perf_event", "[perf_event]")


@attack("seccomp")
def keep_a_key(w):
    """A kernel puts a key into its user's keyring, where it outlives the session (add_key)."""
    name = f"sluice-attack-{os.getpid()}-{time.monotonic_ns()}"
    said = w.attack("add_key", name)
    return bool(said) and said[0] > 0, said[:1]


@attack(always="a limit of timers and queued signals", native=True, user=None, machine="own")
def make_ten_thousand_timers(w):
    """A kernel makes ten thousand timers, each of which is memory of the operating system's."""
    with w.launch("many_timers", 10000) as run:
        run.reaches()
        count = 0
        if lives(run.worker):
            with open(f"/proc/{run.worker}/timers", encoding="ascii") as file:
                count = sum(line.startswith("ID:") for line in file)
        return count >= 10000, count


@attack("own-uid", "seccomp", machine="own")
def use_up_inotify(w):
    """A kernel takes all inotify instances that the daemon's user may have."""
    with w.launch("many_inotifies") as run:
        run.reaches()
        made = libc.inotify_init()
        if made >= 0:
            os.close(made)
        return made < 0, (run.peek() or ["ended"])[:1]


@attack("network-namespace", "seccomp")
def connect_to_an_abstract_socket(w):
    """A kernel connects to a socket in the machine's abstract name space."""
    name = f"sluice-attack-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        return hears(w, listener, "abstract_socket", name)


@attack("network-namespace", "seccomp")
def connect_to_the_network(w):
    """A kernel connects to a TCP port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return hears(w, listener, "network_socket", listener.getsockname()[1])


@attack("mount-namespace", "own-uid", "seccomp")
def connect_to_a_socket_of_root(w):
    """A kernel connects to a private socket in the file system."""
    path = w.path("socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o600)
        return hears(w, listener, "say_to_socket", path, "hello")


def hears(w, listener, kernel, *words):
    listener.listen(8)
    listener.setblocking(False)
    with w.launch(kernel, *words) as run:
        select.select([listener, run.child.stdout], [], [], RESULT_S_MAX)  # it connects, or ends
        try:
            listener.accept()[0].close()
            return True
        except BlockingIOError:
            return False, run.results(5)[:3]


@attack("mount-namespace", "own-uid", "seccomp", row="1")
def give_orders_to_the_daemon(w):
    """A kernel asks the admin socket to create a tenant."""
    name = f"made-by-a-kernel-{time.monotonic_ns()}"
    order = json.dumps({"verb": "tenant-create", "name": name, "memory_bytes": 1 << 20, "gpu_milli": 0})
    said = w.attack("say_to_socket", os.path.join(w.pool.runtime, "admin.sock"), order)
    made = w.pool.ask("tenant", "show", name) is not None
    if made:
        w.pool.command("tenant", "delete", name)
    return made, said[:4]


@attack(always="a worker whose daemon lives answers nobody else")
def connect_to_another_workers_adoption_socket(w):
    """A kernel connects to another worker's adoption socket as a new daemon would, and gets its pages."""
    pid = w.other_worker()
    number = next(name for name in os.listdir(os.path.join(w.pool.runtime, "workers"))
                  if name.endswith(".life") and open(os.path.join(w.pool.runtime, "workers", name), encoding="ascii")
                  .read().split()[0] == str(pid))[:-5]
    with w.launch("connect_for_adoption", os.path.join(w.pool.runtime, "workers", number, "adoption.sock")) as run:
        run.reaches()
        said = (run.peek() or ["ended"])[:2]
        return bool(inodes(pid) & {pair for one in run.wide() for pair in inodes(one)}), said


@attack("ipc-namespace", "own-uid", "seccomp")
def write_into_a_shared_segment(w):
    """A kernel writes into a private System V segment of the daemon's user."""
    key = 0x51000000 | os.getpid() & 0xffffff
    made = libc.shmget(key, 4096, 0o1600)
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(made, None, 0)
    said = w.attack("shared_segment", key)
    content = ctypes.string_at(at, 8)
    libc.shmdt(ctypes.c_void_p(at))
    libc.shmctl(made, 0, None)
    return content == MARK, said[:2]


@attack("ipc-namespace", "seccomp", machine="own")
def leave_shared_segments(w):
    """A kernel makes System V segments, which outlive every process."""
    before = segments()
    said = w.attack("segments_that_stay")
    left = segments() - before
    for one in left:
        libc.shmctl(one, 0, None)
    return bool(left), said[:1]


def segments():
    with open("/proc/sysvipc/shm", encoding="ascii") as file:
        return {int(line.split()[1]) for line in file.readlines()[1:]}
