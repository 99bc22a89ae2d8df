#!/usr/bin/python3
"""`cmake --install` under a prefix that the build knew nothing of gives a working system: the daemon that the unit
names tells its service manager when it is ready and when it stops, finds its configuration and its worker, and
programs come in through the installed command, also by the installed ICD."""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from pool import die_with_parent
from scenario import run

ANSWER_S_MAX = 60


class ServiceManager:
    """What systemd is to a service of Type=notify: a datagram socket that hears lines (sd_notify(3))."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(ANSWER_S_MAX)

    def hears(self, line):
        """True as soon as the service has said the line; False if it says nothing for too long."""
        try:
            while line not in self.socket.recv(4096).decode().splitlines():
                pass
            return True
        except TimeoutError:
            return False


def install(build, prefix):
    return subprocess.run(["cmake", "--install", build, "--prefix", prefix], capture_output=True, text=True,
                          check=False)


def unit_program(prefix):
    with open(os.path.join(prefix, "lib/systemd/system/sluiced.service"), encoding="utf-8") as file:
        return re.search(r"^ExecStart=(\S+)$", file.read(), re.MULTILINE).group(1)


def check_programs(scenario, prefix, runtime, environment):
    def sluice(*words):
        return subprocess.run([os.path.join(prefix, "bin", "sluice"), *words[0].split(), "--runtime-dir", runtime,
                               *words[1:]], env=environment, capture_output=True, text=True, check=False)

    let_in(scenario, sluice)
    linked = sluice("run", "--", "clinfo", "-l")
    scenario.check("Sluice" in linked.stdout, "a program comes in", linked.stdout + linked.stderr)
    loader = sorted(glob.glob("/usr/lib/*/libOpenCL.so.1"))[0]
    by_path = sluice("run", "--", scenario.program("load"), loader)
    scenario.check("sum 4950" in by_path.stdout and "platforms 1" in by_path.stdout,
                   "a program that opens the system's loader comes in through the installed ICD",
                   by_path.stdout + by_path.stderr)
    status = sluice("status")
    scenario.check(status.returncode == 0, "the installed command shows the pool", status.stderr)


def check_configuration(scenario, prefix, program, environment):
    path = os.path.join(prefix, "etc/sluice/sluiced.toml")
    with open(path, "a", encoding="utf-8") as file:
        file.write("nonsense = 1\n")
    check = subprocess.run([program, "--check-config"], env=environment, capture_output=True, text=True, check=False)
    scenario.check(check.returncode == 78 and "nonsense" in check.stdout + check.stderr,
                   "it reads the installed configuration", f"{check.returncode} {check.stdout}{check.stderr}")


def name_drivers(prefix, vendors):
    """What an administrator does whose system has more drivers than the pool should serve."""
    path = os.path.join(prefix, "etc/sluice/sluiced.toml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^#icd_dir = .*$", f'icd_dir = "{vendors}"', text, flags=re.MULTILINE))


def let_in(scenario, sluice):
    """What an administrator does next: the pool for all users lets in whom it knows."""
    stranger = sluice("run", "--", "clinfo", "-l")
    scenario.check("knows no tenant for uid" in stranger.stderr, "before there is a tenant, nobody comes in",
                   stranger.stdout + stranger.stderr)
    made = sluice("tenant create", "somebody", "--memory", "1GiB", "--uid", str(os.getuid()))
    scenario.check(made.returncode == 0, "a tenant is created", made.stderr)


def main(scenario):
    folder = tempfile.mkdtemp(prefix="sluice-installed-")
    prefix, runtime = os.path.join(folder, "prefix"), os.path.join(folder, "run")
    done = install(scenario.build, prefix)
    scenario.check(done.returncode == 0, "it installs", done.stderr)
    for page in ("man1/sluice.1", "man5/sluiced.toml.5", "man8/sluiced.8"):
        scenario.check(os.path.exists(os.path.join(prefix, "share/man", page)), f"{page} is there")
    program = unit_program(prefix)
    scenario.check(program == os.path.join(prefix, "sbin/sluiced"), "the unit names the installed daemon", program)
    if os.geteuid() == 0:
        check_service(scenario, folder, prefix, runtime, program)
    else:
        scenario.note("a pool for all users needs root: what follows is left out")
    shutil.rmtree(folder, ignore_errors=True)


def check_service(scenario, folder, prefix, runtime, program):
    name_drivers(prefix, scenario.native.vendors)
    manager = ServiceManager(folder)
    environment = {**scenario.native.environment, "NOTIFY_SOCKET": manager.path}
    daemon = subprocess.Popen([program, "--runtime-dir", runtime], env=environment, stderr=subprocess.PIPE, text=True,
                              preexec_fn=die_with_parent)
    scenario.check(manager.hears("READY=1"), "it tells the service manager that it is ready")
    check_programs(scenario, prefix, runtime, environment)
    daemon.send_signal(signal.SIGTERM)
    scenario.check(manager.hears("STOPPING=1"), "it tells the service manager that it stops")
    log = daemon.communicate(timeout=ANSWER_S_MAX)[1]
    scenario.check(daemon.returncode == 0, "it stops cleanly", log)
    check_configuration(scenario, prefix, program, environment)


if __name__ == "__main__":
    run(main, needs_pool=False)
