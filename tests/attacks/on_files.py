"""Attacks on files of others, on the machine's and on the worker's own folders."""

import os
import stat
import subprocess

from suite import attack
from world import text_of, tree_bytes, wait_until

JUNK_MIB = 160
CACHE_BYTES_MAX = 256 << 20  # what a tenant may keep
CACHES = ("/cache", "/proc/self/fd/9")  # how a worker sees its tenant's cache


@attack("mount-namespace", "own-uid", "seccomp", row="1")
def set_uid_bit_on_a_file_of_root(w):
    """A kernel gives a program of the daemon's user the set-user-id bit."""
    path = w.file(mode=0o755)
    w.attack("change_mode", path, 0o4755)
    return bool(os.stat(path).st_mode & stat.S_ISUID), oct(os.stat(path).st_mode)


@attack("mount-namespace", "own-uid", row="1")
def open_a_file_of_root_to_all(w):
    """A kernel makes a private file of the daemon's user writable for everybody."""
    path = w.file(mode=0o600)
    w.attack("change_mode", path, 0o666)
    return os.stat(path).st_mode & 0o777 != 0o600, oct(os.stat(path).st_mode)


@attack("mount-namespace", "own-uid", row="1")
def open_the_admin_socket_to_all(w):
    """A kernel makes the admin socket writable for everybody."""
    path = os.path.join(w.pool.runtime, "admin.sock")
    w.attack("change_mode", path, 0o666)
    mode = os.stat(path).st_mode & 0o777
    os.chmod(path, 0o600)
    return mode != 0o600, oct(mode)


@attack("mount-namespace", "own-uid", "seccomp", row="1")
def change_modes_by_32_bit_calls(w):
    """A kernel makes the call by the processor's 32-bit entry, where the numbers of calls are others."""
    path = w.file(mode=0o600)
    w.attack("change_mode_32", path, 0o4666)
    return os.stat(path).st_mode & 0o7777 != 0o600, oct(os.stat(path).st_mode)


@attack("mount-namespace", "own-uid", row="1")
def change_times_and_attributes(w):
    """A kernel changes the times and the extended attributes of a file of the daemon's user."""
    path = w.file("content")
    w.attack("change_attributes", path)
    return os.stat(path).st_mtime == 1 or bool(os.listxattr(path)), f"{os.stat(path).st_mtime} {os.listxattr(path)}"


@attack("mount-namespace", "own-uid", "landlock")
def read_a_secret(w):
    """A kernel reads a private file: by its name, through /proc, or upwards from an open descriptor."""
    path, content = w.secret()
    shown = text_of(w.attack("read_by_any_way", path) or [0] * 64)
    return shown == content, shown


@attack("mount-namespace", "landlock", user=True)
def read_a_file_for_everybody(w):
    """A kernel reads a file that every user of the machine may read, outside of the system's folders."""
    path = w.file("for all to read, but no kernel")
    shown = text_of(w.attack("read_by_any_way", path) or [0] * 64)
    return shown.startswith("for all"), shown


def come_and_go(w, tenant):
    """A program of the tenant's that builds a kernel, so that there is something in the tenant's cache, and ends."""
    with w.start("steady", "0.1", tenant=tenant) as run:
        run.child.wait()


@attack("mount-namespace", "own-uid", "landlock")
def read_another_tenants_cache(w):
    """A kernel reads what another tenant has in its cache."""
    folder = w.cache_of(w.register("another"))
    come_and_go(w, "another")
    path = os.path.join(next(entry.path for entry in os.scandir(folder)), "another-tenants")
    with open(path, "w", encoding="ascii") as file:
        file.write("compiled for another")
    os.chmod(path, 0o600)
    shown = text_of(w.attack("read_by_any_way", path) or [0] * 64)
    w.pool.command("tenant", "delete", "another")
    return shown == "compiled for another", shown


