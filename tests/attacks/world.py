"""A pool, what an attack is aimed at, and programs whose kernels attack. Everything that is attacked was made here for it:
processes, files in a temporary folder, sockets."""

import ctypes
import glob
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(FOLDER), "scenarios"))

from pool import Native, Pool, die_with_parent, find_build, wait_until  # noqa: E402, F401

KERNELS = os.path.join(FOLDER, "kernels")
LIBRARY = os.path.join(KERNELS, "library.cl")
MARK = b"XXXXXXXX"  # what attacks write into others' memory
SLICE = 64 << 20
RESULT_S_MAX = 20
TENANTS = "share_uid = true"
# What a pool without root lacks: one user, and a control group only where one was delegated.
USER_LACKS = ("own-uid", "cgroup")
# Less than an installed pool gives, so that its limits are quickly met.
WORKER_MEMORY, WORKER_PROCESSES = 512 << 20, 128
JAIL = f'worker_memory = "{WORKER_MEMORY >> 20}MiB"\nworker_processes = {WORKER_PROCESSES}\n'
libc = ctypes.CDLL(None, use_errno=True)


def file_of_kernel(name):
    for path in glob.glob(os.path.join(KERNELS, "*.cl")):
        with open(path, encoding="ascii") as file:
            if re.search(rf"^kernel void {name}\(", file.read(), re.MULTILINE):
                return path
    raise KeyError(f"no kernel {name}")


# ---- looking at processes from outside ----

def status_of(pid):
    """/proc/PID/status as a dictionary; empty if the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return {}


def lives(pid):
    return status_of(pid).get("State", "Z")[0] not in "ZX"


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(pid):
    """The process and all that it started, by the parents they have now."""
    parents = {}
    for child in pids():
        parent = status_of(child).get("PPid")
        if parent is not None:
            parents.setdefault(int(parent), []).append(child)
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


def links(pid):
    """What the process's descriptors are, as the kernel names it."""
    found = []
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            found.append(os.readlink(path))
        except OSError:
            pass
    return found


def inodes(pid):
    """(device, inode) of the memory behind its descriptors."""
    found = set()
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            if os.readlink(path).startswith("/memfd:"):
                info = os.stat(path)
                found.add((info.st_dev, info.st_ino))
        except OSError:
            pass
    return found


def cpu_s(pid):
    """User and system time of a process and its children that it has waited for."""
    return sum(cpu_times_s(pid))


def own_cpu_s(pid):
    """User and system time of a process without its children."""
    return sum(cpu_times_s(pid)[:2])


