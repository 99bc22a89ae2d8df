"""A pool of one's own for a scenario or a benchmark: starts the build tree's sluiced in a temporary folder, runs
programs in it and natively, and checks in the end that nothing is left of it.

Kernel caches are kept below the build folder, one for native runs and one for pools, so that only the first run of a
scenario compiles: a pool's first tenants begin with a copy of what pools before compiled. Pools whose workers have users
of their own and pools whose workers have none keep them apart: a worker cannot build in folders of another owner. Each
side is told by name which makes of drivers it sees: what else is installed changes nothing.
"""

import contextlib
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from sanitizers import Reports

READY_S_MAX = 40
STOP_S_MAX = 20
WARM_TENANTS = 2  # so many of a pool's tenants begin with kernels that pools before compiled

VENDORS = "/etc/OpenCL/vendors"
POCL = ("pocl",)  # makes of drivers, each by its ICD file in VENDORS
RUSTICL = ("rusticl",)
VARIABLES = {"rusticl": {"RUSTICL_ENABLE": "llvmpipe"}}  # what a make needs in its environment to offer a device


def find_build(named=None):
    """The build folder: the one named, $SLUICE_BUILD_DIR, or build/release of this tree."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return os.path.abspath(named or os.environ.get("SLUICE_BUILD_DIR") or os.path.join(root, "build", "release"))


def wait_until(condition, seconds, pause_s=0.005):
    """True as soon as condition() is; False if it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


def clean_environment():
    """This process's environment without anything that would put a shim or a pool in front of a program."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("SLUICE_", "POCL_", "RUSTICL_", "MESA_", "LD_", "OCL_ICD"))}


def die_with_parent():
    """For a child before it becomes a program: ends when its scenario does, also when that is killed for its time."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def processes_with(text):
    """Pids of living processes whose command line holds `text`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            continue
        if text.encode() in line and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def icd_folder(build, makes):
    """A folder with the ICD files of these makes alone, for the OpenCL loader."""
    folder = os.path.join(build, "warm", "vendors", "-".join(makes))
    os.makedirs(folder, exist_ok=True)
    for make in makes:
        try:
            os.symlink(os.path.join(VENDORS, make + ".icd"), os.path.join(folder, make + ".icd"))
        except FileExistsError:
            pass
    return folder


def variables_of(makes):
    return {name: value for make in makes for name, value in VARIABLES.get(make, {}).items()}


def named_for(name, makes):
    return name if makes == POCL else "-".join((name, *makes))


def control_groups(runtime):
    """The folders of the control groups of a pool with this runtime folder (pool_name in cgroups.cpp), the inner first."""
    name = 14695981039346656037
    for byte in runtime.encode():
        name = (name ^ byte) * 1099511628211 % (1 << 64)
    bases = [folder for pattern in ("sluice", "*/sluice", "sluice.slice/sluice-workers.service",
                                    "*/sluice.slice/sluice-workers.service")
             for folder in glob.glob(f"/sys/fs/cgroup/{pattern}/{name:016x}")]
    return [folder for base in bases for folder, _, _ in os.walk(base, topdown=False)]


def fences_denied_here(build):
    """Fences that this machine denies its ordinary users. Root has them all."""
    if os.geteuid() == 0:
        return []
    doctor = subprocess.run([os.path.join(build, "bin", "sluice"), "doctor", "--json"], stdout=subprocess.PIPE, text=True,
                            check=False)
    return json.loads(doctor.stdout)["jail_without"]


def jail_section(build, config, reports):
    """What a sanitizer reads in a worker; for an ordinary user, to do without the fences that this machine denies him.
    Nothing where neither is needed: builds to compare with may not know the section."""
    if "[jail]" in config:
        return ""
    readable, without = reports.readable_by_workers(), fences_denied_here(build)
    if "thread" in reports.sanitizers:  # its runtime looks for files of its own when a worker starts the linker
        without = sorted({*without, "mount-namespace", "landlock", "own-uid"})
    if not readable and not without:
        return ""
    return f"[jail]\nreadable = {json.dumps(readable)}\nwithout = {json.dumps(without)}\n"


class Side:
    """Where programs run: natively, or in a pool. Each side has its own home and kernel cache."""

    def __init__(self, build, name, makes, environment=None):
        self.name = named_for(name, makes)
        self.vendors = icd_folder(build, makes)
        self.cache = os.path.join(build, "warm", self.name)
        self.home = os.path.join(self.cache, "home")
        os.makedirs(self.home, exist_ok=True)
        self.environment = {**clean_environment(), "HOME": self.home, "LC_ALL": "C.UTF-8", **(environment or {})}
        for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            self.environment.pop(variable, None)

    def wrap(self, argv, **_):
        return argv

    def popen(self, argv, environment=None, tenant=None, memory=None, gpu=None, **options):
        whole = {**self.environment, **(environment or {})}
        return subprocess.Popen(self.wrap(argv, tenant=tenant, memory=memory, gpu=gpu), env=whole,
                                start_new_session=True, preexec_fn=die_with_parent, **options)

    def run(self, argv, seconds=300, cwd=None, stdin=None, **options):
        """Runs a program to its end; its outputs and exit status. One that hangs is killed and has status None."""
        child = self.popen(argv, cwd=cwd, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", **options)
        try:
            out, err = child.communicate(stdin, timeout=seconds)
            return subprocess.CompletedProcess(argv, child.returncode, out, err)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            return subprocess.CompletedProcess(argv, None, out, err + f"\n[did not end within {seconds} s]")


class Native(Side):
    def __init__(self, build, name="native", environment=None, makes=POCL):
        super().__init__(build, name, makes, environment)
        self.environment.update({"OCL_ICD_VENDORS": self.vendors, **variables_of(makes)})
        self.environment["POCL_CACHE_DIR"] = os.path.join(self.cache, "pocl")
        os.makedirs(self.environment["POCL_CACHE_DIR"], exist_ok=True)

    def wrap(self, argv, **_):
        """In a sanitizer build, what runs natively is the program's twin without sanitizers (sluice_native_twin)."""
        twin = f"{argv[0]}_native"
        return [twin, *argv[1:]] if os.path.exists(twin) else argv