@attack("mount-namespace", "landlock", user=True)
def write_to_a_shared_folder(w):
    """A kernel leaves a file in /dev/shm."""
    path = f"/dev/shm/sluice-attack-{os.getpid()}"
    w.attack("write_by_name", path, "left")
    made = os.path.exists(path)
    if made:
        os.unlink(path)
    return made


@attack("own-uid", "landlock", user=None)
def write_settings_of_the_operating_system(w):
    """A kernel opens a setting of the operating system (core_pattern) for writing."""
    return held_open(w, "/proc/sys/kernel/core_pattern", os.O_WRONLY)


def held_open(w, path, flags):
    with w.launch("keep_open", path, flags) as run:
        run.reaches()
        return path in run.links(), run.peek()[:1]


@attack(always="workers have no capabilities", native=True, user=None)
def make_a_device_node(w):
    """A kernel makes a node of a device, which is /dev/zero's."""
    path = w.path("node")
    os.chmod(w.folder, 0o777)
    w.attack("make_node", path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.chmod(w.folder, 0o755)
    made = os.path.exists(path)
    return made and stat.S_ISCHR(os.stat(path).st_mode)


@attack("mount-namespace", "landlock", machine="own")
def fill_the_disk(w):
    """A kernel writes to every folder where everybody may write, as much as there is room for."""
    folder = w.path("folder")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    with w.launch("fill_folders", JUNK_MIB, folder, "/tmp", "/dev/shm", "/var/tmp", w.pool.runtime) as run:
        said = run.results(60)
        written = tree_bytes(folder, *(path for path in ("/tmp/junk", "/dev/shm/junk", "/var/tmp/junk") if os.path.exists(path)))
        for path in ("/tmp/junk", "/dev/shm/junk", "/var/tmp/junk"):
            if os.path.exists(path):
                os.unlink(path)
    return written > 1 << 20, f"{written >> 20} MiB {said[:6]}"


@attack(row="14", always="a tenant's cache has a quota, and goes with the tenant")
def leave_junk_in_the_cache(w):
    """A kernel leaves junk in its tenant's cache, which outlives session and tenant."""
    folder = w.cache_of(w.register("junk"))
    for _ in range(2):
        with w.launch("fill_folders", JUNK_MIB, *CACHES, *folders_in(folder), tenant="junk") as run:
            said = run.results(60)
    bounded = wait_until(lambda: tree_bytes(folder) <= CACHE_BYTES_MAX, 10, 0.1)
    kept = tree_bytes(folder)
    w.pool.command("tenant", "delete", "junk")
    gone = wait_until(lambda: not os.path.exists(folder), 10, 0.1)
    return not bounded or not gone, f"{kept >> 20} MiB kept; {'gone' if gone else 'still there'} after the tenant {said[:4]}"


def folders_in(folder):
    return [entry.path for entry in os.scandir(folder)] if os.path.isdir(folder) else []


@attack(row="14", always="folders are removed by descriptor, bit by bit, off the loop", machine="own")
def plant_a_hostile_tree_in_the_cache(w):
    """A kernel plants links to files of root, a FIFO, thousands of files and a thousand folders in each other, and its
    tenant is deleted."""
    target, content = w.secret()
    folder = w.cache_of(w.register("gardener"))
    come_and_go(w, "gardener")
    for place in (*CACHES, *folders_in(folder)):
        said = w.attack("plant_tree", place, target, tenant="gardener")
        if said and said[0] == 0:
            break
    planted = any("tree" in names for _, names, _ in os.walk(folder))
    come_and_go(w, "gardener")
    w.pool.command("tenant", "delete", "gardener")
    worst = w.daemon_latency_s(1)
    gone = wait_until(lambda: not os.path.exists(folder), 10, 0.1)
    subprocess.run(["rm", "-rf", folder], check=False)
    with open(target, encoding="ascii") as file:
        whole = file.read() == content and os.stat(target).st_mode & 0o777 == 0o600
    harmed = not whole or not gone or worst > 0.5
    return harmed, f"planted {planted}, target whole {whole}, tree gone {gone}, answer in {worst * 1000:.0f} ms {said[:7]}"