def cpu_times_s(pid):
    """User and system time of a process, and both of its children that it has waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return []
    return [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]


def memory_of(pid, key="VmRSS"):
    """Bytes."""
    return int(status_of(pid).get(key, "0 kB").split()[0]) << 10


def mappings(pid):
    """(start, end, rights, name) of the shared memory that a process maps."""
    found = []
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            for line in file:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ (\S+) (\d+) +/memfd:(sluice-\S+)", line)
                if match:
                    found.append((match[1], match[2], match[3], match[6], (match[4], match[5])))
    except OSError:
        pass
    return found


def tree_bytes(*folders):
    """Bytes on the disk below these folders, which may hold anything: nothing is followed, no depth is too great."""
    total = 0
    for folder in folders:
        ended = subprocess.run(["du", "-s", "-B1", folder], capture_output=True, text=True, check=False)
        total += int(ended.stdout.split()[0]) if ended.stdout else 0
    return total


# ---- who attacks, who is attacked ----

class Victim:
    """A process of the daemon's user. It has no capabilities: what has more than an attacker is out of its reach anyhow."""

    def __init__(self):
        without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        self.child = subprocess.Popen([*without, sys.executable, "-B", os.path.join(FOLDER, "victim.py")], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        said = json.loads(self.child.stdout.readline())
        self.pid, self.address, self.descriptor = said["pid"], said["address"], said["descriptor"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def look(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def ended_by(self):
        """The signal that ended it; 0: it lives."""
        wait_until(lambda: self.child.poll() is not None, 0.3)
        return -(self.child.poll() or 0)


class Run:
    """A tenant's program. Leaving the context ends it, and waits for the end of its worker."""

    def __init__(self, world, argv, tenant, options):
        self.world = world
        side = Native(world.build) if world.native else world.pool
        self.child = side.popen(argv, tenant=tenant, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, **options)
        self.unread = b""
        self.worker = self.child.pid if world.native else 0
        wait_until(lambda: self.worker or self.find_worker() or self.child.poll() is not None, RESULT_S_MAX)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def find_worker(self):
        self.worker = next((one["worker_pid"] for one in self.world.pool.sessions() if one["pid"] == self.child.pid), 0)
        return self.worker

    def line(self, seconds):
        """The next line of the program; None if there is none in time, or no more."""
        end = time.monotonic() + seconds
        while b"\n" not in self.unread:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.child.stdout], [], [], left)[0]:
                return None
            piece = os.read(self.child.stdout.fileno(), 65536)
            if not piece:
                return None
            self.unread += piece
        text, self.unread = self.unread.split(b"\n", 1)
        return text.decode()

    def results(self, seconds=RESULT_S_MAX):
        """What the kernel left when it ended; an empty list if it did not, or its session was ended."""
        text = self.line(seconds) or ""
        return list(map(int, text.split()[1:])) if text.startswith("result") else []

    def peek(self):
        """What the kernel has left so far."""
        try:
            os.write(self.child.stdin.fileno(), b"\n")
        except OSError:
            return []
        return self.results(1)

    def reaches(self, place=63, seconds=5):
        """Waits until the kernel has left something at this place."""
        return wait_until(lambda: not lives(self.worker) or (self.peek() or [0] * 64)[place] != 0, seconds, 0.02)

    def wide(self):
        """The worker and what it started."""
        return descendants(self.worker)

    def links(self):
        return [link for pid in self.wide() for link in links(pid)]

    def end(self):
        if self.child.poll() is None:
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        if self.worker and self.worker != self.child.pid:
            wait_until(lambda: not lives(self.worker), 5)


def text_of(results, start=8, count=8):
    """Characters that a kernel left."""
    raw = b"".join(struct.pack("<q", value) for value in results[start:start + count])
    return raw.split(b"\0")[0].decode("latin-1")


class World:
    def __init__(self, build, mode, without=(), config="", name="attacks", native=False):
        """native: attacks run in a process of the harness's own user, where no pool is."""
        self.build, self.mode, self.without, self.native = build, mode, tuple(without), native
        self.config, self.name = config, name  # of its tenants
        self.folder = tempfile.mkdtemp(prefix="sluice-attacks-")
        os.chmod(self.folder, 0o755)
        self.pool = self.other = None
        self.number = 0

    def __enter__(self):
        fences = ", ".join(f'"{fence}"' for fence in self.without)
        config = f"[tenants]\nad_hoc = true\n{self.config or TENANTS}\n[jail]\nwithout = [{fences}]\n{JAIL}"
        self.pool = Pool(self.build, name=self.name, everyone=self.mode == "root", config=config, log_level="info")
        self.pool.__enter__()
        return self

    def __exit__(self, *_):
        self.end_other()
        self.pool.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def launch(self, name, *words, tenant="mallory", memory=SLICE, **options):
        """A program whose kernel attacks."""
        run = self.start("attacker", name, LIBRARY, file_of_kernel(name), "--", *words, tenant=tenant, memory=memory, **options)
        run.launched = run.line(RESULT_S_MAX) == "launched"
        return run

    def start(self, program, *words, tenant="mallory", memory=SLICE, **options):
        """One of tests/programs or of these, as a tenant's."""
        argv = [self.program(program), *map(str, words)]
        return Run(self, argv, tenant, {"memory": memory, **options})

    def program(self, name):
        return os.path.join(self.build, "programs", name)

    def attack(self, name, *words, **options):
        """Runs a kernel to its end."""
        with self.launch(name, *words, **options) as run:
            return run.results()

    def register(self, name, *words):
        """A tenant of the registry, whose programs this process's user may run; its id."""
        self.pool.command("tenant", "create", name, "--memory", str(SLICE), "--uid", str(os.getuid()), *words)
        shown = self.pool.ask("tenant", "show", name)
        return shown["tenant"]["id"] if "tenant" in shown else shown["id"]

    def cache_of(self, tenant_id):
        return os.path.join(self.pool.kernels, str(tenant_id))

    # ---- targets ----

    def path(self, name):
        self.number += 1
        return os.path.join(self.folder, f"{self.number}-{name}")

    def file(self, content="", mode=0o644):
        path = self.path("file")
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def secret(self):
        """A file for its owner alone, and what is in it."""
        content = secrets.token_hex(16)
        return self.file(content, 0o600), content

    def other_worker(self):
        """The worker of another tenant, which computes; a new one if it has died."""
        if self.other is None or self.other.poll() is not None or not self.other_pid():
            self.end_other()
            self.other = self.pool.popen([self.program("steady"), "600", "1"], tenant="bystander",
                                         memory=SLICE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.other.stdout.readline()
        return self.other_pid()

    def other_pid(self):
        return next((one["worker_pid"] for one in self.pool.sessions() if one["tenant"] == "bystander"), 0)

    def end_other(self):
        if self.other is not None:
            self.other.kill()
            self.other.wait()
            self.other.stdout.close()
            wait_until(lambda: not self.other_pid(), 5)
        self.other = None

    def revive(self):
        """Starts the daemon again if an attack has ended it."""
        if self.pool.daemon.poll() is not None:
            self.pool.start()

    # ---- what became of it ----

    def strays(self):
        """Processes of the pool that are neither the daemon nor a worker that it knows."""
        known = {self.pool.daemon.pid}
        for path in glob.glob(os.path.join(self.pool.runtime, "workers", "*.life")):
            try:
                with open(path, encoding="ascii", errors="replace") as file:
                    known.add(int(file.read().split()[0]))
            except (OSError, IndexError):  # just removed, or just made
                continue
        text = self.pool.runtime.encode()
        found = []
        for pid in pids():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            ours = words[0].endswith(b"sluice-worker") and text in words or self.native and words[0] == self.program("attacker").encode()
            if ours and pid not in known and lives(pid):
                found.append(pid)
        return found

    def ended_session(self, tenant="mallory"):
        answer = self.pool.ask("sessions", "--ended")
        return next((one for one in answer["sessions"] if one["tenant"] == tenant), None) if answer else None

    def latency_s(self):
        """How long the daemon takes to answer a question, 30 s at most."""
        started = time.monotonic()
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(30)
                asked.connect(os.path.join(self.pool.runtime, "admin.sock"))
                asked.sendall(b'{"verb":"status"}\n')
                asked.recv(16)
        except OSError:
            pass
        return time.monotonic() - started

    def daemon_latency_s(self, seconds):
        """The longest answer within so many seconds."""
        worst, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            worst = max(worst, self.latency_s())
            time.sleep(0.02)
        return worst


