"""What bench/slices measures with: a pool, tenants in it, slice_load as their program, and how much of the device's time
each had in any stretch. All stamps are CLOCK_MONOTONIC's, in nanoseconds, as the programs' are."""

import bisect
import contextlib
import json
import os
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenarios"))

from pool import Native, Pool, find_build, wait_until  # noqa: E402,F401  (by the path above)

SAMPLE_S = 0.05
BUSY_S_MAX = 60
END_S_MAX = 60
MEMORY = "64MiB"


class Bench:
    """The pool of a whole run, the native side, and slice_load's calibration."""

    def __init__(self, build, quick, seconds):
        self.build = build
        self.quick = quick
        self.seconds = seconds
        self.native = Native(build)
        self.pool = Pool(build, name="pool-slices", config="[limits]\nsessions_max = 256\n", log_level="info")
        self.program = os.path.join(build, "bench", "slice_load")
        self.calibration = os.path.join(self.pool.folder, "calibration")
        self.launch_ns, self.iteration_ns = 0.0, 1.0
        self.loads = 0

    def calibrate(self):
        with self.tenants({"alone": []}):
            ended = self.pool.run([self.program, "--calibrate", "--calibration", self.calibration], 120, tenant="alone")
        if ended.returncode != 0:
            raise RuntimeError(f"slice_load --calibrate ended with {ended.returncode}\n{ended.stderr}")
        measured = json.loads(ended.stdout)
        self.launch_ns, self.iteration_ns = measured["launch_ns"], measured["iteration_ns"]

    def command(self, *words):
        """`sluice WORDS`; again while what a deleted tenant's program held is still being given back."""
        ended = self.pool.command(*words)
        end = time.monotonic() + END_S_MAX
        while "still ending; try again" in ended.stderr and time.monotonic() < end:
            time.sleep(0.1)
            ended = self.pool.command(*words)
        if ended.returncode != 0:
            raise RuntimeError(f"sluice {' '.join(words)}: {ended.stderr}")

    @contextlib.contextmanager
    def tenants(self, terms, memory=MEMORY):
        """{name: its words for `sluice tenant create`}, registered for as long as it is entered."""
        try:
            for name, words in terms.items():
                self.command("tenant", "create", name, "--memory", memory, "--uid", str(os.getuid()), *words)
            yield
        finally:
            for name in terms:
                self.pool.command("tenant", "delete", name, "--force")

    def load(self, tenant, *words, trace=False):
        self.loads += 1
        return Load(self, tenant, words, os.path.join(self.pool.folder, f"load-{self.loads}"), trace)

    def sessions(self):
        """The live sessions, with their reasons: asked of the daemon itself, which takes less than a program does."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.path.join(self.pool.runtime, "admin.sock"))
            connection.sendall(b'{"verb":"sessions","why":true}\n')
            return json.loads(b"".join(iter(lambda: connection.recv(1 << 20), b"")))["sessions"]

    def wait_until_busy(self, tenants, launches=1):
        """Until each has had so many of its launches ended."""
        def busy():
            used = {session["tenant"] for session in self.sessions() if session["usage"]["launches"] >= launches}
            return used >= set(tenants)
        if not wait_until(busy, BUSY_S_MAX, 0.05):
            raise RuntimeError(f"not all of {', '.join(tenants)} were busy within {BUSY_S_MAX} s\n{self.pool.log()[-2000:]}")

    def watch(self, seconds):
        """[(stamp, {tenant: device_ns})] over so long, all tenants of a sample at one moment."""
        samples = []
        due = time.monotonic()
        end = due + seconds
        while True:
            sessions = self.sessions()
            samples.append((time.monotonic_ns(), {each["tenant"]: each for each in sessions}))
            if time.monotonic() >= end:
                return Samples(samples)
            due = max(due + SAMPLE_S, time.monotonic())
            time.sleep(max(0.0, min(due, end) - time.monotonic()))


class Load:
    """slice_load, as a tenant's program or natively (tenant None), until end()."""

    def __init__(self, bench, tenant, words, path, trace):
        self.bench, self.tenant, self.path = bench, tenant, path
        argv = [bench.program, "--calibration", bench.calibration, *words]
        if trace:
            argv += ["--trace", path + ".trace"]
        side = bench.native if tenant is None else bench.pool
        with open(path, "w", encoding="ascii") as out:
            self.child = side.popen(argv, tenant=tenant, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE,
                                    text=True)
        self.stamps, self.done_ns, self.took_us, self.summary = [], [], [], None

    def end(self):
        """Its output is read when it has ended: reading along would take the device's time."""
        self.child.stdin.close()
        return self.wait()

    def wait(self):
        try:
            code = self.child.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = self.child.wait()
        if code != 0:
            raise RuntimeError(f"slice_load of {self.tenant or 'nobody'} ended with {code}\n{self.child.stderr.read()}")
        with open(self.path, encoding="ascii") as file:
            for line in map(json.loads, file):
                self.take(line)
        return self

    def take(self, line):
        if "summary" in line:
            self.summary = line["summary"]
        elif "took_us" in line:
            self.took_us.append((line["ns"], line["took_us"]))
        else:
            self.stamps.append(line["ns"])
            self.done_ns.append(line["iterations"] * self.bench.iteration_ns + line["kernels"] * self.bench.launch_ns)

    def work_ns(self, start, end):
        """What the kernels that it knew to be finished between two stamps would have taken alone."""
        return self.done_at(end) - self.done_at(start)

    def done_at(self, stamp):
        return self.done_ns[max(0, bisect.bisect_right(self.stamps, stamp) - 1)]

    def spans(self):
        """[(started, ended)] of its kernels, in order."""
        with open(self.path + ".trace", encoding="ascii") as file:
            return sorted(tuple(map(int, line.split())) for line in file)


class Samples:
    """What the daemon said of all sessions, at moments."""

    def __init__(self, samples):
        self.samples = samples
        self.stamps = [stamp for stamp, _ in samples]

    def device_ns(self, tenant, first=0, last=-1):
        return self.used(tenant, last) - self.used(tenant, first)

    def used(self, tenant, index):
        session = self.samples[index][1].get(tenant)
        return session["usage"]["device_ns"] if session else 0

    def span_ns(self, first=0, last=-1):
        return self.stamps[last] - self.stamps[first]

    def windows(self, window_ns=10**9):
        """[(first, last)]: every window of at least that length, one from each sample on."""
        pairs = ((first, bisect.bisect_left(self.stamps, stamp + window_ns)) for first, stamp in enumerate(self.stamps))
        return [(first, last) for first, last in pairs if last < len(self.stamps)]

    def both_want(self, tenants):
        """[(first, last)]: neighbouring samples at both of which each of the tenants ran or waited."""
        def wants(index):
            sessions = self.samples[index][1]
            return all(sessions.get(tenant, {}).get("why", {}).get("state", "idle") != "idle" for tenant in tenants)
        return [(index, index + 1) for index in range(len(self.stamps) - 1) if wants(index) and wants(index + 1)]


class Trace:
    """A tenant's use of the device by its kernels' own events: exact for kernels that are not cut."""

    def __init__(self, spans):
        self.started = [span[0] for span in spans]
        self.ended = [span[1] for span in spans]
        self.before = [0]
        for started, ended in spans:
            self.before.append(self.before[-1] + ended - started)

    def device_ns(self, start, end):
        return self.until(end) - self.until(start)

    def until(self, stamp):
        count = bisect.bisect_right(self.started, stamp)
        over = max(0, self.ended[count - 1] - stamp) if count else 0
        return self.before[count] - over
