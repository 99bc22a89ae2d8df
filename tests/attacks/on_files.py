"""Attacks on files of others, on the machine's and on the worker's own folders."""

import os
import stat

from suite import attack
from world import text_of, tree_bytes

NAMES = ("mount-namespace",)  # what a worker cannot name it cannot touch


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


@attack("mount-namespace", "own-uid", "seccomp", row="1")
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


@attack("mount-namespace", "own-uid", "landlock")
def read_another_tenants_cache(w):
    """A kernel reads what another tenant has in its cache."""
    w.other_worker()
    folder = next(folder for folder, _, _ in os.walk(os.path.join(w.pool.cache, "kernels"))
                  if "bystander" in folder or folder != os.path.join(w.pool.cache, "kernels"))
    path = os.path.join(folder, "another-tenants")
    with open(path, "w", encoding="ascii") as file:
        file.write("compiled for another")
    os.chmod(path, 0o600)
    shown = text_of(w.attack("read_by_any_way", path) or [0] * 64)
    os.unlink(path)
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


@attack("mount-namespace", "own-uid", "landlock")
def write_settings_of_the_operating_system(w):
    """A kernel opens a setting of the operating system (core_pattern) for writing."""
    return held_open(w, "/proc/sys/kernel/core_pattern", os.O_WRONLY)


def held_open(w, path, flags):
    with w.launch("keep_open", path, flags) as run:
        run.reaches()
        return path in run.links(), run.peek()[:1]


@attack("mount-namespace", "own-uid", "seccomp", "landlock")
def make_a_device_node(w):
    """A kernel makes a node of a device, which is /dev/zero's."""
    path = w.path("node")
    os.chmod(w.folder, 0o777)
    w.attack("make_node", path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.chmod(w.folder, 0o755)
    made = os.path.exists(path)
    return made and stat.S_ISCHR(os.stat(path).st_mode)
