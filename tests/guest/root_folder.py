"""The guest's root file system: Debian 12 as debootstrap makes it, with Sluice installed into it. The Debian part is made
once for a list of packages and kept in the build folder; what a run adds goes into a copy whose unchanged files are
links to it.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess

SUITE = "bookworm"
# minbase has neither a kernel nor systemd. What Sluice links to is found by libraries_of().
PACKAGES = ("linux-image-amd64", "systemd-sysv", "udev", "dbus", "kmod", "procps", "python3", "clinfo", "pocl-opencl-icd",
            "ocl-icd-libopencl1", "binutils")
USERS = {"alice": 1000, "mallory": 1001}
DEBOOTSTRAP_S_MAX, INSTALL_S_MAX, IMAGE_S_MAX = 3600, 300, 900
IMAGE_BYTES = 4 << 30  # sparse
TESTS_FOLDER = "opt/sluice-tests"

# What a guest without a network, a console's user and a future does not need.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
          "getty@tty1.service", "serial-getty@ttyS0.service", "proc-sys-fs-binfmt_misc.automount",
          "systemd-binfmt.service", "systemd-journal-flush.service", "systemd-timesyncd.service",
          "systemd-update-utmp.service")

SERVICE = f"""[Unit]
Description=Tests of Sluice in a guest
Requires=dbus.service
After=dbus.service sluiced.service sluice-workers.service
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -B /{TESTS_FOLDER}/tests/guest/inside/checks.py
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""


def debian_mirror():
    """Where this machine's apt gets the suite from; None if its lists do not have it."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                             "Created-By: Packages"], capture_output=True, text=True, check=False)
    found = [line.split() for line in listed.stdout.splitlines()]
    return next((uri for uri, release, component in found if (release, component) == (SUITE, "main")), None)


def binaries(build):
    """What of the build the guest runs and is linked to libraries."""
    names = ("sbin/sluiced", "bin/sluice", "libexec/sluice-worker", "libexec/sluice-jailer",
             "libexec/libsluice-pocl-3.1.so", "shim/libOpenCL.so.1", "programs/steady")
    return [os.path.join(build, name) for name in names]


def libraries_of(programs):
    """The packages of this machine, which is Debian 12 too, that these programs' libraries come from."""
    listed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    words = {word for line in listed.splitlines() for word in line.split() if word.startswith("/lib/")}
    owners = subprocess.run(["dpkg-query", "-S", *words, *(f"/usr{word}" for word in words)], capture_output=True, text=True,
                            check=False).stdout
    return sorted({line.split(":")[0] for line in owners.splitlines() if not line.startswith("diversion")})


def packages_for(build):
    return sorted({*PACKAGES, *libraries_of(binaries(build))})


def run(argv, seconds, **options):
    """Runs a program; what it said is in the error if it fails."""
    ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                           timeout=seconds, check=False, **options)
    if ended.returncode != 0:
        end = "\n".join(ended.stdout.splitlines()[-30:])
        raise RuntimeError(f"{' '.join(argv)} ended with {ended.returncode}:\n{end}")


def make_debian(folder, packages):
    """A root folder in which only those packages are."""
    mirror = debian_mirror()
    if mirror is None:
        raise RuntimeError(f"apt knows no mirror with {SUITE} (apt-get update)")
    run(["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, folder, mirror], DEBOOTSTRAP_S_MAX)
    for name, uid in USERS.items():
        run(["chroot", folder, "useradd", "--create-home", "--uid", str(uid), name], INSTALL_S_MAX)
    shutil.rmtree(os.path.join(folder, "var/cache/apt/archives"), ignore_errors=True)


def debian(guest_folder, packages):
    """The folder with Debian; made if there is none for these packages yet."""
    key = hashlib.sha256(" ".join((SUITE, *packages, *USERS)).encode()).hexdigest()[:16]
    folder = os.path.join(guest_folder, f"debian-{key}")
    if not os.path.isdir(folder):
        unfinished = folder + ".unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        make_debian(unfinished, packages)
        os.rename(unfinished, folder)
    return folder


def install(build, source, root):
    """Sluice as an administrator installs it, its service enabled, and the tests. `root` begins with links to the files of
    Debian: here files may be added or replaced, and none written over."""
    run(["cmake", "--install", build, "--prefix", "/usr"], INSTALL_S_MAX, env={**os.environ, "DESTDIR": root})
    be_patient(os.path.join(root, "usr/etc/sluice/sluiced.toml"))
    tests = os.path.join(root, TESTS_FOLDER)
    for name in ("bin", "sbin", "libexec", "shim", "programs"):
        shutil.copytree(os.path.join(build, name), os.path.join(tests, "build", name), symlinks=True)
    for name in ("attacks", "guest", "scenarios"):
        shutil.copytree(os.path.join(source, "tests", name), os.path.join(tests, "tests", name))
    with open(os.path.join(root, "etc/systemd/system/sluice-tests.service"), "w", encoding="ascii") as file:
        file.write(SERVICE)
    run(["systemctl", f"--root={root}", "mask", *MASKED], INSTALL_S_MAX)
    run(["systemctl", f"--root={root}", "enable", "sluiced.service", "sluice-tests.service"], INSTALL_S_MAX)


def be_patient(configuration):
    """In a guest of a busy machine a driver may take minutes to load, and what the guest takes for processor time is little."""
    with open(configuration, encoding="utf-8") as file:
        text = file.read()
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(text.replace("[workers]\n", "[workers]\nstart_timeout_s = 300\n").replace(
            "[limits]\n", "[limits]\ncommand_s = 600\nbuild_s = 3600\n"))


def make_image(root, image):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(image)
    run(["mke2fs", "-q", "-t", "ext4", "-d", root, image, str(IMAGE_BYTES >> 10)], IMAGE_S_MAX)


class Disk:
    """The image of a root file system with Sluice, its kernel beside it; in `work`, which the caller removes."""

    def __init__(self, build, source, work):
        base = debian(os.path.join(build, "guest"), packages_for(build))
        root = os.path.join(work, "root")
        run(["cp", "-al", base, root], INSTALL_S_MAX)
        install(build, source, root)
        self.image = os.path.join(work, "root.ext4")
        make_image(root, self.image)
        self.kernel, self.initrd = os.path.join(base, "vmlinuz"), os.path.join(base, "initrd.img")