def native_as_gpu(build, makes=POCL):
    """A native side whose devices are GPUs, as the pool's are: for programs that take or prefer nothing else."""
    return Native(build, "native-as-gpu", {"OPENCL_LAYERS": os.path.join(build, "programs", "as_gpu.so")}, makes)


class Pool(Side):
    """`with Pool(build) as pool:`; on leaving, the daemon is stopped and check_nothing_left() has been asked."""

    def __init__(self, build, name="pool", config="", environment=None, device_environment=None, ready=2,
                 makes=POCL, everyone=False, log_level="debug", workers="", vendors=None):
        """everyone: a pool for all users, which needs root; else one of this user's own. workers: more keys of the
        section. vendors: a folder of ICD files, instead of one with those of `makes`."""
        super().__init__(build, name, makes, environment)
        self.vendors = vendors or self.vendors
        self.build = build
        self.everyone = everyone
        self.folder = tempfile.mkdtemp(prefix="sluice-pool-")
        self.kernels = tempfile.mkdtemp(prefix="kernels-", dir=self.cache)  # beside the warm ones: they are linked
        self.runtime = os.path.join(self.folder, "run")
        self.log_path = os.path.join(self.folder, "sluiced.log")
        self.daemon = None
        self.leftovers = []
        self.reports = Reports(build, os.path.join(self.folder, "reports"))
        self.reported = []
        self.environment.update(self.reports.environment())
        self.shm_before = set(os.listdir("/dev/shm"))
        device_environment = {**variables_of(makes), **self.reports.worker_environment(), **(device_environment or {})}
        variables = ", ".join(f'{key} = "{value}"' for key, value in device_environment.items())
        self.config_path = os.path.join(self.folder, "sluiced.toml")
        jail = jail_section(build, config, self.reports)
        self.warm = os.path.join(self.cache, "compiled-one-uid" if '"own-uid"' in jail + config else "compiled-own-uids")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(jail + f'[daemon]\nlog_level = "{log_level}"\ncache_dir = "{self.kernels}"\n'
                       f"[workers]\nready = {ready}\n{workers}\n[opencl]\nicd_dir = \"{self.vendors}\"\n"
                       f"environment = {{ {variables} }}\n{config}\n")

    # ---- life ----

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.leftovers += self.look_for_leftovers()
        self.reports.listen(self.log())
        self.reported = self.reports.found()
        self.keep_kernels()
        for folder in (self.folder, self.kernels):
            shutil.rmtree(folder, ignore_errors=True)

    def start(self, wait=True):
        os.makedirs(self.runtime, mode=0o700, exist_ok=True)
        for folder in (self.folder, self.runtime):
            os.chmod(folder, 0o755 if self.everyone else 0o700)
        with open(self.log_path, "ab") as log:
            self.daemon = subprocess.Popen(
                [os.path.join(self.build, "sbin", "sluiced"), *([] if self.everyone else ["--user"]), "--runtime-dir",
                 self.runtime, "--config", self.config_path], env=self.environment, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent)
        if wait and not wait_until(lambda: self.daemon.poll() is not None or self.workers_ready() > 0, READY_S_MAX):
            raise RuntimeError(f"sluiced was not ready in {READY_S_MAX} s\n{self.log()}")
        if self.daemon.poll() is not None:
            raise RuntimeError(f"sluiced ended with {self.daemon.returncode}\n{self.log()}")
        if wait:
            self.warm_kernels()

    def warm_kernels(self):
        """Gives the tenants that will have the first ids what was compiled before."""
        for tenant in map(str, range(1, 1 + WARM_TENANTS if os.path.isdir(self.warm) else 1)):
            if not os.path.exists(os.path.join(self.kernels, tenant)):
                subprocess.run(["cp", "-al", self.warm, os.path.join(self.kernels, tenant)], check=False)

    def keep_kernels(self):
        """Files are linked, never written over; all belong to the owner of their device's folder, as the daemon has it."""
        os.makedirs(self.warm, mode=0o700, exist_ok=True)
        for tenant in filter(str.isdigit, os.listdir(self.kernels)):
            for device in os.scandir(os.path.join(self.kernels, tenant)):
                subprocess.run(["chown", "-Rh", f"--reference={device.path}", device.path], check=False)
                subprocess.run(["cp", "-aln", device.path, self.warm], check=False)

    def stop(self):
        if self.daemon is None or self.daemon.poll() is not None:
            return
        self.daemon.send_signal(signal.SIGTERM)
        try:
            if self.daemon.wait(STOP_S_MAX) != 0:
                self.leftovers.append(f"sluiced ended with {self.daemon.returncode}")
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            self.leftovers.append(f"sluiced did not stop within {STOP_S_MAX} s")

    def kill_daemon(self):
        self.daemon.kill()
        self.daemon.wait()

    # ---- what it says ----

    def run(self, argv, seconds=300, **options):
        ended = super().run(argv, seconds, **options)
        self.reports.listen(ended.stderr)
        return ended

    def wrap(self, argv, tenant=None, memory=None, gpu=None):
        line = [os.path.join(self.build, "bin", "sluice"), "run", "--runtime-dir", self.runtime]
        for option, value in (("--tenant", tenant), ("--memory", memory), ("--gpu", gpu)):
            line += [option, str(value)] if value is not None else []
        return line + ["--"] + list(argv)

    @property
    def socket(self):
        return os.path.join(self.runtime, "tenant.sock")

    def command(self, *words):
        """`sluice WORDS`, ended."""
        return subprocess.run([os.path.join(self.build, "bin", "sluice"), *words, "--runtime-dir", self.runtime],
                              env=self.environment, capture_output=True, text=True, check=False, timeout=30)

    def ask(self, *words):
        """The parsed answer of `sluice WORDS --json`; None if the daemon does not answer."""
        answer = self.command(*words, "--json")
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def status(self):
        return self.ask("status")

    def sessions(self):
        answer = self.ask("sessions")
        return answer["sessions"] if answer else []

    def ended_sessions(self):
        """When all programs have ended: a session ends a moment after its program."""
        wait_until(lambda: not self.sessions(), 5)
        return self.ask("sessions", "--ended")["sessions"]

    def workers_ready(self):
        status = self.status()
        return sum(device["workers"]["ready"] for device in status["devices"]) if status else 0

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- what it leaves ----

    def idle(self):
        """True if nothing at all is taken: no session, no tenant, no promised memory."""
        status = self.status()
        return status is not None and status["sessions"] == 0 and status["tenants"] == 0 and all(
            device["memory_promised_bytes"] == 0 and device["gpu_promised_milli"] == 0 and device["sessions"] == 0
            and device["workers"]["serving"] == 0 for device in status["devices"])

    def look_for_leftovers(self):
        """What a stopped pool left behind, in words."""
        left = []
        wait_until(lambda: not processes_with(self.runtime), 5)
        left += [f"process {pid}" for pid in processes_with(self.runtime)]
        left += [f"socket {name}" for name in os.listdir(self.runtime) if name.endswith(".sock")]
        workers = os.path.join(self.runtime, "workers")
        left += [f"workers/{name}" for name in (os.listdir(workers) if os.path.isdir(workers) else [])]
        left += [f"/dev/shm/{name}" for name in set(os.listdir("/dev/shm")) - self.shm_before]
        groups = control_groups(self.runtime)
        left += [f"control group {folder}" for folder in groups]
        for pid in left_over_processes(left):
            os.kill(pid, signal.SIGKILL)
        for folder in groups:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return left


def left_over_processes(left):
    return [int(item.split()[1]) for item in left if item.startswith("process ")]
